"""Hands lookups of names in the app's modules on to modules of the same names in users' folders.

A pickle names its classes by module, and looks the module up in sys.modules: `inference.Clip` in
the app's `inference`. Where the app's module has no such name, the user's is asked. What the app's
own code imports is never handed on. No module of the app is imported for this: one that is not yet
in sys.modules hands on from when it is imported.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

#: By the app's top-level names: the packages in sys.modules that have users' modules of that name,
#: the newest first.
_packages: dict[str, list[str]] = {}
#: The dotted names that the app and a user's folder have.
_shared: set[str] = set()
#: Importing it starts the app. Where it is not imported before, the name is the user's.
_COMPOSITION_ROOT = "function_app"


def hand_on(name: str, package: str, folder: Path, root: Path) -> None:
    """From the app's package `name` in `root`, and its modules, to those of a folder, which is
    known as `package`.
    """
    packages = _packages.setdefault(name, [])
    if package in packages:
        packages.remove(package)
    packages.insert(0, package)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SharedFinder())
        sys.meta_path.append(_Finder())
    for shared in _names_of_both(name, folder, root):
        _shared.add(shared)
        if shared in sys.modules:
            _ask_users(sys.modules[shared])


def _ask_users(module: ModuleType) -> None:
    """Hand on lookups of names that a module of the app does not have."""
    module.__dict__["__getattr__"] = _Lookup(module)


class _Lookup:
    """A module's `__getattr__`: asked for names that the module does not have."""

    def __init__(self, module: ModuleType) -> None:
        self._name, self._path = module.__name__, getattr(module, "__path__", None)

    def __call__(self, name: str) -> Any:
        if not name.startswith("__") and not self._is_of_app(name):
            for module in _user_modules(self._name):
                with contextlib.suppress(AttributeError):
                    return getattr(module, name)
        raise AttributeError(f"module {self._name!r} has no attribute {name!r}", name=name)

    def _is_of_app(self, name: str) -> bool:
        """Whether a name is a module of the app that is not imported yet."""
        path = self._path
        return path is not None and PathFinder.find_spec(f"{self._name}.{name}", path) is not None


class _SharedFinder(MetaPathFinder):
    """Finds the app's modules that hand lookups on. It stands first."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in _shared:
            return None
        if fullname == _COMPOSITION_ROOT:
            user = next(_user_modules(fullname), None)
            return None if user is None else ModuleSpec(fullname, _Loaded(user))
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _HandingOn(spec.loader)
        return spec


class _HandingOn(Loader):
    """Loads a module of the app, which hands lookups on from then."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _ask_users(module)


class _Finder(MetaPathFinder):
    """Finds `inference.steps` in users' folders. It stands last: the app's modules come first."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        found = next(_user_modules(fullname), None) if "." in fullname else None
        return None if found is None else ModuleSpec(fullname, _Loaded(found))


class _Loaded(Loader):
    """Gives a module that is loaded already a second name."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the protocol's
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def _user_modules(name: str) -> Iterator[ModuleType]:
    for package in _packages.get(name.partition(".")[0], ()):
        with contextlib.suppress(ModuleNotFoundError):
            yield importlib.import_module(f"{package}.{name}")


def _names_of_both(name: str, folder: Path, root: Path) -> Iterator[str]:
    """The modules, by their dotted names, that the app and a folder have."""
    yield name
    for file in sorted((folder / name).rglob("*.py")):
        place = file.parent if file.name == "__init__.py" else file.with_suffix("")
        path = place.relative_to(folder)
        if len(path.parts) > 1 and ((root / path).is_dir() or (root / f"{path}.py").is_file()):
            yield ".".join(path.parts)
