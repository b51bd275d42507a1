"""What a model takes: rows of numbers, of typed columns, or of one text each.

The schema is the authority: a cell's type comes from it alone, never from other cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from inference.errors import UnfitInput

#: What the estimator is called with: an array of numbers, a DataFrame, or a list of texts.
Kind = Literal["array", "frame", "texts"]
#: Of a column's cells.
ColumnType = Literal["integer", "number", "boolean", "text", "category", "date"]
#: What becomes of a category that the model does not know.
Unseen = Literal["error", "missing"]

KINDS: tuple[Kind, ...] = get_args(Kind)
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
UNSEEN: tuple[Unseen, ...] = get_args(Unseen)

#: Schemas whose derived values are kept. An app has one.
_MOST_KNOWN = 64

#: The name of the one column of a model that takes texts. It may have a name of training's too.
TEXT = "text"

#: The texts that pandas.read_csv reads as missing, since training read them so. An empty cell is
#: one of them. JSON, Arrow and Parquet have null.
NA_WORDS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)

#: The dtype of a column of objects in which a missing cell is None, as Parquet's booleans have it.
#: In others it is NaN, as CSV's have it. An encoder knows them as two values.
OBJECT_OR_NONE = "object[None]"

#: How pandas' names of Arrow's types end: `int64[pyarrow]`.
ARROW = "[pyarrow]"

#: The pandas dtype of a training column that recorded none, by its type.
_DTYPES: dict[ColumnType, str] = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "text": "object",
    "category": "category",
    "date": "datetime64[ns]",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A feature of a DataFrame, as training saw it."""

    name: str
    type: ColumnType = "number"
    #: Whether a cell may be missing.
    missing: bool = False
    #: The dtype that pandas gave the training column, for example `int64`, `Int64`, `float32`,
    #: `boolean`, `datetime64[ns, UTC]`. Empty: the usual one of the type.
    dtype: str = ""
    #: Of a category: its values in the model's order, all texts, all numbers or all booleans.
    categories: tuple[str | float | bool, ...] | None = None
    #: Of a category: whether the order has a meaning.
    ordered: bool = False
    #: Of a text or an integer: the only values that the model takes; None if it takes any. The
    #: answers to these do not depend on it, so cache keys do not either.
    known: tuple[str | int, ...] | None = field(default=None, repr=False)

    @property
    def pandas_dtype(self) -> str:
        return "object" if self.dtype == OBJECT_OR_NONE else self.dtype or _DTYPES[self.type]

    @property
    def gap(self) -> float | None:
        """A missing cell of a column of objects."""
        return None if self.dtype == OBJECT_OR_NONE else math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The number of a model's features, their names and types, and whether cells may be missing.

    `features` is None if the estimator does not say. `columns` are those of a frame or of texts.
    """

    kind: Kind = "array"
    features: int | None = None
    names: tuple[str, ...] | None = None
    columns: tuple[Column, ...] | None = None
    #: NumPy's name for the numbers of an array.
    dtype: str = "float64"
    #: Whether cells of an array may be missing. A column says it for itself.
    allows_missing: bool = False
    #: The texts that mean a missing cell in CSV.
    na: tuple[str, ...] = NA_WORDS
    unseen: Unseen = "error"
    #: Columns of an input that are not read, by name. No answer depends on them.
    ignored: frozenset[str] = frozenset()

    @property
    def types(self) -> tuple[ColumnType, ...] | None:
        """One per column; None of an array."""
        return None if self.columns is None else tuple(each.type for each in self.columns)

    @property
    def key_text(self) -> str:
        """All fields as text. It is part of cache keys, so its layout stays the same."""
        if self.columns is None and self.dtype == "float64" and self.na == NA_WORDS:
            # As the first release wrote it: its cached rows are still found.
            return (
                f"Signature(kind={self.kind!r}, features={self.features!r}, names={self.names!r},"
                f" types=None, allows_missing={self.allows_missing!r})"
            )
        names = (name for name in self.__slots__ if name != "ignored")
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"Schema({fields})"

    @property
    def only_numbers(self) -> bool:
        return self.columns is None or {*(self.types or ())} <= {"integer", "number"}

    def allowing_missing(self) -> Schema:
        """The schema with cells of all columns allowed to be missing."""
        if self.columns is None:
            return replace(self, allows_missing=True)
        return replace(
            self, columns=tuple(replace(column, missing=True) for column in self.columns)
        )

    def ignoring(self, names: Iterable[str]) -> Schema:
        """The schema for an input with columns that are not to be read. Raises UnfitInput for one
        that the model takes.
        """
        ignored = frozenset(names)
        for name in self.names or ():
            if name in ignored:
                expected = "not to be ignored, since the model takes it"
                raise UnfitInput(field=f"column {name!r}", expected=expected, got="ignore")
        return replace(self, ignored=ignored)

    def order(self, columns: Sequence[str]) -> list[int] | None:
        """Positions of the model's features in `columns`; None: all, where they have no names.

        Raises UnfitInput for a column that is missing or there twice.
        """
        if self.names is None:
            if not self.ignored:
                return None
            for name in sorted(self.ignored.difference(columns)):
                raise UnfitInput(field=f"column {name!r}", expected="present", got="missing")
            return [at for at, name in enumerate(columns) if name not in self.ignored]
        positions = {name: position for position, name in enumerate(columns)}
        names = self.names_among(positions)
        require_once(names, columns)
        for name in names:
            if name not in positions:
                raise UnfitInput(field=f"column {name!r}", expected="present", got="missing")
        return [positions[name] for name in names]

    def names_among(self, columns: Container[str]) -> tuple[str, ...]:
        """The names that the model's columns have in a table with these `columns`: a text may be
        under TEXT instead of the name that training gave.
        """
        names = self.names or ()
        if self.kind == "texts" and names[0] not in columns and TEXT in columns:
            return (TEXT,)
        return names


def once_per_schema[T](function: Callable[[Schema], T]) -> Callable[[Schema], T]:
    """Cache the results by the schema's identity: its hash takes as long as reading a row."""
    known: dict[int, tuple[Schema, T]] = {}

    def find(schema: Schema) -> T:
        found = known.get(id(schema))
        if found is None:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            found = known[id(schema)] = schema, function(schema)  # it keeps the identity taken
        return found[1]

    return find


def require_once(names: Iterable[str], columns: Sequence[str]) -> None:
    """Raises UnfitInput if one of `names` is in `columns` more than once."""
    if len(set(columns)) == len(columns):  # counting each name would take long for many columns
        return
    for name in names:
        if (times := columns.count(name)) > 1:
            got = "twice" if times == 2 else f"{times} times"
            raise UnfitInput(field=f"column {name!r}", expected="once", got=got)


def frame_schema(
    columns: Sequence[Column], *, na: tuple[str, ...] = NA_WORDS, unseen: Unseen = "error"
) -> Schema:
    """The schema of a model that takes a DataFrame."""
    return Schema(
        kind="frame",
        features=len(columns),
        names=tuple(column.name for column in columns),
        columns=tuple(columns),
        na=na,
        unseen=unseen,
    )


def texts_schema(name: str = TEXT) -> Schema:
    """The schema of a model that takes texts: for example a pipeline that begins with a
    TfidfVectorizer. `name`: of the column that training had.
    """
    return replace(frame_schema([Column(name, "text")]), kind="texts")


TEXTS = texts_schema()
