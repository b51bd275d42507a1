"""Reads Bicep files with a parser: what each declares and uses.

No compiler: an expression that is no literal is a `Computed`, whatever it would come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))

#: What begins with a new name.
DECLARATIONS = {
    *("parameter_declaration", "variable_declaration"),
    *("resource_declaration", "module_declaration"),
    *("for_statement", "lambda_expression"),
}
#: What begins with a word that is no use of a name.
LABELLED = {*DECLARATIONS, "call_expression", "object_property", "output_declaration"}


@dataclass(frozen=True, slots=True)
class Computed:
    """An expression; `of` are the literals among its outcomes, where it chooses between some."""

    text: str
    of: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    symbol: str
    type: str
    version: str
    body: dict[str, Any]
    existing: bool


@dataclass(frozen=True, slots=True)
class Module:
    symbol: str
    path: Path
    params: dict[str, Any]


@dataclass(slots=True)
class Template:
    """One file."""

    path: Path
    root: Node
    #: By name; None where a parameter has no default.
    parameters: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)

    @property
    def declared(self) -> set[str]:
        names = {text(named(node)[0]) for node in walk(self.root) if node.type in DECLARATIONS}
        pairs = ("loop_variable", "loop_enumerator")
        return names | {text(node) for node in walk(self.root) if node.type in pairs}

    @property
    def used(self) -> set[str]:
        """Names that an expression asks for; a nested resource is one, too."""
        return {text(node) for node in walk(self.root) if _is_use(node)}

    @property
    def called(self) -> set[str]:
        return {
            text(named(node)[0])
            for node in walk(self.root)
            if node.type == "call_expression" and named(node)[0].type == "identifier"
        }


def read(path: Path) -> Template:
    """Raises ValueError with the place where the file is not Bicep."""
    root = PARSER.parse(path.read_bytes()).root_node
    for node in walk(root):
        if node.is_error or node.is_missing:
            raise ValueError(f"{path}:{node.start_point.row + 1}: {text(node)[:60]!r}")
    template = Template(path, root)
    for node in walk(root):
        parts = named(node)
        match node.type:
            case "parameter_declaration":
                default = value(parts[2]) if len(parts) > 2 else None
                template.parameters[text(parts[0])] = default
            case "variable_declaration":
                template.variables[text(parts[0])] = value(parts[1])
            case "output_declaration":
                template.outputs[text(parts[0])] = value(parts[2])
            case "resource_declaration":
                template.resources.append(_resource(node))
            case "module_declaration":
                body = _body(parts[2])
                target = (path.parent / value(parts[1])).resolve()
                template.modules.append(Module(text(parts[0]), target, body.get("params", {})))
    return template


def value(node: Node) -> Any:
    """A literal as Python has it; of a loop or a condition, what stands in it."""
    return READERS.get(node.type, _computed)(node)


def _computed(node: Node) -> Computed:
    return Computed(text(node))


def _object(node: Node) -> dict[str, Any]:
    pairs = [named(each) for each in named(node) if each.type == "object_property"]
    # A nested resource stands alone in its place.
    return {text(pair[0]).strip("'"): value(pair[1]) for pair in pairs if len(pair) == 2}


def _string(node: Node) -> str | Computed:
    parts = named(node)
    if any(each.type == "interpolation" for each in parts):
        return _computed(node)
    return "".join(text(each).removeprefix("\\") for each in parts)


READERS: dict[str, Callable[[Node], Any]] = {
    "object": _object,
    "array": lambda node: [value(each) for each in named(node)],
    "string": _string,
    "number": lambda node: int(text(node)),
    "boolean": lambda node: text(node) == "true",
    "null": lambda node: None,
    "for_statement": lambda node: [value(named(node)[-1])],
    "if_statement": lambda node: value(named(node)[-1]),
    "ternary_expression": lambda node: Computed(
        text(node), tuple(value(each) for each in named(node)[1:])
    ),
}


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def _body(node: Node) -> dict[str, Any]:
    """Of one, or of each of a loop's."""
    found = value(node)
    body: dict[str, Any] = found[0] if isinstance(found, list) else found
    return body


def _resource(node: Node) -> Resource:
    parts = named(node)
    kind, _, version = value(parts[1]).partition("@")
    return Resource(
        symbol=text(parts[0]),
        type=kind,
        version=version,
        body=_body(parts[2]),
        existing=any(child.type == "existing" for child in node.children),
    )


def _is_use(node: Node) -> bool:
    if node.type != "identifier" or node.parent is None:
        return False
    return node.parent.type not in LABELLED or named(node.parent)[0] != node


def named(node: Node) -> list[Node]:
    return [each for each in node.named_children if each.type not in ("comment", "decorators")]


def text(node: Node) -> str:
    return (node.text or b"").decode()
