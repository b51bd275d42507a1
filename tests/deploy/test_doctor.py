"""The doctor's findings on settings, versions, model, storage, Service Bus and HTTP."""

import json
import os
import sys
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

import deploy
from cli.app import main
from deploy import app_settings, connections, doctor
from deploy.doctor import http_trigger, model, service_bus, settings, storage, versions
from inference.models import manifest_file
from tests import small_model
from tests.run_python import run_python
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ["settings", "versions", "model and script", "redis", "storage", "service bus", "http"]


@pytest.fixture(scope="module")
def stack(redis_server, azurite, servicebus):
    """The settings of a local stack whose input container is there."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
        account.create_container("scoring-input")
        account.create_container("scoring-output")
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "ScoringStorage": azurite.connection_string,
        "ServiceBusConnection": servicebus.connection_string,
        "REDIS_URL": redis_server.url,
        "CACHE_TIMEOUT_MS": "10000",
    }


@pytest.fixture
def run(tmp_path):
    """`run(folder, *options, **settings)`: the command, with a file of settings."""

    def command(folder, *options, **values):
        file = tmp_path / "local.settings.json"
        file.write_text(json.dumps({"Values": values}))
        env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return run_python("-m", "cli", "doctor", folder, "--settings", file, *options, env=env)

    return command


@pytest.mark.long
def test_the_local_stack_is_in_order_and_nothing_there_is_changed(stack, run):
    with ServiceBusClient.from_connection_string(stack["ServiceBusConnection"]) as bus:
        with bus.get_queue_sender("scoring-requests") as sender:
            sender.send_messages(ServiceBusMessage(b"waits"))
        told = run(ROOT, **stack)
        assert told.stderr == ""
        assert "fix: " not in told.stdout
        assert told.returncode == 0
        lines = told.stdout.splitlines()
        assert [line for line in lines[:-1] if not line.startswith("  ")] == GROUPS
        assert lines[-1] == f"{len(lines) - 1 - len(GROUPS)} ok, 0 to fix"
        with bus.get_queue_receiver("scoring-requests", max_wait_time=10) as receiver:
            (message,) = receiver.receive_messages()
            assert message.delivery_count == 0
            receiver.complete_message(message)
    with BlobServiceClient.from_connection_string(stack["ScoringStorage"]) as account:
        for name in ("scoring-input", "scoring-output"):
            assert list(account.get_container_client(name).list_blobs()) == []


@pytest.mark.long
def test_a_package_is_examined_with_its_own_settings_and_findings_do_not_hide_others(
    run, tmp_path, stack
):
    script = tmp_path / "echo/score.py"
    script.parent.mkdir()
    script.write_text("def init(): pass\ndef run(data): return [data]\n")
    made = deploy.package(script.parent, trigger="http", output=tmp_path / "app")
    away = f"redis://:s3cret@127.0.0.1:{free_port()}"
    told = run(made.path, "--json", **(stack | {"REDIS_URL": away, "MAX_ROW": "5"}))
    assert (told.returncode, told.stderr) == (2, "")
    findings = [json.loads(line) for line in told.stdout.splitlines()]
    assert list(dict.fromkeys(each["group"] for each in findings)) == GROUPS
    assert [each["group"] for each in findings if each["fix"]] == ["settings", "redis"]
    said = {each["group"]: each["message"] for each in findings}
    assert said["model and script"].startswith("echo starts with score.py: ")
    assert said["storage"] == "TRIGGERS has neither blob nor servicebus: no account is needed"
    assert "s3cret" not in told.stdout


async def collected(**env):
    """Every finding on this project's folder, as text."""
    app = app_settings.read(ROOT, env=env, file=ROOT / "no.settings.json")
    return [f"{group}: {finding}" async for group, finding in doctor.examine(app)]


async def test_a_secret_that_a_script_repeats_is_not_shown(tmp_path):
    (tmp_path / "score.py").write_text(
        "import os\ndef init(): raise ValueError(os.environ['REDIS_URL'])\ndef run(data): pass\n"
    )
    secret = f"redis://:s3cret@127.0.0.1:{free_port()}"
    told = "\n".join(
        await collected(AZUREML_MODEL_DIR=str(tmp_path), REDIS_URL=secret, TRIGGERS="http")
    )
    assert "ValueError: redis://:***@127.0.0.1" in told
    assert "s3cret" not in told


