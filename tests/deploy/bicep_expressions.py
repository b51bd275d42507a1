"""The value of a Bicep expression, if it can be known without Azure.

What only a deployment knows (an address, a key, an id) is an `Unknown`, whose text says what it
would be. No compiler: types are not checked.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tree_sitter import Node

from tests.deploy import bicep
from tests.deploy.bicep import named, text

#: Names of loops and lambdas.
Local = Mapping[str, Any]


class Failed(Exception):
    """The sentence of a `fail(…)` that was evaluated."""


class Unknown(str):
    """What only a deployment knows."""

    __slots__ = ()


def _fail(sentence: str) -> Any:
    raise Failed(sentence)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "any": lambda value: value,
    "concat": lambda *lists: [item for each in lists for item in each],
    "contains": lambda among, item: item in among,
    "empty": lambda value: not value,
    "fail": _fail,
    "filter": lambda items, keep: [item for item in items if keep(item)],
    "items": lambda value: [{"key": key, "value": each} for key, each in sorted(value.items())],
    "join": lambda items, between: between.join(items),
    "map": lambda items, change: [change(item) for item in items],
    "split": lambda value, at: value.split(at),
    "string": str,
    "toLower": lambda value: value.lower(),
    "trim": lambda value: value.strip(),
    "union": lambda *objects: {key: each for one in objects for key, each in one.items()},
}
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<=": operator.le,
    "*": operator.mul,
}


class Expressions:
    """Those of one file. `names` is asked for each name that is no loop's or lambda's, `member`
    for what stands behind the dot of a value that is none of JSON's; `package` is what every file
    that is read holds.
    """

    def __init__(
        self,
        names: Callable[[str], Any],
        member: Callable[[Any, str], Any],
        package: Mapping[str, str],
    ) -> None:
        self._names, self._of, self._package = names, member, package
        self._readers: Mapping[str, Callable[[Node, Local], Any]] = {
            "identifier": self._name,
            "resource_expression": self._name,
            "string": self._string,
            "object": self._object,
            "array": lambda node, local: [self.value(each, local) for each in named(node)],
            "ternary_expression": self._ternary,
            "binary_expression": self._binary,
            "unary_expression": lambda node, local: not self.value(named(node)[0], local),
            "parenthesized_expression": lambda node, local: self.value(named(node)[0], local),
            "member_expression": self._member,
            "subscript_expression": self._member,
            "call_expression": self._call,
            "lambda_expression": self._lambda,
            "for_statement": lambda node, local: list(self.each(node, local)),
        }

    def value(self, node: Node, local: Local) -> Any:
        """Raises Failed."""
        reader = self._readers.get(node.type)
        return bicep.value(node) if reader is None else reader(node, local)

    def each(self, node: Node, local: Local) -> Iterator[Any]:
        """The bodies that a declaration comes to: none, one, or one an item of a loop."""
        parts = named(node)
        if node.type == "for_statement":
            loop, items, body = parts
            names = [text(each) for each in named(loop)] or [text(loop)]
            for index, item in enumerate(self.value(items, local)):
                found = dict(zip(names, (item, index), strict=False))
                yield from self.each(body, {**local, **found})
        elif node.type != "if_statement":
            yield self.value(node, local)
        elif self.value(parts[0], local):
            yield self.value(parts[1], local)

    def _name(self, node: Node, local: Local) -> Any:
        name = text(node)
        return local[name] if name in local else self._names(name)

    def _object(self, node: Node, local: Local) -> dict[str, Any]:
        pairs = [named(each) for each in named(node) if each.type == "object_property"]
        return {
            text(key) if key.type == "identifier" else self._string(key, local): self.value(
                each, local
            )
            for key, each in pairs
        }

    def _string(self, node: Node, local: Local) -> str:
        return "".join(
            str(self.value(named(each)[0], local))
            if each.type == "interpolation"
            else text(each).removeprefix("\\")
            for each in named(node)
        )

    def _ternary(self, node: Node, local: Local) -> Any:
        condition, one, other = named(node)
        return self.value(one if self.value(condition, local) else other, local)

    def _binary(self, node: Node, local: Local) -> Any:
        (left, right), sign = named(node), text(node.children[1])
        first = self.value(left, local)
        if callable(first):  # the parser ends a lambda before what follows its first name
            return lambda item: OPERATORS[sign](first(item), self.value(right, local))
        if sign in ("&&", "||", "??"):
            stays = {"&&": not first, "||": bool(first), "??": first is not None}[sign]
            return first if stays else self.value(right, local)
        return OPERATORS[sign](first, self.value(right, local))

    def _member(self, node: Node, local: Local) -> Any:
        whole, part = named(node)
        of = self.value(whole, local)
        key: Any = text(part) if node.type == "member_expression" else self.value(part, local)
        if callable(of):  # as above
            return lambda item: of(item)[key]
        if not isinstance(of, dict | list):
            return self._of(of, key)
        may_miss = any(text(each) in (".?", "?") for each in node.children)
        return of.get(key) if isinstance(of, dict) and may_miss else of[key]

    def _call(self, node: Node, local: Local) -> Any:
        function, arguments = named(node)
        if text(function) == "loadJsonContent":
            return self._package
        given = [self.value(each, local) for each in named(arguments)]
        if known := FUNCTIONS.get(text(function)):
            return known(*given)
        return Unknown(f"{text(function)}({', '.join(map(json.dumps, given))})")

    def _lambda(self, node: Node, local: Local) -> Callable[[Any], Any]:
        argument, body = named(node)
        return lambda item: self.value(body, {**local, text(argument): item})
