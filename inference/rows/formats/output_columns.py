"""The columns that scoring adds to a table: predictions, probabilities, and each row's error.

    prediction                  prediction_0, prediction_1, … of a model with several outputs
    probability_<class>         probability_<output>_<class> of a model with several outputs
    error                       in tables only

A name that the table has already gets the suffix `_scored`. The words are settings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Any

from inference import column_names
from inference.column_names import ColumnNames
from inference.rows.formats import json_codec

#: Of a column whose name the table has already.
SUFFIX = "_scored"


@dataclass(frozen=True)
class OutputColumns:
    """Names for predictions, and the cells of each prediction."""

    names: ColumnNames = column_names.DEFAULT
    #: Where the predictions are labels with their probabilities: the classes, a list for each
    #: output of a model with several. None: the predictions are predictions alone.
    classes: Sequence[Any] | None = None

    @cached_property
    def known(self) -> list[str] | None:
        """The names, where they are known before the first prediction: with probabilities."""
        if self.classes is None:
            return None
        prefix = self.names.probability
        if not self._several:
            return distinct(
                [self.names.prediction, *(prefix + cell(each) for each in self.classes)]
            )
        outputs = range(len(self.classes))
        labels = [f"{self.names.prediction}_{at}" for at in outputs]
        probabilities = (
            f"{prefix}{at}_{cell(each)}" for at in outputs for each in self.classes[at]
        )
        return distinct([*labels, *probabilities])

    def outputs(self, width: int | None) -> list[str]:
        """The names of the prediction's cells; `width`: how many, None for a single one."""
        if self.known is not None:
            return self.known
        plain = self.names.prediction
        return [plain] if width is None else [f"{plain}_{at}" for at in range(width)]

    def added(self, width: int | None, taken: Collection[str]) -> list[str]:
        """The names of all columns that a table gets. `taken`: those that it has."""
        return distinct([*self.outputs(width), self.names.error], taken)

    def cells(self, predictions: Sequence[Any]) -> Sequence[Any]:
        """Each prediction as a list of cells; as it is where the model has a single output."""
        if self.classes is None:
            return predictions
        if self._several:
            return [[*labels, *chain.from_iterable(each)] for labels, each in predictions]
        return [[label, *probabilities] for label, probabilities in predictions]

    def predictions(self, names: Sequence[str], cells: Iterable[Sequence[Any]]) -> list[Any]:
        """The predictions of which `cells` made lists, under these names."""
        if self.classes is None:
            several = names[0].startswith(f"{self.names.prediction}_0")
            return [list(row) if several else row[0] for row in cells]
        if not self._several:
            return [[label, probabilities] for label, *probabilities in cells]
        outputs, sizes = len(self.classes), [len(each) for each in self.classes]
        return [[list(row[:outputs]), _cut(row[outputs:], sizes)] for row in cells]

    @property
    def _several(self) -> bool:
        return bool(self.classes) and isinstance((self.classes or ())[0], list | tuple)


PREDICTION_ALONE = OutputColumns()


def width_of(values: Sequence[Any]) -> int | None:
    """The number of cells of a prediction; None if it is one that is no list."""
    return len(values[0]) if values and isinstance(values[0], list) else None


def cell(value: object) -> str:
    """A text unchanged, null as an empty text, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_codec.dumps(value).decode()


def _cut(cells: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    """Lists of these sizes, one after the other."""
    found = iter(cells)
    return [list(islice(found, size)) for size in sizes]


def free_name(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += SUFFIX
    return name


def distinct(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Names that are neither in `taken` nor twice among themselves."""
    used, found = set(taken), []
    for name in names:
        found.append(free_name(name, used))
        used.add(found[-1])
    return found
