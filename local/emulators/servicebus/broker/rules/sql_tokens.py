"""Splits the SQL of a filter or an action into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.emulators.servicebus.broker.errors import RuleError

MAX_LENGTH = 1024

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<string>[nN]?'(?:[^']|'')*')
  | (?P<quoted>\[(?:[^\]]|\]\])+\]|"(?:[^"]|"")+")
  | (?P<word>@?[^\W\d][\w$@#]*)
  | (?P<sign><>|!=|>=|<=|[=<>+\-*/%().,;])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is unquoted for strings and quoted names."""

    kind: str
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    def is_sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.text in signs


def split(sql: str) -> list[Token]:
    """Raises RuleError."""
    if len(sql) > MAX_LENGTH:
        raise RuleError(f"The expression has {len(sql)} characters, expected at most {MAX_LENGTH}.")
    tokens, at = [], 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            raise RuleError(f"The expression has an unexpected {sql[at]!r} at character {at + 1}.")
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, _unquote(kind, match.group()), at))
        at = match.end()
    tokens.append(Token("end", "", at))
    return tokens


def _unquote(kind: str, text: str) -> str:
    if kind == "string":
        return text[text.index("'") + 1 : -1].replace("''", "'")
    if kind == "quoted":
        closing = text[-1]
        return text[1:-1].replace(closing * 2, closing)
    return text
