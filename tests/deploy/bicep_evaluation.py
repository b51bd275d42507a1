"""The resources that a template creates for some parameters, without Azure and its compiler.

Conditions, loops and modules are followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.deploy import bicep
from tests.deploy.bicep import Template, named, text
from tests.deploy.bicep_expressions import Expressions, Unknown


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that would be made."""

    type: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.body["name"])


def made(path: Path, parameters: Mapping[str, Any], package: Mapping[str, str]) -> list[Made]:
    """Every resource, those of modules too. `package`: what each JSON file that is read holds.

    Raises Failed where the template refuses the parameters.
    """
    return list(_File(bicep.read(path), parameters, package).made())


def outputs(
    path: Path, parameters: Mapping[str, Any], package: Mapping[str, str]
) -> dict[str, Any]:
    """A template's outputs."""
    return _File(bicep.read(path), parameters, package).outputs()


class _File:
    """One file with its parameters; names are evaluated when they are asked for, as in Azure."""

    def __init__(
        self, template: Template, given: Mapping[str, Any], package: Mapping[str, str]
    ) -> None:
        missing = {name for name, default in template.parameters.items() if default is None}
        assert missing <= set(given) <= set(template.parameters), template.path
        self._folder, self._package = template.path.parent, package
        self._known: dict[str, Any] = dict(given)
        self._expressions = Expressions(self._name, self._member, package)
        #: By what they are: each declaration's name, and what stands behind it.
        self._declared: dict[str, dict[str, list[Node]]] = {}
        for node in bicep.walk(template.root):
            if node.type.endswith("_declaration") and not _exists(node):
                name, *rest = named(node)
                self._declared.setdefault(node.type, {})[text(name)] = rest

    def made(self) -> Iterator[Made]:
        for kind, body in self._of("resource"):
            for values in self._expressions.each(body, {}):
                yield Made(str(bicep.value(kind)).partition("@")[0], values)
        for path, body in self._of("module"):
            for values in self._expressions.each(body, {}):
                yield from self._module(path, values).made()

    def outputs(self) -> dict[str, Any]:
        declared = self._declared.get("output_declaration", {})
        return {name: self._expressions.value(rest[-1], {}) for name, rest in declared.items()}

    def _of(self, what: str) -> list[list[Node]]:
        return list(self._declared.get(f"{what}_declaration", {}).values())

    def _module(self, path: Node, body: Mapping[str, Any]) -> _File:
        file = (self._folder / str(bicep.value(path))).resolve()
        return _File(bicep.read(file), body.get("params", {}), self._package)

    def _name(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = Unknown(name)  # a resource, or a module, which may not be made
            for what in ("parameter", "variable"):
                if rest := self._declared.get(f"{what}_declaration", {}).get(name):
                    self._known[name] = self._expressions.value(rest[-1], {})
        return self._known[name]

    def _member(self, of: Any, key: str) -> Any:
        """Of a module its outputs; of a resource, who knows."""
        module = self._declared.get("module_declaration", {}).get(of)
        if module is None:
            return Unknown(f"{of}.{key}")
        path, body = module
        for values in self._expressions.each(body, {}):
            return self._module(path, values).outputs()
        raise AssertionError(f"{of} is not made, and asked for its outputs")


def _exists(node: Node) -> bool:
    return any(each.type == "existing" for each in node.children)
