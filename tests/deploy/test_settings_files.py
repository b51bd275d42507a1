"""local.settings.json and host.json are read as Core Tools reads them, wherever they are read."""

import codecs
import json
import sys

import pytest

from deploy import app_settings as deploy_settings
from deploy.errors import Refused
from local.host import app_settings, json_with_comments
from local.host.errors import HostError
from local.host.host_json import BlobOptions, HostOptions
from triggers import json_with_comments as triggers_json
from triggers.host_limits import HostLimits

LOOSE = """// the team's settings
{
  "isEncrypted": false, /* not
  "Values": {}, */
  "values": {
    "URL": "https://example.org/*not-a-comment*/", // a URL
    "TEXT": "a, }",
    'SINGLE': 'its',
    "MAX_ROWS": 5000,
    "RATIO": 1.50,
    "SHOW": true,
    "HIDE": false,
    "UNSET": null,
  },
}
"""
VALUES = {
    "URL": "https://example.org/*not-a-comment*/",
    "TEXT": "a, }",
    "SINGLE": "its",
    "MAX_ROWS": "5000",
    "RATIO": "1.50",
    "SHOW": "true",
    "HIDE": "false",
}
HOST = """{
  "version": "2.0", // of the schema
  "functionTimeout": "00:02:00",
  "extensions": {
    "blobs": {"poisonBlobThreshold": "3", "maxDegreeOfParallelism": 2,},
    "http": {"maxOutstandingRequests": "-1"},
    "serviceBus": {"autoCompleteMessages": "False"}
  },
}
"""
ENCODINGS = [
    ("utf-8", b""),
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
]


def read_for_deploy(path):
    return deploy_settings.read(path.parent, env={}, file=path).env


@pytest.mark.parametrize("read", [app_settings.read, read_for_deploy])
@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_settings_may_have_comments_commas_numbers_booleans_and_marks(
    tmp_path, read, encoding, mark
):
    path = tmp_path / "local.settings.json"
    path.write_bytes(mark + LOOSE.encode(encoding))
    values = read(path)
    assert {name: values.get(name) for name in VALUES} == VALUES
    assert "UNSET" not in values


@pytest.mark.parametrize(("encoding", "mark"), ENCODINGS)
def test_host_json_may_have_them_too(tmp_path, encoding, mark):
    path = tmp_path / "host.json"
    path.write_bytes(mark + HOST.encode(encoding))
    options = HostOptions.read(path, {})
    assert options.function_timeout_s == 120
    assert options.blobs.poison_blob_threshold == 3
    assert options.blobs.max_degree_of_parallelism == 2
    assert options.http.max_outstanding_requests is None
    assert not options.service_bus.auto_complete_messages
    limits = HostLimits.read(path, {})
    assert (limits.function_timeout_s, limits.blob_attempts) == (120, 3)


def test_settings_override_host_json_for_the_host_and_the_app_alike(tmp_path):
    path = tmp_path / "host.json"
    path.write_text(HOST)
    prefix = "AzureFunctionsJobHost__"
    env = {
        f"{prefix}functionTimeout": "00:05:00",
        f"{prefix}extensions__blobs__poisonBlobThreshold": "7",
        f"{prefix}EXTENSIONS__Blobs__maxDegreeOfParallelism": "16",
        f"{prefix}extensions__http__routePrefix": "v1",
        f"{prefix}concurrency__dynamicConcurrencyEnabled": "true",
    }
    options = HostOptions.read(path, env)
    assert options.function_timeout_s == 300
    assert options.blobs == BlobOptions(max_degree_of_parallelism=16, poison_blob_threshold=7)
    assert options.http.route_prefix == "v1"
    assert "concurrency" in options.ignored
    limits = HostLimits.read(path, env)
    assert (limits.function_timeout_s, limits.blob_attempts) == (300, 7)


def test_a_setting_that_overrides_host_json_wrongly_is_refused(tmp_path):
    path = tmp_path / "host.json"
    path.write_text(HOST)
    env = {"AzureFunctionsJobHost__extensions__blobs__maxDegreeOfParallelism": "many"}
    with pytest.raises(HostError, match=r"extensions.blobs.maxDegreeOfParallelism: expected a wh"):
        HostOptions.read(path, env)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"Values": {"A": [1]}}', "A"),
        ('{"Values": []}', None),
        ('{"Values": "x"}', "Values"),
        ('{"IsEncrypted": true}', "func settings decrypt"),
        ("[]", "expected an object with Values"),
        ('{"Values": {"A": 1}', "line 1"),
        ('{"Values": {"A": tru}}', "line 1"),
    ],
)
def test_what_core_tools_refuses_is_refused_with_its_place(tmp_path, text, says):
    path = tmp_path / "local.settings.json"
    path.write_text(text)
    found = deploy_settings.read(tmp_path, env={}, file=path)
    faults = [str(error) for error in found.errors if isinstance(error, Refused)]
    if says is None:  # an empty list is as good as nothing
        assert not faults
        return
    assert says in faults[0]
    with pytest.raises(HostError, match=says):
        app_settings.read(path)


def test_the_host_and_the_app_read_alike():
    for text in (LOOSE, HOST, '{"a": "line\nbreak"}'):
        read = [module.parse(text.encode()) for module in (json_with_comments, triggers_json)]
        assert read[0] == read[1]


def test_strict_json_does_not_wait_for_the_tolerant_reader(monkeypatch):
    monkeypatch.setitem(sys.modules, "json5", None)
    text = json.dumps({"a": [1, 2.5, None, "ü"]})
    assert json_with_comments.parse(text.encode()) == json.loads(text)
