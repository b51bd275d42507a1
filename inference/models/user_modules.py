"""Modules beside a script or a model, also those that are named like a package of the app.

A user's folder stands last on the import path: Python and installed packages come before it, as in
Azure ML's server. Only a name of the app's own (`inference`, `cache`, …) belongs to the user there,
while the app keeps using its own package:

    in code of the folder      `import inference`, at any time, finds the folder's module. The code
                               runs with an `__import__` of its own in its builtins
    in sys.modules             it is `user_modules.inference`, as if the folder were a package
    in pickles                 `inference.Clip` is looked up in the app's module, which hands names
                               that it does not have on (inference.models.module_lookups)
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from inference.models import module_lookups

#: The first part of the names in sys.modules. A second folder's is `user_modules_2`.
PACKAGE = "user_modules"
#: The project's own top-level names, and where they are. A package for Azure has some of them.
APP_NAMES = frozenset(
    {"inference", "triggers", "cache", "function_app"}
    | {"deploy", "local", "cli", "bench", "triscore_client"}
)
ROOT = Path(__file__).resolve().parents[2]
#: Of what another thread may disturb.
_TRIES = 10
#: Folders of installed packages.
INSTALLED = frozenset({"site-packages", "dist-packages", "node_modules"})

_folders: dict[str, UserFolder] = {}


def add(folder: Path) -> UserFolder:
    """Make a folder's modules importable. The folder that was added last is searched first."""
    path = str(folder)
    if path not in _folders:
        name = f"{PACKAGE}_{len(_folders) + 1}" if _folders else PACKAGE
        _folders[path] = UserFolder(path, name)
        if _find_in_folder not in sys.path_hooks:
            sys.path_hooks.insert(0, _find_in_folder)
        _forget_finders(path)
    _put_first(path)
    added = _folders[path]
    for name in added.app_names():
        module_lookups.hand_on(name, added.package, folder, ROOT)
    return added


def find_own(name: str, folder: Path) -> Path | None:
    """A folder's module or package that goes before the app's package of this name, if any."""
    if folder == ROOT or not _is_of_app(name):
        return None
    package, module = folder / name, folder / f"{name}.py"
    if (package / "__init__.py").is_file():
        return package
    if module.is_file():
        return module
    # Without __init__.py it is a package if there is code in it. It may also be a folder of data.
    return package if package.is_dir() and any(package.rglob("*.py")) else None


def _is_of_app(name: str) -> bool:
    places = (ROOT / name / "__init__.py", ROOT / f"{name}.py")
    return name in APP_NAMES and any(place.is_file() for place in places)


