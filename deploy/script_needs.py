"""What a script imports that its requirements do not install, read from its code.

Starting a package finds what is missing while the script is imported and `init()` runs. What a
function imports later, in `run()`, is found here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from deploy import closure
from deploy.errors import Refused
from deploy.packaged_model import PackagedModel
from deploy.pins import Pin
from inference.scripts import script_digest

#: Names of exceptions that an import's `except` may have.
_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Import:
    """A module that code imports by its dotted name. `late`: in a function."""

    module: str
    line: int
    late: bool


def require_late(packaged: PackagedModel, required: Sequence[Pin]) -> list[str]:
    """Raises Refused if a function of the script imports what the requirements do not install.

    Returns sentences about functions in modules beside it, which may not be needed to answer.
    """
    if packaged.script is None:
        return []
    script = packaged.files[packaged.script]
    denied = closure.missing_modules(required)
    notes = []
    for file in script_digest.code_files(script):
        late = [each for each in _missing_in(file, script, denied) if each.late]
        if not late:
            continue
        needs = sentence(_pins(late, denied))
        if file == script:
            raise Refused(f"{script.name}, line {late[0].line}: {needs}, or catch ImportError")
        notes.append(f"a function in {file.name} needs more: {needs}")
    return notes


def missing(script: Path, denied: Mapping[str, str]) -> dict[str, str]:
    """The missing modules that a script and those beside it import, each with a pin."""
    files = script_digest.code_files(script)
    return _pins([each for file in files for each in _missing_in(file, script, denied)], denied)


def _missing_in(file: Path, script: Path, denied: Mapping[str, str]) -> list[Import]:
    return [
        each
        for each in imports(file)
        if denied_part(each.module, denied) and not _is_beside(each.module, script)
    ]


def _pins(missing: Sequence[Import], denied: Mapping[str, str]) -> dict[str, str]:
    pairs = (denied_part(each.module, denied).items() for each in missing)
    return dict(chain.from_iterable(pairs))


def denied_part(module: str, denied: Mapping[str, str]) -> dict[str, str]:
    """The part of a dotted name that is missing, with its pin; empty if none is."""
    parts = module.split(".")
    names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next(({name: denied[name]} for name in names if name in denied), {})


def sentence(needs: Mapping[str, str]) -> str:
    """`needs`: missing modules, each with a pin."""
    modules, wanted = ", ".join(sorted(needs)), ", ".join(sorted(set(needs.values())))
    return f"the requirements do not install {modules}: add {wanted} to them"


def imports(file: Path) -> Iterator[Import]:
    """What a file imports unconditionally: an import that may fail, or that only a type checker or
    `python FILE` runs, is left out.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # the start says why
        return
    yield from _imports(tree.body, late=False)


def _imports(body: Sequence[ast.AST], *, late: bool) -> Iterator[Import]:
    for node in body:
        yield from _imports_of(node, late)
        if isinstance(node, ast.If) and _is_skipped(node.test):
            yield from _imports(node.orelse, late=late)
        elif isinstance(node, ast.Try) and any(map(_catches_import, node.handlers)):
            yield from _imports([*node.orelse, *node.finalbody], late=late)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _imports(list(ast.iter_child_nodes(node)), late=late or function)


def _imports_of(node: ast.AST, late: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, late) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield Import(f"{node.module}.{alias.name}", node.lineno, late)


def _is_skipped(test: ast.expr) -> bool:
    """`if TYPE_CHECKING` and `if __name__ == "__main__"`."""
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(test) if isinstance(node, ast.Attribute)}
    return bool(names & {"TYPE_CHECKING", "__name__"})


def _catches_import(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _CAUGHT for node in ast.walk(handler.type))


def _is_beside(module: str, script: Path) -> bool:
    """Whether a module of this name lies beside the script. An installed one goes before it, but is
    not there in Azure.
    """
    top = script.parent / module.partition(".")[0]
    return top.is_dir() or top.with_suffix(".py").is_file()