async def test_a_check_that_fails_says_why_and_the_others_run(monkeypatch):
    def broken(app):
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr(storage, "check", broken)
    monkeypatch.setitem(sys.modules, "azure.servicebus", None)
    monkeypatch.delitem(sys.modules, "deploy.doctor.service_bus")
    told = await collected(MAX_ROWS="many")  # which leaves out the start
    assert "storage: fix: the check failed: look into ZeroDivisionError: one" in told
    assert (
        "service bus: fix: not checked: azure.servicebus is not installed:"
        " `pip install -r requirements.txt`"
    ) in told
    assert told[-1].startswith("http: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tests"], "tests has no function_app.py: name an app's folder, or a package's"),
        ([".", "--settings", "nowhere.json"], "nowhere.json does not exist: --settings names"),
    ],
)
def test_what_cannot_be_examined_is_refused(arguments, says, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["deploy", "doctor", *arguments])
    assert main() == 2
    assert says in capsys.readouterr().err


# -- settings -----------------------------------------------------------------------------------


async def test_each_setting_that_the_app_refuses_is_reported_with_what_it_accepts(ask):
    told = await ask(
        settings,
        AZUREML_MODEL_DIR="nowhere",
        MAX_ROWS="many",
        REDIS_URL="my-secret",
        CACHE_TTL_S="-1",
        OUTPUT_CONTAINER="scoring-input",
        FUNCTIONS_WORKER_RUNTIME="node",
    )
    assert [each.partition("=")[0].removeprefix("fix: ") for each in told[:-1]] == [
        *("AZUREML_MODEL_DIR", "MAX_ROWS", "CACHE_TTL_S", "REDIS_URL", "CACHE_TTL_S"),
        "OUTPUT_CONTAINER",
    ]
    assert (
        "MAX_ROWS='many', set in the environment, is not accepted: set a whole number above 0"
        in told[1]
    )
    assert told[-1] == "fix: FUNCTIONS_WORKER_RUNTIME is 'node': set it to python"
    assert "my-secret" not in str(told)


async def test_a_connection_that_cannot_work_is_reported_with_what_to_write(ask, stack):
    key = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
    queues = f"{stack['ServiceBusConnection']};EntityPath=scoring-requests"
    told = await ask(
        settings,
        **(stack | {"ServiceBusConnection": queues, "ScoringStorage": key}),
        AzureWebJobsStorage__blobServiceUri="https://host.blob.core.windows.net/secrets",
    )
    assert [each.partition(",")[0] for each in told] == [
        "fix: ServiceBusConnection='(not shown)'",
        "fix: ScoringStorage='(not shown)'",
        "fix: AzureWebJobsStorage__blobServiceUri='(not shown)'",
    ]
    assert "set a connection string of the namespace, and this is one queue's" in told[0]
    assert "this is an account key alone" in told[1]
    assert key not in str(told)
    assert await ask(service_bus, **(stack | {"ServiceBusConnection": queues})) == [
        "fix: not checked: first fix the settings above that this check needs"
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("CACHE_TTL", "CACHE_TTL_S"),
        ("redis_url", "REDIS_URL"),
        ("SCORING_TIMEOUT_MS", "SCORING_TIMEOUT_S"),
        ("OUTPUT_QUEUENAME", "OUTPUT_QUEUE_NAME"),
        ("ScoringStorage__blobServiceUrl", "ScoringStorage__blobServiceUri"),
    ],
)
async def test_a_misspelt_setting_is_reported(ask, name, near):
    (told,) = await ask(settings, **{name: "5"})
    assert (
        told
        == f"fix: {name}, set in the environment, is not a setting of the app: rename it to {near}"
    )


