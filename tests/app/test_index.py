"""The functions and bindings that the platform reads, and the rules that they must keep."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.run_python import run_python

ROOT = Path(__file__).resolve().parents[2]
READ = """
import json, function_app
functions = function_app.app.get_functions()
bindings = {f.get_function_name(): [b.get_dict_repr() for b in f.get_bindings()] for f in functions}
print(json.dumps(bindings, default=str))
"""


ROUTES = """
import asyncio, json, azure.functions as func, function_app
functions = {f.get_function_name(): f for f in function_app.app.get_functions()}
request = func.HttpRequest(method="GET", url="http://h/api/openapi.json", body=b"")
document = asyncio.run(functions["openapi_json"].get_user_function()(request)).get_body()
triggers = [f.get_trigger().get_dict_repr() for f in functions.values()]
routes = [(t["route"], [m.value for m in t["methods"]]) for t in triggers if "route" in t]
print(json.dumps([routes, json.loads(document)]))
"""


def load(code: str = READ, **settings: str) -> subprocess.CompletedProcess[str]:
    return run_python("-c", code, env={"PATH": os.environ["PATH"], **settings})


@pytest.fixture(scope="module")
def functions():
    return json.loads(load().stdout)


V2_OPEN = {
    "v2": "v2",
    "v2_live": "v2/health/live",
    "v2_ready": "v2/health/ready",
    "v2_model": "v2/models/{name}",
    "v2_version": "v2/models/{name}/versions/{version}",
    "v2_model_ready": "v2/models/{name}/ready",
    "v2_version_ready": "v2/models/{name}/versions/{version}/ready",
}
V2_KEYED = {
    "v2_infer": "v2/models/{name}/infer",
    "v2_version_infer": "v2/models/{name}/versions/{version}/infer",
}
HTTP = {
    "score",
    "results_by_id",
    "live",
    "ready",
    "openapi_json",
    "swagger_json",
    "metrics",
    *V2_OPEN,
    *V2_KEYED,
}


def test_the_app_is_indexed_without_the_sdk_of_its_blobs():
    modules = load(f"{READ}\nimport sys; print(*sys.modules)").stdout.splitlines()[-1].split()
    assert "azure.functions" in modules
    assert not {"azure.core", "azure.storage", "azure.identity"} & set(modules)


def test_the_three_triggers_are_declared(functions):
    assert set(functions) == {*HTTP, "score_blob", "score_messages"}


def binding(functions, name: str, kind: str):
    return next(each for each in functions[name] if each["type"] == kind)


def test_messages_come_as_batches_of_bytes(functions):
    trigger = binding(functions, "score_messages", "serviceBusTrigger")
    assert trigger["dataType"] == "BINARY"
    assert trigger["cardinality"] == "MANY"
    assert (
        json.loads((ROOT / "host.json").read_text())["extensions"]["serviceBus"][
            "maxMessageBatchSize"
        ]
        <= 64
    )


def test_the_deferred_blob_has_no_binding_expression_beside_it(functions):
    assert binding(functions, "score_blob", "blobTrigger")["path"] == "scoring-input/{name}"
    others = [each for each in functions["score_blob"] if each["type"] != "blobTrigger"]
    assert "{" not in json.dumps([list(each.values()) for each in others])


def test_routes_that_show_data_need_a_key_and_health_does_not(functions):
    def level(name):
        return binding(functions, name, "httpTrigger").get("authLevel")

    assert {level(name) for name in ("live", "ready")} == {"ANONYMOUS"}
    assert {level(name) for name in ("score", "results_by_id", "metrics")} == {"FUNCTION"}


CONSOLE = {
    "console": ("console", "GET", "ANONYMOUS"),
    "console_assets": ("console/assets/{file}", "GET", "ANONYMOUS"),
    "console_model": ("console/model", "GET", "ANONYMOUS"),
    "console_state": ("console/state", "GET", "FUNCTION"),
    "console_files": ("console/files", "POST", "FUNCTION"),
    "console_file": ("console/files/{id}", "GET", "FUNCTION"),
    "docs": ("docs", "GET", "ANONYMOUS"),
    "docs_assets": ("docs/assets/{file}", "GET", "ANONYMOUS"),
}


def test_the_console_is_there_where_it_is_set_and_its_pages_are_anonymous():
    functions = json.loads(load(CONSOLE="true", TRIGGERS="http,blob").stdout)
    assert set(functions) == {*HTTP, *CONSOLE, "score_blob"}
    for name, expected in CONSOLE.items():
        trigger = binding(functions, name, "httpTrigger")
        assert (trigger["route"], *trigger["methods"], trigger["authLevel"]) == expected


def test_the_app_is_indexed_without_the_library_of_its_metrics():
    loaded = load(f"{READ}\nimport sys; print(*sys.modules)").stdout.split()
    assert "azure.functions" in loaded
    assert not any(name.startswith("prometheus_client") for name in loaded)


def test_the_inference_protocol_has_its_paths_and_only_inference_needs_a_key(functions):
    for name, route in (V2_OPEN | V2_KEYED).items():
        trigger = binding(functions, name, "httpTrigger")
        assert trigger["route"] == route
        assert trigger["methods"] == (["POST"] if name in V2_KEYED else ["GET"])
        assert trigger["authLevel"] == ("FUNCTION" if name in V2_KEYED else "ANONYMOUS")


@pytest.mark.parametrize(
    ("triggers", "names"),
    [
        ("blob", {"score_blob"}),
        ("servicebus", {"score_messages"}),
        ("http", HTTP),
    ],
)
def test_one_trigger_needs_nothing_of_the_others(triggers, names):
    functions = json.loads(load(TRIGGERS=triggers).stdout)
    assert set(functions) == names
    if triggers == "http":
        assert "serviceBus" not in json.dumps(functions)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AZUREML_MODEL_DIR", "models/nowhere"),
        ("AZUREML_ENTRY_SCRIPT", "nowhere.py"),
        ("MAX_ROWS", "many"),
        ("SCORING_TIMEOUT_S", "0"),
        ("CACHE_TTL_S", "-1"),
        ("REDIS_URL", "localhost"),
        ("TRIGGERS", "smtp"),
        ("ALLOW_UNPINNED_MODEL", "perhaps"),
    ],
)
def test_a_bad_setting_stops_the_start_and_is_named(name, value):
    done = load(**{name: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert name in last
    assert "expected" in last


def test_every_setting_of_the_sample_is_one_that_is_read():
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert json.loads(load(**sample).stdout)
    read = "".join(
        file.read_text()
        for room in ("inference", "cache", "triggers")
        for file in (ROOT / room).rglob("*.py")
    )
    platform = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
    assert {name for name in sample if f'"{name}"' not in read} == platform


@pytest.mark.parametrize("console", ["true", "false"])
def test_the_openapi_document_has_every_route_of_the_app(console):
    routes, document = json.loads(load(ROUTES, CONSOLE=console).stdout)
    OpenAPIV31SpecValidator(document).validate()
    assert {f"/{route.replace('{*', '{')}": sorted(methods) for route, methods in routes} == {
        path: sorted(key.upper() for key in item if key != "parameters")
        for path, item in document["paths"].items()
    }
