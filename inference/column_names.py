"""The names of the columns that scoring adds: PREDICTION_COLUMN and its siblings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.errors import SettingError

_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Several outputs are numbered: `prediction_0`, `prediction_1`, …"""

    prediction: str = "prediction"
    error: str = "error"
    #: What the name of a class follows.
    probability: str = "probability_"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ColumnNames:
        """Raises SettingError."""
        names = cls(
            prediction=_read(env, "PREDICTION_COLUMN", DEFAULT.prediction),
            error=_read(env, "ERROR_COLUMN", DEFAULT.error),
            probability=_read(env, "PROBABILITY_PREFIX", DEFAULT.probability),
        )
        if names.error == names.prediction:
            raise SettingError(
                name="ERROR_COLUMN",
                value=names.error,
                expected="another name than that of PREDICTION_COLUMN",
            )
        return names


DEFAULT = ColumnNames()


def _read(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "").strip() or default
    if len(text) > _MOST_CHARACTERS or not text.isprintable():
        raise SettingError(
            name=name,
            value=text[:_MOST_CHARACTERS],
            expected=f"the name of a column: printable, at most {_MOST_CHARACTERS} characters",
        )
    return text
