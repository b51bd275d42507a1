"""The commands by name, and how their errors are printed.

Exit codes: 0 done; 1 something was found or failed; 2 wrong usage, or refused; 130 Ctrl-C.
"""

from __future__ import annotations

import sys
import traceback as stack_trace
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cli import benchmark, deployment, emulators, model, running
from cli.errors import is_expected, sentence
from cli.running_app import load, queued_requests, scoring, watching

NAME = "triscore"

RUN, MODEL, USE = "Run on this machine", "A model", "A running app"
AZURE, MEASURE = "Azure", "Measure"

app = typer.Typer(
    name=NAME, help="Serve a scikit-learn model on Azure Functions, here and in Azure."
)
app.command(rich_help_panel=RUN)(running.up)
app.command(rich_help_panel=RUN)(running.demo)
app.command(rich_help_panel=RUN)(running.host)
app.add_typer(emulators.app, name="emulators", rich_help_panel=RUN)
app.command(rich_help_panel=MODEL)(model.describe)
app.command(rich_help_panel=MODEL)(model.accelerate)
app.command(rich_help_panel=USE)(scoring.score)
app.command(rich_help_panel=USE)(queued_requests.enqueue)
app.command(rich_help_panel=USE)(queued_requests.results)
app.command(rich_help_panel=USE)(watching.stats)
app.command(rich_help_panel=USE)(watching.watch)
app.command(rich_help_panel=USE)(load.load)
app.command(rich_help_panel=AZURE)(deployment.package)
app.command(rich_help_panel=AZURE)(deployment.doctor)
app.command(rich_help_panel=AZURE)(deployment.requeue)
app.add_typer(benchmark.app, name="bench", rich_help_panel=MEASURE)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"{NAME} {version(NAME)}")
        raise typer.Exit


@app.callback()
def root(
    *,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Print the stack trace of an unexpected error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    _ = traceback, version  # `main` and the callback read them


def _list_options(command: object) -> None:
    """Explain a command's options in a list: a table cuts their names in narrow terminals."""
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            _list_options(each)
    elif isinstance(command, TyperCommand):
        command.rich_markup_mode = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. Every error is one line on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    root_command = get_command(app)
    _list_options(root_command)
    try:
        code: int | None = root_command.main(
            words or ["--help"], prog_name=NAME, standalone_mode=False
        )
    except typer.TyperException as error:
        return _fail(_usage(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:  # noqa: BLE001 - no user sees a stack trace unasked
        if is_expected(error):
            return _fail(sentence(error), 2)
        if "--traceback" in words:
            stack_trace.print_exc()
            return 1
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"unexpected {what} (`{NAME} --traceback …` shows where it was raised)", 1)
    return code or 0


def _usage(error: typer.TyperException) -> str:
    """What is wrong with a command line, and where its options are explained."""
    context = getattr(error, "ctx", None)
    path = NAME if context is None else context.command_path
    text = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    stop = "" if text.endswith("?") else "."
    return f"{text}{stop} See `{path} --help`."


def _fail(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