async def test_other_environment_variables_are_ignored(ask):
    others = ("PATH", "REDIS_PORT", "MODEL_URL", "AzureWebJobsDashboard", "WEBSITE_SITE_NAME")
    (told,) = await ask(settings, **dict.fromkeys(others, "5"), MAX_ROWS="5")
    assert told == "ok: 1 setting is set, and the app accepts it"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("local.settings.json", "fix: the settings file was left out: "),
        ("settings.json", "fix: settings.json="),
    ],
)
async def test_a_bad_settings_file_does_not_hide_other_findings(tmp_path, name, says):
    (tmp_path / name).write_text("[")
    app = app_settings.read(
        tmp_path, env={"MAX_ROWS": "many"}, file=tmp_path / "local.settings.json"
    )
    told = [str(finding) async for finding in settings.check(app)]
    assert told[0].startswith(says)
    assert "MAX_ROWS='many'" in str(told)


# -- versions, model and script -----------------------------------------------------------------


async def test_a_model_described_with_another_scikit_learn_is_reported(ask, tmp_path):
    folder = small_model.save(tmp_path)
    assert not [each for each in await ask(versions) if each.startswith("fix:")]
    document = json.loads((folder / manifest_file.NAME).read_text())
    (folder / manifest_file.NAME).write_text(json.dumps(document | {"version": "1.2.3"}))
    told = await ask(versions, AZUREML_MODEL_DIR=str(folder))
    assert told[-1].startswith(
        "fix: model.joblib was made with scikit-learn 1.2.3, and requirements.txt pins 1."
    )
    assert "pin scikit-learn==1.2.3, or train the model again" in told[-1]


