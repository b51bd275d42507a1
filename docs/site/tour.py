"""`python -m docs.site.tour`: make the tour as `make run` does, and write docs/tour.svg from it.

The picture is what the terminal shows, with a fixed width. The ports of `make run` must be free.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.demo import run, screen

PICTURE = Path(__file__).resolve().parents[1] / "tour.svg"
COLUMNS = 100
#: The last line of the tour.
LAST = "Ctrl-C"
#: rich names fonts of a web site. The picture needs nothing from outside.
FONTS = re.compile(r"\s*@font-face \{[^}]*\}")


def main() -> int:
    screen.console.record = True
    threading.Thread(target=_end_after_tour, daemon=True).start()
    code = run.run(None, None, once=False)
    if code == 0:
        _draw(screen.console.export_text(styles=True))
    return code


def _end_after_tour() -> None:
    """Press Ctrl-C when the last line stands there."""
    while LAST not in screen.console.export_text(clear=False):
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)


def _draw(output: str) -> None:
    """`output`: with the terminal's codes for colours."""
    with Path(os.devnull).open("w") as nowhere:
        picture = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        picture.print(Text("$ make run", style="bold"))
        picture.print(Text.from_ansi(output.rstrip()), overflow="fold")
        drawn = FONTS.sub("", picture.export_svg(title="make run"))
        PICTURE.write_text(drawn.replace("Fira Code", "ui-monospace"))


if __name__ == "__main__":
    sys.exit(main())
