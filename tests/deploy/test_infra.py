"""The Azure template, as far as it can be checked without Azure; docs/deploy.md names the rest."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.doctor.names import read_by_the_app
from tests.deploy import arm_schema, bicep
from tests.deploy.identity_settings import CONNECTIONS
from tests.deploy.template import SETTINGS_OF
from triggers.settings import TriggerSettings

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
APP = INFRA / "modules/function-app.bicep"
HOOK = INFRA / "subscribe.sh"
#: Of Bicep's own functions, those that the template calls.
FUNCTIONS = {
    *("any", "concat", "contains", "empty", "environment", "fail", "filter", "guid", "items"),
    *(
        "join",
        "listKeys",
        "loadJsonContent",
        "map",
        "loadTextContent",
        "replace",
        "resourceGroup",
        "split",
        "string",
    ),
    *("subscription", "subscriptionResourceId", "toLower", "trim", "union", "uniqueString"),
    *("uriComponent",),
    # And its decorators.
    *("allowed", "description", "maxLength", "maxValue", "minLength", "minValue"),
}
#: What `triscore package` writes into settings.json.
PACKAGED = {
    *("AZUREML_MODEL_DIR", "AZUREML_ENTRY_SCRIPT", "TRIGGERS", "HTTP_AUTH_LEVEL"),
    *("INPUT_BLOB_PATH", "OUTPUT_CONTAINER", "CLAIM_CONTAINER"),
    *("INPUT_QUEUE_NAME", "OUTPUT_QUEUE_NAME"),
    *("INPUT_TOPIC_NAME", "INPUT_SUBSCRIPTION_NAME", "OUTPUT_TOPIC_NAME", "IS_SESSIONS_ENABLED"),
}
#: Built-in roles that let an identity use data and manage nothing.
DATA_ROLES = {
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "Azure Service Bus Data Receiver",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "Azure Service Bus Data Sender",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
}

TEMPLATES = {path: bicep.read(path) for path in FILES}
MAIN = TEMPLATES[INFRA / "main.bicep"]
RESOURCES = [
    pytest.param(resource, id=f"{path.stem}-{resource.symbol}")
    for path, template in TEMPLATES.items()
    for resource in template.resources
    if not resource.existing
]
each_file = pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda t: t.path.stem)


@each_file
def test_every_name_is_declared_and_used(template):
    values = set(template.parameters) | set(template.variables)
    assert values <= template.used
    assert template.used <= template.declared
    assert template.called <= FUNCTIONS


@each_file
def test_every_module_gets_the_parameters_that_it_has(template):
    for module in template.modules:
        parameters = TEMPLATES[module.path].parameters
        needed = {name for name, default in parameters.items() if default is None}
        assert needed <= set(module.params) <= set(parameters), module.symbol


@each_file
def test_every_output_that_is_used_exists(template):
    paths = {module.symbol: module.path for module in template.modules}
    asked = re.findall(r"(\w+)!?\.outputs\.(\w+)", template.path.read_text())
    for symbol, output in asked:
        assert output in TEMPLATES[paths[symbol]].outputs, f"{symbol}.{output}"


def test_every_module_is_used():
    used = {module.path for template in TEMPLATES.values() for module in template.modules}
    assert set(FILES) - used == {INFRA / "main.bicep", INFRA / "event-grid.bicep"}


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_resource_is_what_azure_takes_in_that_version(resource):
    assert arm_schema.faults(resource) == []


def test_the_schema_check_finds_what_azure_would_refuse():
    body = {
        "sku": {"name": "Standard", "tier": "Best"},
        "properties": {"disableLocalAuth": "yes", "tls": "1.2", "status": "Active"},
    }
    wrong = bicep.Resource("bus", "Microsoft.ServiceBus/namespaces", "2015-01-01", body, False)
    at = "Microsoft.ServiceBus/namespaces"
    assert arm_schema.faults(wrong) == [
        "no version 2015-01-01",
        f"{at}.sku.tier is 'Best', none of Basic, Standard, Premium",
        f"{at}.properties.disableLocalAuth is 'yes', no bool",
        f"{at}.properties: no property tls",
        f"{at}.properties.status cannot be set",
        f"{at}.location is missing",
    ]


def test_the_app_settings_are_those_that_the_code_reads_and_no_package_names():
    told = SETTINGS_OF["http,blob,servicebus"]
    assert told == read_by_the_app() - PACKAGED | CONNECTIONS
    assert read_by_the_app() >= PACKAGED


def test_a_setting_that_azure_does_not_change_has_the_value_of_the_sample():
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    told = TEMPLATES[APP].variables["scoringSettings"]
    same = {name: each for name, each in told.items() if isinstance(each, str) and name in sample}
    assert same.pop("BLOB_SOURCE") == "EventGrid"
    assert same.pop("CONSOLE") == "false"
    assert len(same) > 5
    assert same == {name: sample[name] for name in same}


def test_a_setting_that_a_package_leaves_out_has_the_apps_default():
    text = MAIN.path.read_text()
    defaults = dict(re.findall(r"package\.\?(\w+) \?\? '([^']*)'", text))
    assert len(defaults) == text.count("package.?")
    assert TriggerSettings.from_env(defaults) == TriggerSettings()


def test_what_overrides_host_json_is_in_it_and_by_default_says_the_same():
    host = json.loads((ROOT / "host.json").read_text())
    settings = TEMPLATES[APP].variables["platformSettings"]
    overrides = [name for name in settings if name.startswith("AzureFunctionsJobHost__")]
    defaults = []
    for name in overrides:
        found = host
        for part in name.split("__")[1:]:
            found = found[part]
        defaults.append(found)
    assert defaults == [MAIN.parameters["blobConcurrency"], MAIN.parameters["messageBatchSize"]]


def test_the_functions_that_the_template_names_are_the_apps():
    named = re.findall(
        r"function:(\w+)'|Host\.Functions\.(\w+)",
        APP.read_text() + (INFRA / "event-grid.bicep").read_text(),
    )
    blueprints = "".join(path.read_text() for path in (ROOT / "triggers").rglob("*_blueprint.py"))
    assert len(named) == 2
    for names in named:
        assert f"async def {''.join(names)}(" in blueprints


def test_the_identity_gets_roles_that_use_data_and_manage_nothing():
    text = "".join(path.read_text() for path in FILES)
    guids = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text))
    assert guids == set(DATA_ROLES)


def test_no_setting_holds_a_key_or_a_connection_string():
    text = "".join(path.read_text() for path in FILES)
    assert not re.search("AccountKey|SharedAccessKey|primaryConnectionString", text)
    # One fills a vault, the other is Event Grid's own; neither comes to an app setting.
    assert [path.stem for path in FILES if "listKeys" in path.read_text()] == [
        "event-grid",
        "classic-redis",
    ]


def test_azd_fills_the_parameters_and_keeps_their_defaults():
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(MAIN.parameters) - set(given) == {"appSettings"}
    assert set(given) <= set(MAIN.parameters)
    for name, each in given.items():
        default = MAIN.parameters[name]
        if default is None:
            assert re.fullmatch(r"\$\{AZURE_\w+\}", each["value"])
        else:
            text = str(default).lower() if isinstance(default, bool) else str(default)
            assert re.fullmatch(r"\$\{\w+=(.*)\}", each["value"])[1] == text


def test_azd_finds_the_template_the_service_and_the_hook():
    project = yaml.safe_load((ROOT / "azure.yaml").read_text())
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep") in FILES
    ((name, service),) = project["services"].items()
    assert f"'azd-service-name': '{name}'" in APP.read_text()
    # The template makes what the very package names that is sent.
    assert f"loadJsonContent('../{service['project']}/settings.json')" in MAIN.path.read_text()
    assert os.access(ROOT / project["hooks"]["postdeploy"]["run"], os.X_OK)


def test_the_hook_knows_only_what_the_template_puts_out_and_the_event_template_takes():
    text = HOOK.read_text()
    subprocess.run(["sh", "-n", HOOK], check=True, timeout=10)
    assert set(re.findall(r"\$\{?([A-Z_]{3,})", text)) <= set(MAIN.outputs)
    given = set(re.findall(r"(\w+)=\"\$", text))
    parameters = TEMPLATES[INFRA / "event-grid.bicep"].parameters
    assert given == {name for name, default in parameters.items() if default is None}
