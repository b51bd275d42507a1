"""`triscore package --tracing`: the packages that export traces."""

import tomllib
from pathlib import Path

import pytest

from deploy import packaged_model, packaging, pins, tracing_pins

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("tracing", tracing_pins.PACKAGES)
def test_a_package_gets_what_exports_its_traces(tmp_path, tracing):
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    packaged = packaged_model.find(tmp_path, None)
    app = packaging.requirements_of(packaged, None)
    required = packaging.requirements_of(packaged, None, tracing)
    assert required[: len(app)] == app
    assert [pin.line for pin in required[len(app) :]] == list(tracing_pins.PACKAGES[tracing])


def test_the_extra_has_the_packages_that_were_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    otlp = tracing_pins.PACKAGES["otlp"]
    assert project["optional-dependencies"]["tracing"] == list(otlp)
    for line in otlp:
        pin = pins.parse(line)
        assert pins.installed_version(pin) == pin.version
