"""AMQP's composite types (a descriptor code and a list of fields) as dataclasses.

A field's annotation is its type on the wire. A field that allows None may be left out. Only types
that Service Bus clients use are defined.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from local.emulators.servicebus.amqp.errors import DecodeError
from local.emulators.servicebus.amqp.values import Described, ULong, Value


@dataclass(slots=True)
class Composite:
    """A described list. Subclasses define CODE and the fields, in the specification's order."""

    CODE: ClassVar[ULong]

    def described(self) -> Described:
        """The value to encode, without trailing None fields."""
        values = list(_getter(type(self))(self))
        while values and values[-1] is None:
            values.pop()
        return Described(self.CODE, values)

    @classmethod
    def of(cls, values: Value) -> Self:
        """From a decoded list. Raises DecodeError for missing fields and fields of a wrong type."""
        schema = _schema(cls)
        if not isinstance(values, list) or len(values) > len(schema):
            raise DecodeError(f"{cls.__name__.lower()} is not a list of {len(schema)} fields")
        values = values + [None] * (len(schema) - len(values))
        for value, (name, allowed, mandatory) in zip(values, schema, strict=True):
            if value is None:
                if mandatory:
                    raise DecodeError(f"{cls.__name__.lower()} lacks {name}")
            elif not isinstance(value, allowed):
                raise DecodeError(f"{cls.__name__.lower()} has a {name} of the wrong type")
        return cls(*values)


#: Reads all fields of an instance.
_getters: dict[type[Composite], Callable[[Any], Iterable[Value]]] = {}


def _getter(cls: type[Composite]) -> Callable[[Any], Iterable[Value]]:
    if cls not in _getters:
        names = [name for name, _, _ in _schema(cls)]
        # attrgetter returns no tuple for a single name.
        _getters[cls] = (
            attrgetter(*names)
            if len(names) > 1
            else lambda each: [getattr(each, name) for name in names]
        )
    return _getters[cls]


type _Schema = tuple[tuple[str, tuple[type, ...], bool], ...]

_schemas: dict[type[Composite], _Schema] = {}


def _schema(cls: type[Composite]) -> _Schema:
    """Each field's name, allowed types, and whether it is mandatory."""
    if cls not in _schemas:
        _schemas[cls] = tuple(_fields(cls))
    return _schemas[cls]


def _fields(cls: type[Composite]) -> Iterator[tuple[str, tuple[type, ...], bool]]:
    hints = get_type_hints(cls)
    for field in fields(cls):
        hint = hints[field.name]
        options = get_args(hint) if get_origin(hint) in {types.UnionType, Union} else (hint,)
        allowed = tuple(
            object if option is Any else get_origin(option) or option
            for option in options
            if option is not type(None)
        )
        yield field.name, allowed, hint is not Any and type(None) not in options
