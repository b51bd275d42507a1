"""The client is small enough to be copied into another project."""

from pathlib import Path

from radon.raw import analyze  # type: ignore[import-untyped]

import triscore_client


def test_the_client_has_less_than_300_lines_of_code():
    modules = Path(triscore_client.__file__).parent.glob("*.py")
    assert 0 < sum(analyze(module.read_text()).sloc for module in modules) < 300
