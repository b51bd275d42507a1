"""What `make run` advises where a model or a script can't be served."""

import pytest

from local.demo import run


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (
            "m.skops needs skops, which is not installed: add it to requirements.txt",
            ", and here `.venv/bin/python -m pip install skops`",
        ),
        (
            "score.py did not start: ModuleNotFoundError: No module named 'geo'",
            (
                ". Put the module beside the script, or install its package with"
                " `.venv/bin/python -m pip install NAME`"
            ),
        ),
        ("score.py did not start: ValueError: no", ""),
    ],
)
def test_a_missing_package_is_told_with_the_command_that_installs_it_here(failure, advice):
    assert run._remedy(failure) == advice
