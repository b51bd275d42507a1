"""How a table is written that was scored: which of its columns, in which format, with what beside.

A list of names is written as a line of CSV (`id,"last, first"`) or as JSON (`["id"]`), in which a
header of HTTP can hold any name.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from inference.errors import UnfitInput
from inference.output_choice import PREDICTIONS, Output

Names = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """`ignore`: columns of the input that the model does not get. `keep` and `drop`: those that the
    output has.
    """

    output: Output = PREDICTIONS
    #: One of media_types.FORMATS; empty: that of the input.
    form: str = ""
    ignore: Names = ()
    #: None: all.
    keep: Names | None = None
    drop: Names = ()

    def __post_init__(self) -> None:
        """Raises UnfitInput for a name that is to be kept and dropped."""
        for name in self.keep or ():
            if name in self.drop:
                raise UnfitInput(field=f"column {name!r}", expected="kept or dropped", got="both")

    @property
    def selects(self) -> bool:
        """Whether the output may lack columns of the input."""
        return self.keep is not None or bool(self.drop)

    @property
    def names(self) -> Names:
        """All names that the input must have."""
        return tuple(dict.fromkeys((*self.ignore, *(self.keep or ()), *self.drop)))

    def has(self, name: str) -> bool:
        """Whether the output has a column of the input."""
        return (self.keep is None or name in self.keep) and name not in self.drop

    def require_names(self, names: Collection[str]) -> None:
        """Raises UnfitInput unless an input with these names has all that are asked for."""
        for name in self.names:
            if name not in names:
                raise UnfitInput(
                    field=f"column {name!r}",
                    expected=f"one of the input's columns, since {self._asked(name)} names it",
                    got="missing",
                )

    def refuse_nameless(self) -> None:
        """Raises UnfitInput if columns are asked for of an input whose columns have no names."""
        if self.names:
            asked = self._asked(self.names[0])
            raise UnfitInput(
                field=asked, expected="an input whose columns have names", got="one without"
            )

    def _asked(self, name: str) -> str:
        if name in self.ignore:
            return "ignore"
        return "drop" if name in self.drop else "keep"


AS_IT_CAME = OutputOptions()


def parse_names(text: str) -> Names:
    """Raises ValueError for JSON that is no list of texts, and for more than one line of CSV."""
    text = text.strip()
    if not text:
        return ()
    if text.startswith("["):
        return _once(_listed(text))
    try:
        (cells,) = csv.reader([text], skipinitialspace=True)
    except csv.Error as error:
        raise ValueError(text) from error
    return _once([cell.strip() for cell in cells if cell.strip()])


def _listed(text: str) -> list[str]:
    try:
        names = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(text) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return names


def _once(names: Sequence[str]) -> Names:
    return tuple(dict.fromkeys(names))
