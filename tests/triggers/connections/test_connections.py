"""Connections as people paste them: each that can't work is named, and no value is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import SettingError
from local.host.app.default_connections import DEVELOPMENT_SERVICE_BUS, DEVELOPMENT_STORAGE
from triggers.connections import validation
from triggers.settings import TriggerSettings

KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
BUS = f"Endpoint=sb://orders.servicebus.windows.net/;SharedAccessKeyName=app;SharedAccessKey={KEY}"
STORE = (
    f"DefaultEndpointsProtocol=https;AccountName=rows;AccountKey={KEY};"
    "EndpointSuffix=core.windows.net"
)
BLOBS, QUEUES = "https://rows.blob.core.windows.net", "https://rows.queue.core.windows.net"
SAS = "SharedAccessSignature=sv=2022&sig=c2VjcmV0"
ALL = TriggerSettings()


def told(env, settings=ALL):
    return [str(fault) for fault in validation.faults(env, settings)]


@pytest.mark.parametrize(
    "value",
    [
        BUS,
        f"{BUS};",
        DEVELOPMENT_SERVICE_BUS,
        BUS.replace("Endpoint", "endpoint"),
        "Endpoint=sb://localhost:5672;SharedAccessKeyName=R;SharedAccessKey=k;",
        (
            "Endpoint=sb://orders.servicebus.windows.net/;"
            "SharedAccessSignature=SharedAccessSignature sr=o&sig=s&se=1&skn=app"
        ),
    ],
)
def test_a_namespaces_connection_string_is_taken(value):
    assert told({"ServiceBusConnection": value}) == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (f"{BUS};EntityPath=scoring-requests", "of the namespace, and this is one queue's"),
        (f"{BUS};entitypath=scoring-requests;", "with Listen and Send"),
        (f" {BUS}", "take away the spaces, line ends or quotes"),
        (f"{BUS}\n", "take away the spaces, line ends or quotes"),
        (f'"{BUS}"', "take away the spaces, line ends or quotes"),
        (BUS.replace("sb://", "https://"), "its Endpoint begins with sb://"),
        (BUS.partition(";")[0], "it has no SharedAccessKeyName"),
        (BUS.rpartition(";")[0], "it has no SharedAccessKey"),
        (BUS.replace(KEY, ""), "it has no SharedAccessKey"),
        (KEY, "expected a connection string of a namespace"),
        ("orders.servicebus.windows.net", "expected a connection string of a namespace"),
        ("sb://orders.servicebus.windows.net/", "expected a connection string of a namespace"),
        (STORE, "this is a storage account's"),
        (
            "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)",
            "the reference was not resolved",
        ),
    ],
)
def test_a_service_bus_connection_that_can_not_work_is_named_with_what_to_write(value, sentence):
    faults = told({"ServiceBusConnection": value})
    assert sentence in " ".join(faults)
    assert all(fault.startswith("ServiceBusConnection='(not shown)': expected") for fault in faults)
    assert KEY not in " ".join(faults)


@pytest.mark.parametrize(
    "value", ["orders.servicebus.windows.net", "localhost:5672", "sb.own.io", "broker:5672"]
)
def test_a_namespaces_host_name_is_taken(value):
    assert told({"ServiceBusConnection__fullyQualifiedNamespace": value}) == []


@pytest.mark.parametrize(
    "value",
    [
        "sb://orders.servicebus.windows.net",
        "https://orders.servicebus.windows.net:443/",
        "orders.servicebus.windows.net/",
        "orders",
        BUS,
        " orders.servicebus.windows.net",
    ],
)
def test_a_namespace_is_named_by_its_host_alone(value):
    (fault,) = told({"ServiceBusConnection__fullyQualifiedNamespace": value})
    assert fault.startswith("ServiceBusConnection__fullyQualifiedNamespace='(not shown)': expected")
    assert KEY not in fault


@pytest.mark.parametrize(
    "value",
    [
        STORE,
        f"{STORE};",
        DEVELOPMENT_STORAGE,
        "UseDevelopmentStorage=true",
        f"BlobEndpoint={BLOBS}/;QueueEndpoint={QUEUES}/;{SAS}",
        f"{STORE};BlobEndpoint={BLOBS}/",
        (
            f"AccountName=rows;AccountKey={KEY};BlobEndpoint=https://files.own.io;"
            "QueueEndpoint=https://queues.own.io"
        ),
    ],
)
def test_a_storage_accounts_connection_string_is_taken(value):
    assert told({"ScoringStorage": value}) == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (f"{STORE} ", "take away the spaces, line ends or quotes"),
        (f"'{STORE}'", "take away the spaces, line ends or quotes"),
        (f"{BLOBS}/scoring-input?sv=2022&sig=c2VjcmV0", "this is an address"),
        (KEY, "this is an account key alone"),
        ("rows", "this is none"),
        (BUS, "this is a Service Bus namespace's"),
        (f"BlobEndpoint={BLOBS}/;{SAS}", "it has no QueueEndpoint"),
        (f"QueueEndpoint={QUEUES}/;{SAS}", "it has no BlobEndpoint"),
        (
            (
                f"AccountName=devstoreaccount1;AccountKey={KEY};"
                "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"
            ),
            "it has no QueueEndpoint",
        ),
        (STORE.replace(f"AccountKey={KEY};", ""), "it has no AccountKey"),
        (STORE.replace("AccountName=rows;", ""), "it has no AccountName"),
        (STORE.replace(KEY, KEY[:-3]), "its AccountKey is cut off"),
        (
            f"BlobEndpoint={BLOBS}/;QueueEndpoint=https://others.queue.core.windows.net/;{SAS}",
            "are of one account",
        ),
    ],
)
def test_a_storage_connection_that_can_not_work_is_named_with_what_to_write(value, sentence):
    faults = told({"ScoringStorage": value})
    assert sentence in " ".join(faults)
    assert all(fault.startswith("ScoringStorage='(not shown)': expected") for fault in faults)
    assert KEY not in " ".join(faults)
    assert "c2VjcmV0" not in " ".join(faults)


@pytest.mark.parametrize(
    "forms",
    [
        {"__blobServiceUri": BLOBS, "__queueServiceUri": QUEUES},
        {"__blobServiceUri": f"{BLOBS}/", "__queueServiceUri": f"{QUEUES}/"},
        {"__serviceUri": BLOBS},
        {
            "__blobServiceUri": "https://127.0.0.1:10000/devstoreaccount1",
            "__queueServiceUri": "https://127.0.0.1:10001/devstoreaccount1",
        },
        {
            "__blobServiceUri": "https://azurite/devstoreaccount1",
            "__queueServiceUri": "https://host.docker.internal:10001/devstoreaccount1",
        },
        {"": STORE, "__blobServiceUri": BLOBS},
    ],
)
def test_an_accounts_addresses_are_taken(forms):
    assert told({f"ScoringStorage{suffix}": value for suffix, value in forms.items()}) == []


@pytest.mark.parametrize(
    ("forms", "sentence"),
    [
        ({"__blobServiceUri": BLOBS}, "ScoringStorage__queueServiceUri beside it"),
        ({"__queueServiceUri": QUEUES}, "ScoringStorage__blobServiceUri beside it"),
        ({"__blobServiceUri": f"{BLOBS}/in", "__queueServiceUri": QUEUES}, "without a container"),
        (
            {"__blobServiceUri": f"{BLOBS}?sig=c2VjcmV0", "__queueServiceUri": QUEUES},
            "without a question mark",
        ),
        ({"__blobServiceUri": "rows", "__queueServiceUri": QUEUES}, "it begins with https://"),
        ({"__blobServiceUri": STORE, "__queueServiceUri": QUEUES}, "it begins with https://"),
        ({"__blobServiceUri": f"{BLOBS}\n", "__queueServiceUri": QUEUES}, "take away the spaces"),
        (
            {
                "__blobServiceUri": BLOBS,
                "__queueServiceUri": "https://others.queue.core.windows.net",
            },
            "the same account as in",
        ),
        ({"": STORE, "__blobServiceUri": "https://others.blob.core.windows.net"}, "the account of"),
        ({"__accountName": "rows"}, "the app reads ScoringStorage"),
    ],
)
def test_addresses_that_can_not_work_are_named_with_what_to_write(forms, sentence):
    faults = told({f"ScoringStorage{suffix}": value for suffix, value in forms.items()})
    assert sentence in " ".join(faults)
    assert KEY not in " ".join(faults)
    assert "c2VjcmV0" not in " ".join(faults)


#: What people paste is mostly a piece of something that would have been right.
PASTED = st.text() | st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "https://", "Endpoint=", "AccountKey=", "BlobEndpoint=https://[", KEY]),
    st.text(),
    st.sampled_from(["", ";", f";SharedAccessKey={KEY}", ";EntityPath=", "?sig=c2VjcmV0"]),
)


@given(
    st.sampled_from(["ServiceBusConnection", "ScoringStorage"]),
    st.sampled_from(["", "__fullyQualifiedNamespace", "__blobServiceUri", "__queueServiceUri"]),
    PASTED,
)
def test_any_pasted_value_is_accepted_or_refused_and_never_shown(name, suffix, value):
    for fault in told({f"{name}{suffix}": value}):
        assert fault.startswith(f"{name}{suffix}='(not shown)': expected")
        assert len(value) < 12 or value not in fault


def test_connections_of_other_triggers_and_those_that_are_not_set_are_not_checked():
    assert told({}) == []
    wrong = {"ServiceBusConnection": KEY, "ScoringStorage": KEY}
    assert told(wrong, TriggerSettings(triggers=frozenset({"http"}))) == []
    # Large results of messages, and rows that they name, are in the account.
    messages = TriggerSettings(triggers=frozenset({"servicebus"}))
    assert len(told(wrong, messages)) == 2
    assert told({"ScoringStorage__blobServiceUri": BLOBS}, messages) == []
    # A blob's result document goes to a queue.
    assert len(told(wrong, TriggerSettings(triggers=frozenset({"blob"})))) == 2


def test_startup_stops_at_the_first_connection_that_can_not_work():
    with pytest.raises(SettingError, match="EntityPath"):
        validation.trigger_settings({"ServiceBusConnection": f"{BUS};EntityPath=q"})
