"""A real browser: Debian's Chromium, driven over W3C WebDriver."""

from __future__ import annotations

import base64
import json
import os
import shutil
import urllib.request
from pathlib import Path
from typing import Any, Self

import pytest

from local.emulators.child import Child
from tests.servers import free_port
from tests.waiting import eventually

#: The protocol's name for an element's reference.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CONTROL = "\ue009"
ENTER = "\ue007"
TAB = "\ue004"

#: The browser makes no network requests of its own, and runs as root.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One window; ends with the block it is opened in."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self._session = f"http://127.0.0.1:{port}"
        self._driver = Child([_found("chromedriver"), f"--port={port}"], log=folder / "driver.log")
        options = {
            "binary": _found("chromium"),
            "args": [*FLAGS, f"--user-data-dir={folder / 'profile'}"],
        }
        asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            eventually(self._is_up, 30)
            begun = self._do("POST", "/session", {"capabilities": {"alwaysMatch": asked}})
        except BaseException:
            self._driver.stop()
            raise
        self._session += f"/session/{begun['sessionId']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._do("DELETE", "")
        finally:
            self._driver.stop()

    def open(self, url: str) -> None:
        self._do("POST", "/url", {"url": url})

    def run(self, script: str) -> Any:
        """Run a function body in the page. Returns its result."""
        return self._do("POST", "/execute/sync", {"script": script, "args": []})

    def text(self, css: str) -> str:
        return str(self._do("GET", f"{self._element(css)}/text"))

    def value(self, css: str) -> str:
        return str(self._do("GET", f"{self._element(css)}/property/value"))

    def name(self, css: str) -> str:
        """The accessible name of an element."""
        return str(self._do("GET", f"{self._element(css)}/computedlabel"))

    def click(self, css: str) -> None:
        self._do("POST", f"{self._element(css)}/click", {})

    def type(self, css: str, text: str) -> None:
        """Type into an element; a first key CONTROL is held down."""
        self._do("POST", f"{self._element(css)}/value", {"text": text})

    def media(self, **features: str) -> None:
        """Set a CSS media feature, for example `prefers_color_scheme`."""
        named = [{"name": each.replace("_", "-"), "value": how} for each, how in features.items()]
        asked = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": named}}
        self._do("POST", "/goog/cdp/execute", asked)

    def screenshot(self) -> bytes:
        return base64.b64decode(self._do("GET", "/screenshot"))

    def console(self) -> list[str]:
        """Console errors since the last call: scripts, policies, missing files."""
        return [each["message"] for each in self._do("POST", "/se/log", {"type": "browser"})]

    def _element(self, css: str) -> str:
        found = self._do("POST", "/element", {"using": "css selector", "value": css})
        return f"/element/{found[ELEMENT]}"

    def _is_up(self) -> bool:
        try:
            return bool(self._do("GET", "/status")["ready"])
        except OSError:
            return False

    def _do(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self._session + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        sentence = f"{program} was not found: apt-get install chromium-driver"
        # With CI set, a missing program is a failure and not a skipped test.
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path
