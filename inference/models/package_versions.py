"""Which installed packages compute a model's answers, and which version wrote its pickle."""

from __future__ import annotations

import importlib.metadata
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

#: Packages whose types are values, and not parts of an estimator.
VALUE_PACKAGES = frozenset({"builtins", "numpy", "scipy"})

#: What scikit-learn says while it reads a pickle of another version.
_OTHER_VERSION = "Trying to unpickle estimator"

#: The name at the beginning of a requirement.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: The distribution of a module that has another name. Others are looked up, which takes longer.
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def installed_version(distribution: str) -> str:
    """`none` if it is not installed. Imports nothing."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def installed_versions(modules: Iterable[str]) -> dict[str, str]:
    """The distributions that brought top-level modules, each with its version, sorted.

    Python's own modules, and modules of no distribution, are left out.
    """
    names = {name for module in modules for name in _distributions_of(module)}
    return {name: installed_version(name) for name in sorted(names)}


def with_requirements(names: Iterable[str]) -> dict[str, str]:
    """Distributions and all that they require, as far as installed, each with its version, sorted.

    Extras are left out, and environment markers count as met.
    """
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and (version := installed_version(name)) != "none":
            found[name] = version
            waiting += _requirements(name)
    return dict(sorted(found.items()))


@cache
def _requirements(distribution: str) -> tuple[str, ...]:
    """By their normalized names. Reads a file, in about half a millisecond."""
    lines = importlib.metadata.requires(distribution) or ()
    needed = (_NAME.match(line) for line in lines if "extra ==" not in line)
    return tuple({re.sub(r"[-_.]+", "-", each[0]).lower() for each in needed if each})


@cache
def _distributions_of(module: str) -> tuple[str, ...]:
    name = _DISTRIBUTIONS.get(module, module)
    if installed_version(name) != "none":
        return (name,)
    return tuple(sorted(set(_owners().get(module, ()))))


@cache
def _owners() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


class WriterVersion:
    """The version of scikit-learn that wrote what was loaded; None if it is the installed one."""

    def __init__(self) -> None:
        self.version: str | None = None

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """While a model is loaded. Other warnings are shown afterwards."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", message=_OTHER_VERSION)
            yield
        for each in caught:
            if re.match(_OTHER_VERSION, str(each.message)):
                self.version = str(getattr(each.message, "original_sklearn_version", "unknown"))
            else:
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
