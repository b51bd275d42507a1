"""Parses the SQL of filters: predicates and the expressions that they compare.

The parser makes one function of the message's properties for each part of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules import sql_values
from local.emulators.servicebus.broker.rules.message_properties import (
    MessageProperties,
    system_name,
)
from local.emulators.servicebus.broker.rules.sql_tokens import Token, split

type Expression = Callable[[MessageProperties], Any]

#: Nested parentheses and negations.
_MAX_DEPTH = 32

_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}


class SqlParser:
    """Reads one text from its first token on. Raises RuleError."""

    def __init__(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        self._tokens = split(sql)
        self._at = 0
        self._depth = 0
        self._parameters = {name.casefold(): value for name, value in (parameters or {}).items()}

    # -- tokens --------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def accept_word(self, *words: str) -> str | None:
        return self._advance().text.upper() if self.next.is_word(*words) else None

    def accept_sign(self, *signs: str) -> str | None:
        return self._advance().text if self.next.is_sign(*signs) else None

    def require(self, text: str) -> None:
        if not (self.accept_sign(text) or self.accept_word(text)):
            raise self.error(f"{text!r}")

    def error(self, expected: str) -> RuleError:
        token = self.next
        found = "its end" if token.kind == "end" else repr(token.text)
        return RuleError(
            f"The expression has {found} at character {token.at + 1}: {expected} is expected."
        )

    def _advance(self) -> Token:
        token = self.next
        self._at += 1
        return token

    # -- predicates ----------------------------------------------------------------------------

    def predicate(self) -> Expression:
        left = self._conjunction()
        while self.accept_word("OR"):
            left = _binary(sql_values.either, left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self.accept_word("AND"):
            left = _binary(sql_values.both, left, self._negation())
        return left

    def _negation(self) -> Expression:
        if self.accept_word("NOT"):
            return self._nested(lambda: _unary(sql_values.inverse, self._negation()))
        if self.accept_word("EXISTS"):
            return self._exists()
        return self._comparison()

    def _exists(self) -> Expression:
        self.require("(")
        read = self.property()
        self.require(")")
        return lambda message: read(message) is not None

    def _comparison(self) -> Expression:
        left = self.expression()
        sign = self.accept_sign(*sql_values.COMPARISONS)
        if sign is not None:
            right = self.expression()
            return lambda message: sql_values.compare(sign, left(message), right(message))
        if self.accept_word("IS"):
            inverted = self.accept_word("NOT") is not None
            self.require("NULL")
            return lambda message: (left(message) is None) != inverted
        inverted = self.accept_word("NOT") is not None
        found = self._membership(left)
        if found is None and inverted:
            raise self.error("LIKE or IN")
        if found is None:
            return left
        return _unary(sql_values.inverse, found) if inverted else found

    def _membership(self, left: Expression) -> Expression | None:
        """LIKE or IN; None if neither follows."""
        if self.accept_word("LIKE"):
            pattern = self.expression()
            escape = self.expression() if self.accept_word("ESCAPE") else lambda _: None
            return lambda message: sql_values.matches(
                left(message), pattern(message), escape(message)
            )
        if self.accept_word("IN"):
            self.require("(")
            options = [self.expression()]
            while self.accept_sign(","):
                options.append(self.expression())
            self.require(")")
            return lambda message: sql_values.contains(
                left(message), [option(message) for option in options]
            )
        return None

    # -- expressions ---------------------------------------------------------------------------

    def expression(self) -> Expression:
        left = self._product()
        while sign := self.accept_sign("+", "-"):
            left = _calculation(sign, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while sign := self.accept_sign("*", "/", "%"):
            left = _calculation(sign, left, self._factor())
        return left

    def _factor(self) -> Expression:
        if self.accept_sign("-"):
            return self._nested(lambda: _unary(sql_values.negate, self._factor()))
        if self.accept_sign("+"):
            return self._nested(self._factor)
        if self.accept_sign("("):
            inner = self._nested(self.predicate)
            self.require(")")
            return inner
        return self._primary()

    def _primary(self) -> Expression:
        token = self.next
        if token.kind in {"number", "string"}:
            return _constant(
                _number(self._advance().text) if token.kind == "number" else self._advance().text
            )
        if token.is_word(*_CONSTANTS):
            return _constant(_CONSTANTS[self._advance().text.upper()])
        if token.kind == "word" and token.text.startswith("@"):
            return self._parameter()
        if token.kind == "word" and self._tokens[self._at + 1].is_sign("("):
            return self._function()
        return self.property()

    def _parameter(self) -> Expression:
        name = self.next.text.casefold()
        if name not in self._parameters:
            raise self.error("a parameter of the rule")
        self._advance()
        return _constant(self._parameters[name])

    def _function(self) -> Expression:
        name = self.accept_word("NEWID", "PROPERTY", "P")
        if name is None:
            raise self.error("newid() or property(name)")
        self.require("(")
        read: Expression = lambda _: str(uuid4())  # noqa: E731 - one of two
        if name != "NEWID":
            argument = self.expression()
            read = lambda message: message.get_user(str(argument(message)))  # noqa: E731
        self.require(")")
        return read

    def property(self) -> Expression:
        is_system, name = self.property_name()
        if is_system:
            return lambda message: message.get_system(name)
        return lambda message: message.get_user(name)

    def property_name(self) -> tuple[bool, str]:
        """Whether it is a system property, and its name."""
        scope = None
        if self.next.kind == "word" and self._tokens[self._at + 1].is_sign("."):
            scope = self.accept_word("SYS", "USER")
            if scope is None:
                raise self.error("sys or user before the dot")
            self.require(".")
        if self.next.kind not in {"word", "quoted"}:
            raise self.error("a property")
        if scope != "SYS":
            return False, self._advance().text
        name = system_name(self.next.text)
        if name is None:
            raise self.error("a system property")
        self._advance()
        return True, name

    def _nested(self, parse: Callable[[], Expression]) -> Expression:
        if self._depth >= _MAX_DEPTH:
            raise RuleError(f"The expression is nested more than {_MAX_DEPTH} deep.")
        self._depth += 1
        result = parse()
        self._depth -= 1
        return result


def _constant(value: Any) -> Expression:
    return lambda _: value


def _number(text: str) -> int | float:
    return int(text) if text.isdecimal() else float(text)


def _unary(function: Callable[[Any], Any], operand: Expression) -> Expression:
    return lambda message: function(operand(message))


def _binary(function: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    return lambda message: function(left(message), right(message))


def _calculation(sign: str, left: Expression, right: Expression) -> Expression:
    return lambda message: sql_values.calculate(sign, left(message), right(message))
