"""Makes Azure ML's module names importable where its own packages are not installed.

    azureml.contrib.services.aml_request, …aml_response
    azureml_inference_server_http.api.aml_request, …aml_response
    azureml.core.model, of which there is Model.get_model_path

The finder stands last in sys.meta_path: an installed module is found first, name by name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from inference.errors import ModelUnavailable

_HOMES = ("azureml.contrib.services", "azureml_inference_server_http.api")
_NAMES = {
    "aml_request": ("AMLRequest", "rawhttp"),
    "aml_response": ("AMLResponse",),
    "core_model": ("Model",),
}
_CORE = "azureml.core"
_REQUESTS = ("inference.scripts.aml.aml_request", *(f"{home}.aml_request" for home in _HOMES))
_PACKAGES = {
    ".".join(home.split(".")[:depth]) for home in _HOMES for depth in range(1, home.count(".") + 2)
}
_MODULES = {
    **{f"{home}.{leaf}": leaf for home in _HOMES for leaf in ("aml_request", "aml_response")},
    _CORE: "core_model",
    f"{_CORE}.model": "core_model",
}
_FLAG = "_rawHttpRequested"


def install(model_dir: Path = Path()) -> None:
    """Make the names importable. `model_dir` is the folder that the script's model is in."""
    from inference.scripts.aml import core_model  # noqa: PLC0415 - as all names, on demand

    core_model.use_folder(model_dir)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


@contextmanager
def unavailable_names() -> Iterator[None]:
    """While a script starts: raises ModelUnavailable for a name that it asks for in vain."""
    try:
        yield
    except ImportError as error:
        from inference.scripts.aml.core_model import NotInAzuremlCore  # noqa: PLC0415 - as above

        if isinstance(error, NotInAzuremlCore):
            raise ModelUnavailable(str(error)) from None
        raise


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
            alias = _Alias(_MODULES[fullname])
            return ModuleSpec(fullname, alias, is_package=fullname == _CORE)
        if fullname.startswith(f"{_CORE}."):
            raise _not_in_core(fullname)
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
            if module.__name__.startswith(_CORE):
                module.__dict__["__getattr__"] = partial(_find_in_core, module.__name__)


def _find_in_core(module: str, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if f"{module}.{name}" in _MODULES:  # a module that is not imported yet
        raise AttributeError(name)
    raise _not_in_core(f"{module}.{name}")


def _not_in_core(name: str) -> ImportError:
    from inference.scripts.aml.core_model import NotInAzuremlCore  # noqa: PLC0415 - as above

    return NotInAzuremlCore(name)