class UserFolder:
    """A folder whose code imports its own modules first, where the app has some of that name."""

    def __init__(self, path: str, package: str) -> None:
        self.path, self.package = path, package
        self._own: dict[str, bool] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}
        #: Modules that the process itself had loaded from here before.
        self._known = frozenset(self._loaded())
        self._register()

    def __repr__(self) -> str:
        return f"<UserFolder {self.path} as {self.package}>"

    def app_names(self) -> list[str]:
        """The names of the app's packages that the folder has too."""
        return sorted(name for name in APP_NAMES if self._has(name))

    def covers(self, path: str) -> bool:
        """Whether code in a folder is of this folder, and neither installed nor the app's."""
        if path != self.path and not path.startswith(self.path + os.sep):
            return False
        parts = Path(path).relative_to(self.path).parts
        of_app = self.path == str(ROOT) and bool(parts) and parts[0] in APP_NAMES
        return not of_app and not INSTALLED.intersection(parts)

    def _loaded(self) -> Iterator[str]:
        """Modules of the folder in sys.modules."""
        for name, module in [*sys.modules.items()]:
            file = getattr(module, "__file__", None) or ""
            if file.startswith(self.path + os.sep) or name.startswith(f"{self.package}."):
                yield name

    def forget(self) -> None:
        """Let the modules of the folder be imported again: they may have changed."""
        for name in [*self._loaded()]:
            if name not in self._known:
                sys.modules.pop(name, None)
        self._own.clear()
        self._register()
        _invalidate_caches()

    def prepare(self, module: ModuleType) -> None:
        """Before its code runs. Functions keep these builtins, so later imports use them too."""
        module.__dict__["__builtins__"] = self._builtins

    def _register(self) -> None:
        package = ModuleType(self.package, "The modules of a user's folder.")
        package.__path__ = [self.path]
        sys.modules[self.package] = package

    def _has(self, name: str) -> bool:
        if name not in self._own:
            self._own[name] = find_own(name, Path(self.path)) is not None
        return self._own[name]

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - Python's own parameter
        locals: Mapping[str, object] | None = None,  # noqa: A002 - as above
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """As Python's own `__import__`."""
        top = name.partition(".")[0]
        if level or top not in APP_NAMES or not self._has(top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        try:
            found = builtins.__import__(
                f"{self.package}.{name}", globals, locals, fromlist or (), 0
            )
        except ModuleNotFoundError as error:
            raise self._as_written(error) from error
        if isinstance(fromlist, list):
            # C code, pickle's too, passes a list and looks the name up in sys.modules afterwards.
            importlib.import_module(name)
        return found if fromlist else sys.modules[f"{self.package}.{top}"]

    def _as_written(self, error: ModuleNotFoundError) -> ModuleNotFoundError:
        """The error with the module's name as the user wrote it."""
        prefix = f"{self.package}."
        name = (error.name or "").removeprefix(prefix)
        return ModuleNotFoundError(str(error).replace(prefix, ""), name=name, path=error.path)


class UserLoader(SourceFileLoader):
    """Loads a file of a user's folder, always from its source.

    Python takes the bytecode of an older file for the newer one's where both have the same size
    and were written in the same second. The older code would answer under the newer one's key.
    """

    def path_stats(self, path: str) -> NoReturn:
        raise OSError(f"the bytecode of {path} is neither read nor written")

    def exec_module(self, module: ModuleType) -> None:
        folder = _folder_of(str(Path(self.path).parent))
        if folder is not None:
            folder.prepare(module)
        super().exec_module(module)


def _folder_of(path: str) -> UserFolder | None:
    """The innermost folder that has the code at a path."""
    for place in (path, *map(str, Path(path).parents)):
        folder = _folders.get(place)
        if folder is not None and folder.covers(path):
            return folder
    return None


def _find_in_folder(path: str) -> FileFinder:
    """For sys.path_hooks: finds modules of the users' folders."""
    if _folder_of(path) is None:
        raise ImportError(path)
    return FileFinder(
        path,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (UserLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )


def _forget_finders(path: str) -> None:
    for known in [*sys.path_importer_cache]:
        if known == path or known.startswith(path + os.sep):
            del sys.path_importer_cache[known]


def _put_first(path: str) -> None:
    """Before the other users' folders, whose modules of the same names are no longer found."""
    others = [other for other in sys.path if other in _folders and other != path]
    if path in sys.path and not others:
        return
    if path in sys.path:
        sys.path.remove(path)
    sys.path.insert(sys.path.index(others[0]) if others else len(sys.path), path)
    for name in _loaded_from(others):
        if PathFinder.find_spec(name, [path]) is not None:
            _drop(name)


def _loaded_from(folders: Sequence[str]) -> Iterator[str]:
    """Top-level modules that were imported from other users' folders."""
    known = frozenset(folders)
    for name, module in [*sys.modules.items()]:
        if "." not in name and (file := getattr(module, "__file__", None)):
            place = os.path.dirname(file)  # noqa: PTH120 - thousands of modules
            if place in known or os.path.dirname(place) in known:  # noqa: PTH120 - as above
                yield name


def _drop(name: str) -> None:
    for each in [*sys.modules]:
        if each == name or each.startswith(f"{name}."):
            del sys.modules[each]


def _invalidate_caches() -> None:
    """Let the finders see new files. Two threads that do so at once disturb each other: Python
    raises KeyError for an entry that the other thread has dropped.
    """
    for _ in range(_TRIES):
        with contextlib.suppress(KeyError):
            importlib.invalidate_caches()
            return
