"""The options that name an app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

#: Where `make run` usually serves.
LOCAL = "http://127.0.0.1:7071"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="TRISCORE_URL",
        help=f"The address of the app; without it that of this folder's `make run`, else {LOCAL}.",
        show_default=False,
    ),
]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="TRISCORE_KEY",
        help="A function key, if the app asks for one. An app on this machine gets the local host's"
        " own, from HOST_FUNCTION_KEY of the settings.",
        show_default=False,
    ),
]
#: Settings of a folder's app.
SETTINGS = "local.settings.json"
#: Names of this machine, for apps that run on the local host.
THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
#: As the local host reads them.
_LOCAL_KEYS = ("HOST_FUNCTION_KEY", "HOST_MASTER_KEY")


def is_here(url: str) -> bool:
    """Whether an app runs on this machine. An address that is none is not here."""
    try:
        return urlsplit(url).hostname in THIS_MACHINE
    except ValueError:  # the client says what is wrong with it
        return False


def find_key(key: str, url: str, settings: Path = Path(SETTINGS)) -> str:
    """The key to send: the one given, or the local host's own to an app on this machine."""
    if key or not is_here(url):
        return key
    return next((found for name in _LOCAL_KEYS if (found := _setting(name, settings))), "")


def _setting(name: str, file: Path) -> str:
    if name in os.environ or not file.is_file():
        return os.environ.get(name, "")
    from deploy.app_settings import read_file
    from deploy.errors import Refused

    try:
        return read_file(file).get(name, "")
    except Refused:  # the file may be of another project
        return ""
