"""`make` runs it as `local.demo.install run|test|test-long`: it brings what is missing.

What can't be had on this machine is found before anything is downloaded. Each step shows its
progress. A step that was interrupted is repeated from its start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from local.demo import install_steps
from local.demo.install_command import ROOT, STATE, InstallError
from local.demo.install_steps import Step

#: The environment of Azure ML's own server, which the tests compare with ours. The bench has
#: another one, with other packages.
PEER = STATE / "peers/azureml-in-tests"

console = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] = sys.argv[1:]) -> int:
    kinds = ("run", "test", "test-long")
    if len(arguments) != 1 or arguments[0] not in kinds:
        print(f"usage: local.demo.install {'|'.join(kinds)}", file=sys.stderr)
        return 2
    try:
        install(steps(arguments[0]))
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def steps(kind: str) -> Sequence[Step]:
    """What `make run`, `make test` or `make test-long` needs, in order of installation."""
    is_run = kind == "run"
    lock = ROOT / ("locks/run.txt" if is_run else "locks/test.txt")
    redis = install_steps.debian_package(
        "redis-server",
        "redis-server",
        # `make run` says itself what the cache does without it.
        otherwise=""
        if is_run
        else "redis-server is missing and can't be installed here: tests that need it are skipped.",
        is_optional=True,
    )
    needed = [
        install_steps.locked_packages("Python packages", lock),
        install_steps.triscore_command(),
        install_steps.node_program(),
        install_steps.azurite(),
        redis,
        install_steps.demo_model(),
    ]
    if not is_run:
        browser = install_steps.debian_package(
            "chromium",
            "chromium",
            otherwise="chromium is missing and can't be installed here: the console's tests are"
            " skipped.",
            is_optional=True,
        )
        needed += [install_steps.peer(PEER, ROOT / "tests/peers/requirements.txt"), browser]
    if kind == "test-long":
        needed.append(_catboost())
    return needed


def install(needed: Sequence[Step]) -> None:
    """Install what is missing. Raises InstallError, if possible before the first download."""
    missing = [step for step in needed if not step.is_done()]
    possible = [step for step in missing if step.is_possible()]
    for step in missing:
        if step not in possible:
            if not step.is_optional:
                raise InstallError(step.otherwise)
            _say(step.otherwise)
    for sentence in _install_all(possible) if possible else ():
        _say(sentence)


def _install_all(steps: Sequence[Step]) -> list[str]:
    """Returns why optional steps failed. Raises InstallError for any other."""
    failures = []
    with _progress() as progress:
        for step in steps:
            if not progress.console.is_terminal:  # nothing is drawn there before the end
                _say(f"Installing: {step.title}")
            task = progress.add_task(step.title, total=1, line="")
            outcome = "done"
            try:
                step.install(lambda line, task=task: progress.update(task, line=line[:60]))  # type: ignore[misc]
            except InstallError as error:
                if not step.is_optional:
                    raise
                failures.append(str(error))
                outcome = "not installed"
            progress.update(task, completed=1, line=outcome)
    return failures


def _say(sentence: str) -> None:
    if sentence:
        console.print(sentence, markup=False)


def _catboost() -> Step:
    return install_steps.locked_packages("CatBoost", ROOT / "locks/test-long.txt")


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:18}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[line]}", markup=True),
        console=Console(stderr=True),
    )


if __name__ == "__main__":
    sys.exit(main())
