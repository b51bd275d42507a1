"""`--json`: what programs read of each command that has it."""

import json
from typing import get_args

import pytest

from bench import models
from cli import benchmark, model
from inference.models import manifest_file, manifests
from tests import small_model


def lines(ended):
    assert ended.stderr == ""
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.long
def test_describe_and_accelerate_say_what_they_wrote(triscore, tmp_path):
    folder = small_model.save(tmp_path)
    (described,) = lines(triscore("describe", folder, "--method", "predict_proba", "--json"))
    assert described["manifest"] == str(folder / manifest_file.NAME)
    assert described["sha256"] == manifest_file.read(folder).sha256
    (graph,) = lines(triscore("accelerate", folder, "--json"))
    assert graph["file"] == str(folder / manifests.ACCELERATED)
    assert graph["sha256"] == manifest_file.read(folder).accelerated.sha256


def test_package_says_what_is_in_it(triscore, tmp_path):
    where = tmp_path / "app.zip"
    options = ("--trigger", "http", "--output", where, "--json")
    (made,) = lines(triscore("package", "--model", small_model.save(tmp_path), *options))
    assert (made["path"], made["trigger"], made["notes"]) == (str(where), "http", [])
    assert "score" in made["functions"]
    assert made["bytes"] > 0


def test_doctor_gives_each_finding_with_what_to_do(triscore, tmp_path):
    ended = triscore("doctor", "--json", TRIGGERS="http", MAX_ROWS="many")
    findings = lines(ended)
    assert ended.returncode == 2
    assert {frozenset(each) for each in findings} == {frozenset({"group", "message", "fix"})}
    assert any("MAX_ROWS" in each["message"] and each["fix"] for each in findings)


def test_status_gives_each_emulator(triscore, tmp_path):
    ended = triscore("emulators", "status", "--json", "--state", tmp_path, TRISCORE_PORTS="3000")
    assert ended.returncode == 1
    assert lines(ended) == [
        {"name": name, "ok": False, "port": port, "pid": None, "queues": []}
        for name, port in (("redis", 3001), ("azurite", 3002), ("servicebus", 3005))
    ]


def test_capacity_gives_each_way_to_bring_rows(triscore):
    found = lines(triscore("bench", "capacity", "--json", "--price-gb-second", "0.5"))
    assert found[0]["way"] == "HTTP, one row a request"
    assert all(each["cost_a_million"] > 0 for each in found)


def test_choices_on_the_command_line_are_those_of_the_code():
    assert get_args(model.Method) == manifests.METHODS
    assert get_args(benchmark.Model) == tuple(models.LABELS)
