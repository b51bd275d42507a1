"""The Kubernetes manifest: the API server accepts it, and its parts agree.

KEDA's own kinds have no schema on PyPI that pytest bears; docs/scale.md says how they were tried.
"""

import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from deploy.doctor.names import read_by_the_app
from tests.deploy.identity_settings import CONNECTIONS
from triggers.settings import TriggerSettings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/triscore.yaml").read_text()))
TOPICS = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/topics.yaml").read_text()))
HOST = json.loads((ROOT / "host.json").read_text())


def of_kind(kind):
    return {each["metadata"]["name"]: each for each in DOCUMENTS if each["kind"] == kind}


DEPLOYMENTS, SCALERS = of_kind("Deployment"), of_kind("ScaledObject")
SETTINGS = of_kind("ConfigMap")["triscore"]["data"]


def pod(name):
    return DEPLOYMENTS[name]["spec"]["template"]["spec"]


def triggers(name):
    (given,) = pod(name)["containers"][0]["env"]
    assert given["name"] == "TRIGGERS"
    return given["value"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_the_api_server_takes_every_object(version):
    documents = [*DOCUMENTS, *TOPICS]
    checked = [each for each in documents if not each["apiVersion"].startswith("keda.sh/")]
    assert len(checked) == 7
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_deployments_differ_only_in_their_trigger():
    told = {name: triggers(name) for name in DEPLOYMENTS}
    assert told == {
        "triscore-http": "http",
        "triscore-messages": "http,servicebus",
        "triscore-blobs": "http,blob",
    }
    pods = [pod(name) for name in DEPLOYMENTS]
    for each in pods:
        each["containers"][0]["env"][0]["value"] = ""
    assert pods[0] == pods[1] == pods[2]


def test_each_deployment_has_one_scaler():
    # KEDA refuses a second one.
    targets = [each["spec"]["scaleTargetRef"]["name"] for each in SCALERS.values()]
    assert sorted(targets) == sorted(DEPLOYMENTS)


def test_only_the_http_deployment_is_behind_the_service():
    (service,) = of_kind("Service").values()
    labels = DEPLOYMENTS["triscore-http"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert service["spec"]["selector"]["trigger"] == "http"


def test_the_settings_are_some_that_the_code_or_the_platform_reads():
    platform = {name for name in SETTINGS if name.startswith(("AzureWebJobs", "AzureFunctions"))}
    assert set(SETTINGS) - platform <= read_by_the_app() | CONNECTIONS
    assert not [name for name in SETTINGS if name.endswith(("__credential", "__clientId"))]


def test_the_scalers_count_the_inputs_of_each_trigger():
    (messages,) = SCALERS["triscore-messages"]["spec"]["triggers"]
    assert messages["metadata"]["queueName"] == "scoring-requests"
    bus = HOST["extensions"]["serviceBus"]["maxMessageBatchSize"]
    assert messages["metadata"]["messageCount"] == str(bus)
    (blobs,) = SCALERS["triscore-blobs"]["spec"]["triggers"]
    host_id = SETTINGS["AzureFunctionsWebHost__hostid"]
    assert blobs["metadata"]["queueName"] == f"azure-webjobs-blobtrigger-{host_id}"
    blob = HOST["extensions"]["blobs"]["maxDegreeOfParallelism"]
    assert blobs["metadata"]["queueLength"] == str(blob)


def test_topics_replace_the_queues_for_every_deployment():
    settings, scaler = TOPICS
    names = settings["data"]
    chosen = TriggerSettings.from_env({**SETTINGS, **names})
    entities = [str(chosen.input), str(chosen.output)]
    assert entities == ["subscription scoring of topic orders", "topic scored"]
    optional = {"configMapRef": {"name": settings["metadata"]["name"], "optional": True}}
    assert all(pod(each)["containers"][0]["envFrom"][1] == optional for each in DEPLOYMENTS)
    # Everything but what is counted is that of the scaler that it replaces.
    queue = SCALERS["triscore-messages"]
    (counted,) = scaler["spec"]["triggers"]
    metadata = counted["metadata"]
    assert metadata.pop("topicName") == names["INPUT_TOPIC_NAME"]
    assert metadata.pop("subscriptionName") == names["INPUT_SUBSCRIPTION_NAME"]
    metadata["queueName"] = "scoring-requests"
    assert scaler == queue
