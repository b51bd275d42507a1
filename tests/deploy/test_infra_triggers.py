"""What the template creates for some triggers, and what it refuses before it creates anything.

The evaluation is ours, not the compiler's; it comes to what the compiler counted of an earlier
state of the template (57 and 25 resources).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.deploy import bicep
from tests.deploy.bicep_expressions import Failed
from tests.deploy.template import MAIN, SETTINGS_OF, TRIGGERS, app_settings, made, of, outputs
from triggers.settings import TriggerSettings

INFRA = MAIN.parent
ROLES = {
    "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0": "receive",
    "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39": "send",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "queues",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "tables",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "own blobs",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "blobs",
    "3913510d-42f4-4e42-8a64-420c390055eb": "metrics",
}
ALL = "http,blob,servicebus"
BLOBS = ["scoring-input", "scoring-output", "undelivered-events"]
MESSAGES = ["scoring-output", "scoring-claims"]


def names(kind, resources):
    return [each.name for each in of(kind, resources)]


def roles(resources, to):
    """What an identity is granted, sorted."""
    granted = [
        each.body["properties"]
        for each in of("roleAssignments", resources)
        if each.body["properties"]["principalId"] == to
    ]
    return sorted(
        next(word for guid, word in ROLES.items() if guid in each["roleDefinitionId"])
        for each in granted
    )


@pytest.mark.parametrize(
    ("triggers", "containers", "queues"),
    [
        ("http", [], []),
        ("servicebus", MESSAGES, ["scoring-results", "scoring-requests"]),
        ("http,servicebus", MESSAGES, ["scoring-results", "scoring-requests"]),
        ("blob", BLOBS, ["scoring-results"]),
        ("http,blob", BLOBS, ["scoring-results"]),
        (ALL, [*BLOBS, "scoring-claims"], ["scoring-results", "scoring-requests"]),
    ],
)
def test_only_what_the_triggers_need_is_created(triggers, containers, queues):
    resources = made(triggers)
    assert sorted(names("containers", resources)) == sorted([*containers, "packages"])
    assert names("namespaces/queues", resources) == queues
    assert len(of("ServiceBus/namespaces", resources)) == (1 if queues else 0)


TOPICS = {
    "INPUT_TOPIC_NAME": "orders",
    "INPUT_SUBSCRIPTION_NAME": "scoring",
    "OUTPUT_TOPIC_NAME": "scored",
}


def test_topics_take_the_place_of_the_queues():
    resources = made(ALL, TOPICS)
    assert names("namespaces/queues", resources) == []
    assert names("namespaces/topics", resources) == ["scored", "orders"]
    assert names("topics/subscriptions", resources) == ["all", "scoring"]
    principal = roles(resources, "identity.properties.principalId")
    assert (principal.count("receive"), principal.count("send")) == (1, 2)
    scopes = [str(each.body.get("scope")) for each in of("roleAssignments", resources)]
    assert [each for each in scopes if each.startswith(("topics", "subscriptions"))] == [
        *("topicsMade.0", "topicsMade.1", "subscriptions.1")
    ]


def test_a_topic_may_replace_one_of_the_queues():
    resources = made(ALL, {"OUTPUT_TOPIC_NAME": "scored"})
    assert names("namespaces/queues", resources) == ["scoring-requests"]
    assert names("namespaces/topics", resources) == ["scored"]
    blobs = made("blob", TOPICS)
    assert names("namespaces/topics", blobs) == ["scored"]


@pytest.mark.parametrize("package", [{}, TOPICS])
def test_only_the_input_requires_sessions_and_only_if_the_app_has_them(package):
    for enabled in ("true", "false"):
        resources = made(ALL, {**package, "IS_SESSIONS_ENABLED": enabled})
        kind = "topics/subscriptions" if package else "namespaces/queues"
        required = {
            each.name: each.body["properties"]["requiresSession"] for each in of(kind, resources)
        }
        assert list(required.values()) == [False, enabled == "true"]


def test_outputs_expire_only_where_somebody_says_after_how_many_days():
    assert of("managementPolicies", made(ALL)) == []
    assert of("managementPolicies", made("http", outputDays=30)) == []
    for triggers in (ALL, "blob", "servicebus"):
        (policy,) = of("managementPolicies", made(triggers, outputDays=30))
        (rule,) = policy.body["properties"]["policy"]["rules"]
        assert rule["definition"]["filters"]["prefixMatch"] == ["scoring-output/"]
        delete = rule["definition"]["actions"]["baseBlob"]["delete"]
        assert delete == {"daysAfterModificationGreaterThan": 30}


def test_claims_expire_by_a_rule_of_their_own_and_later_than_their_messages():
    assert of("managementPolicies", made("http,blob", claimDays=30)) == []
    (policy,) = of("managementPolicies", made(ALL, outputDays=7, claimDays=30))
    rules = policy.body["properties"]["policy"]["rules"]
    assert {rule["name"]: rule["definition"]["filters"]["prefixMatch"] for rule in rules} == {
        "outputs": ["scoring-output/"],
        "claims": ["scoring-claims/"],
    }
    days = [
        rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        for rule in rules
    ]
    assert days == [7, 30]
    with pytest.raises(Failed, match="longer than its rows are kept"):
        made(ALL, claimDays=14)


def test_an_app_of_http_alone_costs_no_namespace_and_has_no_setting_of_one():
    resources = made("http", redis="none")
    assert not [each for each in resources if "ServiceBus" in each.type]
    told = app_settings(resources)
    assert not [name for name in told if name.startswith(("ServiceBus", "ScoringStorage"))]
    assert told["AzureWebJobsStorage__blobServiceUri"]
    assert len(resources) < len(made(ALL, redis="none"))


@pytest.mark.parametrize("triggers", TRIGGERS)
def test_only_connections_that_the_triggers_need_are_set(triggers):
    told = SETTINGS_OF[triggers]
    has = {
        prefix: any(name.startswith(prefix) for name in told)
        for prefix in ("ScoringStorage", "ServiceBusConnection")
    }
    assert has == {
        "ScoringStorage": "blob" in triggers or "servicebus" in triggers,
        "ServiceBusConnection": "blob" in triggers or "servicebus" in triggers,
    }
    assert told >= SETTINGS_OF["http"]


@pytest.mark.parametrize(
    ("triggers", "granted"),
    [
        ("http", ["metrics", "own blobs", "tables"]),
        ("blob", ["metrics", "own blobs", "queues", "send", "tables"]),
        ("servicebus", ["metrics", "own blobs", "receive", "send", "send", "tables"]),
    ],
)
def test_the_apps_identity_gets_the_roles_that_its_triggers_need(triggers, granted):
    assert roles(made(triggers), "identity.properties.principalId") == granted


@pytest.mark.parametrize(
    ("triggers", "granted"),
    [
        ("http", []),
        ("blob", ["blobs", "blobs", "queues", "receive"]),
        # The input queue's dead letters are received, and sent round once more.
        ("servicebus", ["blobs", "blobs", "receive", "receive", "send"]),
        (ALL, ["blobs", "blobs", "blobs", "queues", "receive", "receive", "send"]),
    ],
)
def test_the_deployer_may_send_failed_inputs_again(triggers, granted):
    assert roles(made(triggers, callerId="me"), "me") == granted
    assert roles(made(triggers), "") == []


def test_an_isolated_app_gets_the_private_endpoints_of_what_it_has():
    resources = made("http", isolated=True, redis="none")
    groups = [
        each.body["properties"]["privateLinkServiceConnections"][0]["name"]
        for each in of("Network/privateEndpoints", resources)
    ]
    assert groups == ["blob", "table", "sites"]
    everything = made(ALL, isolated=True, serviceBusSku="Premium")
    assert len(of("Network/privateEndpoints", everything)) == 6


# -- queues -------------------------------------------------------------------------------------


def queues(resources):
    return {each.name: each.body["properties"] for each in of("namespaces/queues", resources)}


def test_a_message_waits_as_long_as_azure_says_and_not_as_the_emulator_does():
    made_ones = queues(made(ALL))
    assert {name: each["defaultMessageTimeToLive"] for name, each in made_ones.items()} == {
        "scoring-requests": "P14D",
        "scoring-results": "P14D",
    }
    for each in made_ones.values():
        assert (each["lockDuration"], each["maxDeliveryCount"]) == ("PT60S", 10)
        assert (each["maxSizeInMegabytes"], each["requiresSession"]) == (1024, False)
        assert each["deadLetteringOnMessageExpiration"] is True
    assert made_ones["scoring-results"]["requiresDuplicateDetection"] is True
    assert made_ones["scoring-requests"]["requiresDuplicateDetection"] is False
    assert "emulators" not in "".join(file.read_text() for file in INFRA.rglob("*.bicep"))


def test_the_queues_take_their_sizes_from_parameters():
    made_ones = queues(
        made(
            ALL,
            requestDays=3,
            resultDays=30,
            lockSeconds=300,
            maxDeliveryCount=5,
            queueSizeMB=5120,
        )
    )
    requests, results = made_ones["scoring-requests"], made_ones["scoring-results"]
    assert requests["defaultMessageTimeToLive"] == "P3D"
    assert results["defaultMessageTimeToLive"] == "P30D"
    for each in (requests, results):
        assert (each["lockDuration"], each["maxDeliveryCount"]) == ("PT300S", 5)
        assert each["maxSizeInMegabytes"] == 5120


def test_the_app_gets_the_time_to_live_and_delivery_count_of_requests():
    told = app_settings(made(ALL))
    settings = TriggerSettings.from_env(told)
    assert settings.message_ttl_s == TriggerSettings.message_ttl_s == 14 * 86_400
    assert settings.max_delivery_count == TriggerSettings.max_delivery_count
    told = app_settings(made(ALL, requestDays=3, maxDeliveryCount=5))
    assert (told["MESSAGE_TTL_S"], told["MAX_DELIVERY_COUNT"]) == (str(3 * 86_400), "5")


def test_the_bodies_in_work_get_a_quarter_of_an_instances_memory():
    for megabytes in (512, 2048, 4096):
        told = app_settings(made(ALL, instanceMemoryMB=megabytes))
        assert int(told["MAX_BODIES_IN_WORK_BYTES"]) * 4 == megabytes * 1024**2


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("triggers", "parameters", "sentence"),
    [
        (ALL, {"isolated": True}, "isolated needs a Premium namespace"),
        ("blob", {"isolated": True, "serviceBusSku": "Standard"}, "serviceBusSku = Premium"),
        (ALL, {"redis": "classic"}, "set classicRedisName and classicRedisResourceGroup"),
        (
            ALL,
            {"redis": "classic", "classicRedisName": "c"},
            "set classicRedisName and classicRedisResourceGroup",
        ),
        ("blob,http", {"alwaysReadyMessages": 1}, "TRIGGERS has no servicebus"),
        ("http", {"alwaysReadyBlob": 1}, "TRIGGERS has no blob"),
        ("blob", {"alwaysReadyHttp": 1}, "TRIGGERS has no http"),
        ("http,queue", {}, "TRIGGERS has queue: expected some of http, blob, servicebus"),
        (ALL, {"appSettings": {"OUTPUT_CONTAINER": "scoring-input"}}, "scored again"),
        (ALL, {"appSettings": {"CLAIM_CONTAINER": "scoring-input"}}, "a container of their own"),
        (ALL, {"appSettings": {"OUTPUT_QUEUE_NAME": "scoring-requests"}}, "scored again"),
    ],
)
def test_parameters_that_cannot_work_are_refused_before_anything_is_created(
    triggers, parameters, sentence
):
    with pytest.raises(Failed, match=re.escape(sentence)):
        made(triggers, **parameters)


def test_a_refusal_stops_the_resource_group_that_all_depends_on():
    template = bicep.read(MAIN)
    (group,) = template.resources
    assert group.body["name"].text == "groupName"
    assert "fail(refusal)" in template.variables["groupName"].text
    assert MAIN.read_text().count("  scope: group\n") == len(template.modules)


@pytest.mark.parametrize(
    ("triggers", "parameters"),
    [
        (ALL, {"isolated": True, "serviceBusSku": "Premium"}),
        ("http", {"isolated": True}),
        (ALL, {"redis": "classic", "classicRedisName": "c", "classicRedisResourceGroup": "g"}),
        (ALL, {"alwaysReadyHttp": 1, "alwaysReadyBlob": 1, "alwaysReadyMessages": 1}),
        (" HTTP , Blob ", {}),
    ],
)
def test_parameters_that_work_are_accepted(triggers, parameters):
    assert made(triggers, **parameters)


def test_all_refusals_are_reported_at_once():
    with pytest.raises(Failed) as refused:
        made(ALL, isolated=True, redis="classic")
    assert "Premium" in str(refused.value)
    assert "classicRedisName" in str(refused.value)


def test_app_settings_take_precedence_over_the_package():
    resources = made("http", appSettings={"TRIGGERS": "blob", "OUTPUT_CONTAINER": "scored"})
    assert {"scoring-input", "scored"} < set(names("containers", resources))
    assert outputs("http", appSettings={"TRIGGERS": "blob"})["TRISCORE_TRIGGERS"] == "blob"


def test_who_deploys_learns_the_containers_that_the_triggers_have():
    for triggers, found in (
        ("http", ["", "", ""]),
        ("servicebus", ["", "scoring-output", "scoring-claims"]),
        ("blob", ["scoring-input", "scoring-output", ""]),
    ):
        told = outputs(triggers)
        assert found == [
            told[f"TRISCORE_{name}_CONTAINER"] for name in ("INPUT", "OUTPUT", "CLAIM")
        ]


def test_the_hook_gets_the_triggers_in_the_form_that_it_reads():
    told = outputs(" HTTP, Blob")
    assert told["TRISCORE_TRIGGERS"] == "http,blob"
    assert (told["TRISCORE_INPUT_QUEUE"], told["TRISCORE_OUTPUT_QUEUE"]) == ("", "scoring-results")
    assert outputs("http")["TRISCORE_SERVICE_BUS"] == ""


# -- what Microsoft's compiler said ------------------------------------------------------------


def test_microsoft_web_is_pinned_to_a_version_whose_types_the_compiler_has():
    text = "".join(file.read_text() for file in INFRA.rglob("*.bicep"))
    assert set(re.findall(r"Microsoft\.Web/[\w/]+@([\d-]+)", text)) == {"2025-03-01"}
    assert re.findall(r"listKeys\('[^']+', '([\d-]+)'", text) == ["2025-03-01"]


def test_nothing_takes_part_in_a_preview():
    text = "".join(file.read_text() for file in INFRA.rglob("*.bicep"))
    assert "siteUpdateStrategy" not in text
    assert "-preview" not in text


def test_publishing_with_a_password_is_off_by_two_resources_that_can_be_checked():
    policies = of("basicPublishingCredentialsPolicies", made("http"))
    assert {each.name: each.body["properties"] for each in policies} == {
        "ftp": {"allow": False},
        "scm": {"allow": False},
    }
    text = (INFRA / "modules/function-app.bicep").read_text()
    assert "name: 'ftp'" in text
    assert "name: 'scm'" in text


@pytest.mark.parametrize("file", sorted(INFRA.rglob("*.bicep")), ids=lambda file: file.stem)
def test_a_file_is_laid_out_as_bicep_format_would(file: Path):
    for number, line in enumerate(file.read_text().splitlines(), 1):
        # One text can't be broken, nor what a text holds.
        assert len(line) <= 100 or line.rstrip(")").endswith("'"), f"line {number}"
        assert "[for " not in line, f"line {number}: a loop begins on a line of its own"
        assert not line.endswith(" "), f"line {number}"


def test_booleans_are_written_as_the_app_reads_them():
    for cluster in ("OSSCluster", "EnterpriseCluster"):
        told = app_settings(made("http", redisClusteringPolicy=cluster))
        assert told["REDIS_CLUSTER"] == json.dumps(cluster == "OSSCluster")
        assert told["SHOW_SCRIPT_ERRORS"] == "false"
