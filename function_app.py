"""Triscore's composition root, and the only reader of the environment."""

import gc
import os
from pathlib import Path

# Imported objects stay alive: collecting them again and again takes a twentieth of the start.
gc.disable()

import azure.functions as func

import cache
from cache import keys
from inference import package_settings
from inference.results.result_store import ResultStore
from inference.serving import shutdown
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from inference.tracing import exporting
from triggers.blob_trigger import blob_blueprint
from triggers.connections.validation import trigger_settings
from triggers.console import console_blueprint
from triggers.description import openapi_v2
from triggers.http_trigger import open_inference_blueprint, operations_blueprint, score_blueprint
from triggers.service_bus_trigger import service_bus_blueprint

gc.freeze()
gc.enable()
ROOT = Path(__file__).resolve().parent


def build() -> tuple[func.FunctionApp, Scorer]:
    """The app, and the scorer that its triggers share. Raises SettingError, CacheSettingError."""
    env = package_settings.with_defaults(os.environ, root=ROOT)
    inference, settings = InferenceSettings.from_env(env, root=ROOT), trigger_settings(env)
    exporting.configure(env)
    # Entry scripts written for Azure ML look for their model there.
    os.environ["AZUREML_MODEL_DIR"] = str(inference.model_dir)
    store = cache.build(cache.CacheSettings.from_env(env))
    scorer = Scorer.in_worker(inference, store, keys, ROOT)
    shutdown.close_with_loop(scorer.close, store.close, exporting.close)
    results = ResultStore(store, keys.result_key, inference.result_ttl_s, settings.message_ttl_s)

    built = func.FunctionApp(http_auth_level=func.AuthLevel(settings.http_auth_level))
    add = built.register_functions
    if "http" in settings.triggers:
        add(score_blueprint.blueprint(scorer, results, settings, os.environ))
        add(operations_blueprint.blueprint(scorer, settings, openapi_v2.paths(scorer.model.name)))
        add(open_inference_blueprint.blueprint(scorer))
        if settings.console:
            add(console_blueprint.blueprint(scorer, settings, os.environ))
    if "blob" in settings.triggers:
        add(blob_blueprint.blueprint(scorer, results, settings, os.environ, ROOT))
    if "servicebus" in settings.triggers:
        add(service_bus_blueprint.blueprint(scorer, results, settings, os.environ))
    return built, scorer


app, scorer = build()
