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
from inference import package_settings
from inference.results.result_store import ResultStore
from inference.serving import hung_threads, shutdown
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from triggers.blob_trigger import blob_blueprint
from triggers.connections import validation
from triggers.description import openapi_v2
from triggers.http_trigger import open_inference_blueprint, operations_blueprint, score_blueprint
from triggers.service_bus_trigger import service_bus_blueprint

gc.freeze()
gc.enable()
ROOT = Path(__file__).resolve().parent


def build() -> tuple[func.FunctionApp, Scorer]:
    """The app, and the scorer behind its doors. Raises SettingError, CacheSettingError."""
    env = package_settings.with_defaults(os.environ, root=ROOT)
    inference = InferenceSettings.from_env(env, root=ROOT)
    doors = validation.door_settings(env)
    # Entry scripts written for Azure ML look for their model there.
    os.environ["AZUREML_MODEL_DIR"] = str(inference.model_dir)
    store = cache.build(CacheSettings.from_env(env))
    scorer = Scorer(inference, store, keys, exit_process=hung_threads.exit_process)
    shutdown.close_with_loop(scorer.close, store.close)
    results = ResultStore(store, keys.result_key, inference.result_ttl_s, doors.message_ttl_s)

    built = func.FunctionApp(http_auth_level=func.AuthLevel(doors.http_auth_level))
    if "http" in doors.triggers:
        built.register_functions(score_blueprint.blueprint(scorer, results, doors))
        told = openapi_v2.paths(scorer.model.name)
        built.register_functions(operations_blueprint.blueprint(scorer, doors, told))
        built.register_functions(open_inference_blueprint.blueprint(scorer))
    if "blob" in doors.triggers:
        built.register_functions(blob_blueprint.blueprint(scorer, results, doors, os.environ, ROOT))
    if "servicebus" in doors.triggers:
        built.register_functions(
            service_bus_blueprint.blueprint(scorer, results, doors, os.environ)
        )
    return built, scorer


app, scorer = build()