async def test_a_package_of_another_version_than_pinned_is_reported(ask, tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy==1.0\nnowhere==2.0\n")
    told = await ask(versions, tmp_path)
    assert "pins numpy==1.0, installed is 2." in told[1]
    assert told[2].startswith("fix: requirements.txt pins nowhere==2.0, installed is none: `pip")
    (tmp_path / "requirements.txt").write_text("numpy>=1.0\n")
    assert "expected NAME==VERSION" in (await ask(versions, tmp_path))[1]


async def test_another_python_than_azures_is_reported(ask, monkeypatch):
    monkeypatch.setattr(versions, "PYTHON", (3, 12))
    assert "recreate .venv with Python 3.12" in (await ask(versions))[0]


async def test_a_script_without_run_is_reported(ask, tmp_path):
    (tmp_path / "score.py").write_text("def init(): pass\n")
    (told,) = await ask(model, AZUREML_MODEL_DIR=str(tmp_path))
    assert told == (
        f"fix: {tmp_path.name} does not start: score.py needs init() and run(data): it has no run()"
    )


async def test_an_app_with_bad_settings_is_not_started(ask):
    assert await ask(model, MAX_ROWS="many") == [
        "fix: not checked: first fix the settings above that this check needs"
    ]


# -- storage ------------------------------------------------------------------------------------


async def test_a_missing_container_is_reported_if_the_app_does_not_create_it(ask, stack):
    told = await ask(storage, **stack, INPUT_BLOB_PATH="gone/{name}", OUTPUT_CONTAINER="to-come")
    assert told[0].startswith(
        "fix: container gone does not exist: create it (`az storage container create -n gone`)"
    )
    assert told[1].startswith("ok: container to-come does not exist yet: the app creates it")
    assert told[2].startswith("ok: container scoring-claims does not exist yet: the app creates it")
    assert [each[:4].strip() for each in told[3:]] == ["ok:", "ok:"]


async def test_an_app_of_messages_needs_the_containers_of_messages_alone(ask, stack):
    told = await ask(storage, **stack, TRIGGERS="servicebus")
    assert ["scoring-output" in told[0], "scoring-claims" in told[1], len(told)] == [True, True, 3]
    (told,) = await ask(storage, TRIGGERS="servicebus")
    assert told.startswith("ok: ScoringStorage is not set: messages can't name blobs")


async def test_a_wrong_account_key_is_reported_and_not_shown(ask, stack):
    key = stack["ScoringStorage"].partition("AccountKey=")[2].partition(";")[0]
    wrong = stack["ScoringStorage"].replace(key, "d3Jvbmc=")
    told = await ask(storage, **(stack | {"ScoringStorage": wrong}))
    assert [each[:4].strip() for each in told] == ["fix:", "fix:", "fix:", "fix:", "ok:"]
    assert "denies access (AuthorizationFailure): correct the key, or give the identity" in told[0]
    assert "d3Jvbmc" not in str(told)


async def test_a_connection_that_is_malformed_or_not_set_is_reported(ask, stack):
    told = await ask(storage, **(stack | {"ScoringStorage": "nonsense", "AzureWebJobsStorage": ""}))
    assert "not a connection string" in told[0]
    assert "set AzureWebJobsStorage or AzureWebJobsStorage__blobServiceUri" in told[1]
    assert len(told) == 2


async def test_an_account_that_is_away_is_reported_once(ask, stack):
    away = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=d3Jvbmc=;BlobEndpoint=http://127.0.0.1:{free_port()}/a;"
    (told,) = await ask(storage, **(stack | {"ScoringStorage": away}))
    assert "does not answer: start it, or correct its address or firewall" in told


async def test_blobs_in_the_poison_queue_are_reported(ask, stack):
    queue = QueueClient.from_connection_string(stack["ScoringStorage"], connections.POISON_QUEUE)
    with queue:
        queue.create_queue()
        try:
            queue.send_message("{}")
            told = await ask(storage, **stack)
            assert "lists blobs whose tries ran out" in told[3]
            assert next(queue.receive_messages()).dequeue_count == 1
        finally:
            queue.delete_queue()


# -- Service Bus --------------------------------------------------------------------------------


async def test_a_missing_queue_is_reported_with_its_setting_and_hides_no_other(ask, stack):
    told = await ask(service_bus, **stack, INPUT_QUEUE_NAME="gone", TRIGGERS="servicebus")
    assert told == [
        "fix: queue gone does not exist: create it, or name another in INPUT_QUEUE_NAME",
        "ok: queue scoring-results can be sent to",
    ]


async def test_a_wrong_key_is_reported(ask, stack):
    wrong = stack["ServiceBusConnection"].replace("SAS_KEY_VALUE", "s3cret")
    (told,) = await ask(service_bus, ServiceBusConnection=wrong, TRIGGERS="blob")
    assert told == (
        "fix: queue scoring-results denies access: correct the key in ServiceBusConnection, or give"
        " the identity the role Azure Service Bus Data Sender"
    )


async def test_a_namespace_that_is_away_or_not_set_is_reported(ask, stack, servicebus):
    away = stack["ServiceBusConnection"].replace(str(servicebus.port), str(free_port()))
    (told,) = await ask(service_bus, ServiceBusConnection=away)
    assert "ServiceBusConnection does not answer: start it" in told
    (told,) = await ask(service_bus, ScoringStorage=stack["ScoringStorage"])
    assert "set ServiceBusConnection or ServiceBusConnection__fully" in told


async def test_the_http_trigger_alone_needs_no_service_bus(ask):
    assert await ask(service_bus, TRIGGERS="http") == [
        "ok: TRIGGERS leaves out the triggers that need it"
    ]


# -- HTTP ---------------------------------------------------------------------------------------


async def test_limits_beyond_the_platforms_are_reported(ask):
    told = await ask(http_trigger, MAX_BODY_BYTES="200000000", SCORING_TIMEOUT_S="230")
    assert "Azure of up to 104,857,600: lower MAX_BODY_BYTES, or raise FUNCTIONS_REQ" in told[1]
    assert "Azure gives up after 230 s: lower SCORING_TIMEOUT_S" in told[2]
    told = await ask(
        http_trigger,
        MAX_BODY_BYTES="200000000",
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="200000000",
        HTTP_AUTH_LEVEL="anonymous",
    )
    assert told[:2] == [
        "ok: HTTP_AUTH_LEVEL is anonymous: anybody who reaches the app may score",
        "ok: the app accepts bodies of up to 200,000,000 bytes",
    ]


def test_a_fresh_checkout_is_in_order(run):
    told = run(ROOT)
    assert told.returncode == 0, told.stdout
    assert told.stdout.count("the emulators that `make run` starts are used") == 2


def test_if_one_connection_is_set_the_others_must_be(run):
    told = run(ROOT, AzureWebJobsStorage="UseDevelopmentStorage=true")
    assert told.returncode == 2
    assert "connection ServiceBusConnection is not set" in told.stdout
