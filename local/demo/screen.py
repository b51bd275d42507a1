"""What the demo prints: plain lines of fixed columns, with colours in a terminal alone."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from local.demo.example import Body
from local.demo.tour import Step

#: The widths of the table's columns.
TRIGGER, INPUT, ANSWER, CACHE, MS = 13, 24, 22, 9, 9

#: A longer body is put into a file for its curl.
MOST_ON_A_LINE = 2000

console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def show_heading() -> None:
    _print("bold", "Trigger", "Input", "Answer", "Cache", "ms")


def show_step(step: Step) -> None:
    answer, style = step.answer, ""
    if step.problem is not None:
        answer, style = "wrong" if step.answer else "failed", "red"
    taken = "" if step.milliseconds is None else f"{step.milliseconds:,.1f}"
    _print(style, step.trigger, step.input, answer, step.cache, taken)


def show_problem(step: Step) -> None:
    console.print(Text(f"{step.trigger}, {step.input}: {step.problem}", style="red"))


def show_links(lines: Mapping[str, str]) -> None:
    """One line for each thing that a user needs next; addresses are links."""
    width = max(map(len, lines)) + 2
    for name, value in lines.items():
        text = Text(f"{name:<{width}}", style="bold") + Text(value, style="not bold")
        if value.startswith("http"):
            text.stylize(f"link {value}", width)
        console.print(text)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner in a terminal; nothing elsewhere."""
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def curl(url: str, body: Body, *, key_setting: str, folder: Path) -> str:
    """A command that works as it is pasted. A long or binary body is put into `folder`.

    `key_setting`: the variable from which the shell takes the key; empty if none is needed.
    """
    words = ["curl", f"{url}/score"]
    if body.content_type != "application/json":
        words += ["-H", f"Content-Type: {body.content_type}"]
    text = _text(body)
    if text is None or len(text) > MOST_ON_A_LINE:
        file = folder / f"example{body.ending}"
        file.write_bytes(body.content)
        words += ["--data-binary", f"@{file}"]
    else:
        words += ["-d", text]
    # The shell puts the key in.
    key = f' -H "x-functions-key: ${key_setting}"' if key_setting else ""
    return shlex.join(words) + key


def _text(body: Body) -> str | None:
    """A body as the words of a command; None if it is no single line of text."""
    try:
        text = body.content.decode()
    except UnicodeDecodeError:
        return None
    if body.content_type == "application/json":
        with contextlib.suppress(ValueError):  # a file of the user's may hold anything
            text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() and not text.startswith("@") else None


def _print(style: str, trigger: str, given: str, answer: str, cache: str, taken: str) -> None:
    cells = (_cell(trigger, TRIGGER), _cell(given, INPUT), _cell(answer, ANSWER))
    line = f"{''.join(cells)}{_cell(cache, CACHE)}{taken:>{MS}}"
    console.print(Text(line.rstrip(), style=style))


def _cell(text: str, width: int) -> str:
    """The text, cut so that two spaces follow it. Some characters are two columns wide."""
    if cell_len(text) > width - 2:
        text = f"{set_cell_size(text, width - 3)}…"
    return set_cell_size(text, width)
