"""What a model takes: rows of numbers, of typed columns, or of one text each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from inference.errors import UnfitInput

#: What the estimator is called with: an array of float64, a DataFrame, or a list of texts.
Kind = Literal["array", "frame", "texts"]
#: Of a column's cells. A category is a text, or the number or boolean that encodes it.
ColumnType = Literal["number", "boolean", "text"]

KINDS: tuple[Kind, ...] = get_args(Kind)
COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)

#: The name of the one column of a model that takes texts.
TEXT = "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """The number of a model's features, their names and types, and whether cells may be missing.

    `features` is None if the estimator does not say. A frame has names and types.
    """

    kind: Kind = "array"
    features: int | None = None
    names: tuple[str, ...] | None = None
    #: One per feature; None if all are numbers.
    types: tuple[ColumnType, ...] | None = None
    allows_missing: bool = False

    @property
    def key_text(self) -> str:
        """All fields as text. It is part of cache keys, so its layout stays the same."""
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"Signature({fields})"

    @property
    def only_numbers(self) -> bool:
        return self.types is None or set(self.types) == {"number"}

    def with_missing(self, allowed: bool) -> Schema:
        return replace(self, allows_missing=allowed)

    def order(self, columns: Sequence[str]) -> list[int] | None:
        """Positions of the model's features in `columns`; None if the features have no names.

        Raises UnfitInput for a missing column.
        """
        if self.names is None:
            return None
        positions = {name: position for position, name in enumerate(columns)}
        for name in self.names:
            if name not in positions:
                raise UnfitInput(field=f"column {name!r}", expected="present", got="missing")
        return [positions[name] for name in self.names]


#: Of a model that takes texts: for example a pipeline that begins with a TfidfVectorizer.
TEXTS = Schema(kind="texts", features=1, names=(TEXT,), types=("text",))
