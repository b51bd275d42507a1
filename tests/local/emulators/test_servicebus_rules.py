"""Filters and actions of rules."""

from __future__ import annotations

import time

import pytest

from local.emulators.servicebus.broker.errors import RuleError
from local.emulators.servicebus.broker.rules.filters import CorrelationFilter, SqlFilter
from local.emulators.servicebus.broker.rules.message_properties import MessageProperties
from local.emulators.servicebus.broker.rules.rule import SqlAction

MESSAGE = MessageProperties(
    {"color": "red", "size": 3, "price": 2.5, "hot": True, "a b": 1, "none": None},
    {"Label": "order", "MessageId": "m1"},
)


@pytest.mark.parametrize(
    ("sql", "matches"),
    [
        ("1=1", True),
        ("1=0", False),
        ("color = 'red'", True),
        ("COLOR = 'red'", True),
        ("user.color = 'blue'", False),
        ("size > 2 AND price <= 2.5", True),
        ("size < 2 OR color <> 'blue'", True),
        ("NOT (size = 3)", False),
        ("sys.Label = 'order' AND sys.messageid LIKE 'm%'", True),
        ('[a b] = 1 AND "a b" = 1', True),
        ("color LIKE 'r_d'", True),
        ("color NOT LIKE 'b%'", True),
        ("'50%' LIKE '50\\%' ESCAPE '\\'", True),
        ("'505' LIKE '50\\%' ESCAPE '\\'", False),
        ("'a-b-c' LIKE 'a%b%c'", True),
        ("'b-a-c' LIKE 'a%b%c'", False),
        ("'abab' LIKE '%ab'", True),
        ("'aXbc' LIKE '%_b%%c%'", True),
        ("'ab' LIKE 'ab%b'", False),
        ("size IN (1, 2, 3)", True),
        ("size NOT IN (1, 2)", True),
        ("color IN ('blue')", False),
        ("missing IS NULL", True),
        ("color IS NOT NULL", True),
        ("EXISTS(color)", True),
        ("EXISTS(user.missing) OR EXISTS(none)", False),
        ("missing = 1", False),
        ("NOT (missing = 1)", False),
        ("missing = 1 OR color = 'red'", True),
        ("hot = TRUE", True),
        ("hot", True),
        ("color = 3", False),
        ("color <> 3", False),
        ("size * 2 + 1 = 7 AND -size = -3 AND size % 2 = 1", True),
        ("7 / 2 = 3 AND -7 / 2 = -3", True),
        ("size / 0 IS NULL", True),
        ("color + '!' = 'red!'", True),
        ("'it''s' = 'it''s'", True),
        ("property('color') = 'red'", True),
        ("size = @wanted", True),
        ("1 = 1 AND 1 = 0 OR 1 = 1", True),
    ],
)
def test_a_sql_filter_matches(sql, matches):
    assert SqlFilter(sql, {"@wanted": 3}).matches(MESSAGE) is matches


def test_a_long_text_is_compared_with_a_pattern_in_little_time():
    text, pattern = "a" * 4_000, "%a" * 20 + "%b"
    began = time.process_time()
    assert not SqlFilter(f"@text LIKE '{pattern}'", {"@text": text}).matches(MESSAGE)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", "its end at character 1: a property is expected"),
        ("color = ", "its end"),
        ("color = 'red", 'unexpected "\'" at character 9'),
        ("color 'red'", "'red' at character 7: an operator is expected"),
        ("(color = 1", "')' is expected"),
        ("sys.Nothing = 1", "a system property is expected"),
        ("other.color = 1", "sys or user before the dot"),
        ("color NOT 3", "LIKE or IN"),
        ("a = @b", "a parameter of the rule"),
        ("lower(a) = 'b'", "newid"),
        ("a = 1" + " " * 1024, "at most 1024"),
        ("(" * 50 + "1=1" + ")" * 50, "nested more than 32 deep"),
    ],
)
def test_wrong_sql_is_refused_with_the_place(sql, expected):
    with pytest.raises(RuleError) as refused:
        SqlFilter(sql)
    assert expected in str(refused.value)


def test_a_correlation_filter_compares_properties():
    assert CorrelationFilter({"Label": "order"}, {"size": 3}).matches(MESSAGE)
    assert not CorrelationFilter({"Label": "order"}, {"size": 4}).matches(MESSAGE)
    assert not CorrelationFilter({"To": "x"}).matches(MESSAGE)


def test_an_action_sets_and_removes_properties():
    action = SqlAction(
        "SET sys.Label = 'x' + color; SET size = size + 1 SET new = size; REMOVE hot"
    )
    changed = action.apply(MESSAGE)
    assert changed.system["Label"] == "xred"
    assert (changed.user["size"], changed.user["new"]) == (4, 4)
    assert "hot" not in changed.user
    assert MESSAGE.user["size"] == 3


@pytest.mark.parametrize("sql", ["DROP x", "SET x", "SET sys.SequenceNumber = 1", "SET x = 'a"])
def test_a_wrong_action_is_refused(sql):
    with pytest.raises(RuleError):
        SqlAction(sql)
