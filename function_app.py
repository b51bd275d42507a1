"""Triscore's composition root, and the only reader of the environment."""

import gc
import os
from pathlib import Path

# What is imported stays: that the collector walks it again and again is a twentieth of the start.
gc.disable()

import azure.functions as func

import cache
from cache import keys
from cache.settings import CacheSettings
from inference import closing, hung, packaged
from inference.results import Results
from inference.scorer import Scorer
from inference.settings import InferenceSettings
from triggers import (
    blob_trigger,
    connections,
    health_trigger,
    http_trigger,
    openapi_v2,
    service_bus_trigger,
    v2_trigger,
)

gc.freeze()
gc.enable()
ROOT = Path(__file__).resolve().parent


def build() -> tuple[func.FunctionApp, Scorer]:
    """The app, and the scorer behind its doors. Raises SettingError, CacheSettingError."""
    env = packaged.under(os.environ, root=ROOT)
    inference = InferenceSettings.from_env(env, root=ROOT)
    doors = connections.door_settings(env)
    # Entry scripts written for Azure ML look for their model there.
    os.environ["AZUREML_MODEL_DIR"] = str(inference.model_dir)
    store = cache.build(CacheSettings.from_env(env))
    scorer = Scorer(inference, store, keys, end=hung.end_process)
    closing.with_the_loop(scorer.close, store.close)
    results = Results(store, keys.result_key, inference.result_ttl_s, doors.message_ttl_s)

    built = func.FunctionApp(http_auth_level=func.AuthLevel(doors.http_auth_level))
    if "http" in doors.triggers:
        built.register_functions(http_trigger.blueprint(scorer, results, doors))
        told = openapi_v2.paths(scorer.model.name)
        built.register_functions(health_trigger.blueprint(scorer, doors, told))
        built.register_functions(v2_trigger.blueprint(scorer))
    if "blob" in doors.triggers:
        built.register_functions(blob_trigger.blueprint(scorer, results, doors, os.environ, ROOT))
    if "servicebus" in doors.triggers:
        built.register_functions(service_bus_trigger.blueprint(scorer, results, doors, os.environ))
    return built, scorer


app, scorer = build()
