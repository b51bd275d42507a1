"""Digest of all code and data that a script's answers depend on. It is part of every cache key.

    the script                    its content
    modules that it brings along  their contents: those of its folder, and any other module that
                                  belongs neither to Python nor to an installed package
    packages that it imports      the versions of their distributions, and of all that these
                                  require
    data files beside it          see inference.scripts.data_files

Imports are read from the code, in functions too. Once the script is loaded, modules that it
imports by a computed name are known as well, and the packages of what its global variables hold: a
model's library.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from inference.models import local_modules, package_versions, user_modules

#: Every script's answers pass through it.
_ALWAYS = "numpy"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
#: The app's own packages. They may lie beside a script.
_APP = ("inference", "triggers", "cache")
_APP_FOLDERS = tuple(Path(__file__).resolve().parents[2] / name for name in _APP)


def digest(script: Path, data: bytes) -> bytes:
    """Of the script, and all that it imports as far as that is known by now.

    `data`: the digest of the data files beside it, which may be large.
    """
    code = _Code(script)
    whole = hashlib.sha256(local_modules.digest(sorted(code.files), code.folder))
    imported = package_versions.installed_versions(code.packages)
    for name, version in package_versions.with_requirements(imported).items():
        whole.update(f"{name} {version}\n".encode())
    whole.update(data)
    return whole.digest()


def code_files(script: Path) -> list[Path]:
    """The script and the modules that it brings along, as far as they are known by now."""
    return sorted(_Code(script).files)


class _Code:
    """The files and the packages of a script. `packages` are top-level modules."""

    def __init__(self, script: Path) -> None:
        self.folder = script.parent
        self.files: set[Path] = set()
        self.packages = {_ALWAYS}
        self._add(script)
        for file, module in _loaded_from(self.folder):
            self._add(file)
            self._add_held(module)

    def _add(self, file: Path) -> None:
        if file in self.files:
            return
        self.files.add(file)
        for name in _imported(file):
            self._add_module(name)

    def _add_module(self, name: str) -> None:
        """By its top-level name. All modules of a package are added with it."""
        if name in sys.stdlib_module_names or name.startswith(user_modules.PACKAGE):
            return
        origin = user_modules.find_own(name, self.folder)
        if origin is None and name in _APP:
            return
        origin = origin or _find(name, self.folder)
        if origin is None:
            self.packages.add(name)
        elif origin.is_dir():
            for file in local_modules.modules_in(origin):
                self._add(file)
        else:
            self._add(origin)

    def _add_held(self, module: ModuleType) -> None:
        """What a module's variables hold: modules, classes, functions and instances."""
        for value in [*vars(module).values()]:
            name = value.__name__ if isinstance(value, ModuleType) else _module_of(value)
            top = name.partition(".")[0]
            if top not in {module.__name__, *sys.stdlib_module_names}:
                self._add_module(top)


def _module_of(value: object) -> str:
    """The module of a function, a class, or an instance's class."""
    try:
        own = getattr(value, "__module__", None) if callable(value) else None
    except Exception:  # noqa: BLE001 - an object of the script's may raise anything
        own = None
    return own if isinstance(own, str) else str(type(value).__module__)


def _imported(file: Path) -> Iterator[str]:
    """The top-level modules that a file imports, wherever it does. Relative imports are left out:
    they are of the package that the file is in.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # loading it fails, and says why
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _find(name: str, folder: Path) -> Path | None:
    """Where a module is that belongs to no installed package: its file, or its package's folder."""
    origin = _origin(name, folder)
    if origin is None or _is_installed(origin) or origin.suffix not in {".py", ""}:
        return None
    return origin.parent if origin.name == "__init__.py" else origin


def _origin(name: str, folder: Path) -> Path | None:
    """The file of a module, as it is loaded or would be; the folder of a namespace package."""
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded is not None:
        return Path(loaded)
    spec = PathFinder.find_spec(name, [*sys.path, str(folder)])
    if spec is None:
        return None
    origin = spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    return None if origin is None else Path(origin)


def _loaded_from(folder: Path) -> list[tuple[Path, ModuleType]]:
    """The modules of a folder and below that are loaded, but those of the app and of packages."""
    beginning = f"{folder}{os.sep}"
    found = []
    for module in [*sys.modules.values()]:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.startswith(beginning) and not _is_installed(Path(file)):
            found.append((Path(file), module))
    return found


def _is_installed(file: Path) -> bool:
    return bool(_INSTALLED & set(file.parts)) or any(
        file.is_relative_to(app) for app in _APP_FOLDERS
    )
