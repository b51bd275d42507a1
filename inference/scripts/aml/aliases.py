"""Makes Azure ML's module names importable where its own packages are not installed.

    azureml.contrib.services.aml_request, …aml_response
    azureml_inference_server_http.api.aml_request, …aml_response

The finder stands last in sys.meta_path: an installed module is found first, name by name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_HOMES = ("azureml.contrib.services", "azureml_inference_server_http.api")
_NAMES = {
    "aml_request": ("AMLRequest", "rawhttp"),
    "aml_response": ("AMLResponse",),
}
_REQUESTS = ("inference.scripts.aml.aml_request", *(f"{home}.aml_request" for home in _HOMES))
_PACKAGES = {
    ".".join(home.split(".")[:depth]) for home in _HOMES for depth in range(1, home.count(".") + 2)
}
_MODULES = {f"{home}.{leaf}": leaf for home in _HOMES for leaf in _NAMES}
_FLAG = "_rawHttpRequested"


def install() -> None:
    """Make the names importable. A second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def is_rawhttp_used() -> bool:
    """Whether a script used @rawhttp, ours or Azure ML's."""
    return any(getattr(module, _FLAG, False) for module in _request_modules())


def reset_rawhttp() -> None:
    """Forget that a script used @rawhttp, before another is loaded."""
    for module in _request_modules():
        setattr(module, _FLAG, False)


def _request_modules() -> list[ModuleType]:
    return [sys.modules[name] for name in _REQUESTS if name in sys.modules]


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        if fullname in _PACKAGES:
            return ModuleSpec(fullname, _Alias(None), is_package=True)
        if fullname in _MODULES:
            return ModuleSpec(fullname, _Alias(_MODULES[fullname]))
        return None


class _Alias(Loader):
    """Fills a module with our names; a package is left empty."""

    def __init__(self, leaf: str | None) -> None:
        self._leaf = leaf

    def exec_module(self, module: ModuleType) -> None:
        if self._leaf is not None:
            ours = importlib.import_module(f"inference.scripts.aml.{self._leaf}")
            for name in _NAMES[self._leaf]:
                setattr(module, name, getattr(ours, name))
