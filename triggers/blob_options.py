"""What a blob's output is: by settings for all blobs, and by a blob's metadata for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from inference.errors import CallerError, MalformedInput, SettingError
from inference.output_choice import OUTPUTS, choose
from inference.rows.file_formats import WORDS, FileFormat
from inference.rows.output_options import AS_IT_CAME, OutputOptions, parse_names

#: The names of metadata, which must be identifiers, and the settings of the same.
OUTPUT, FORMAT, IGNORE, KEEP, DROP = "output", "output_format", "ignore", "keep", "drop"
SETTINGS = {
    OUTPUT: "BLOB_OUTPUT",
    FORMAT: "BLOB_OUTPUT_FORMAT",
    IGNORE: "BLOB_IGNORE_COLUMNS",
    KEEP: "BLOB_KEEP_COLUMNS",
    DROP: "BLOB_DROP_COLUMNS",
}
_NAMES = "names with commas between them, or a JSON list of names"
_EXPECTED = {
    OUTPUT: f"one of {', '.join(OUTPUTS)}",
    FORMAT: f"one of {', '.join(WORDS)}",
    IGNORE: _NAMES,
    KEEP: _NAMES,
    DROP: _NAMES,
}


@dataclass(frozen=True, slots=True)
class BlobOptions:
    """`columns` has no format. `format` is None for that of the input."""

    columns: OutputOptions = field(default=AS_IT_CAME)
    format: FileFormat | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> BlobOptions:
        """Raises SettingError."""
        values: dict[str, Any] = {}
        for name, setting in SETTINGS.items():
            text = env.get(setting, "")
            try:
                values[name] = _value(name, text)
            except CallerError as error:
                raise SettingError(name=setting, value=text, expected=_EXPECTED[name]) from error
        try:
            return cls().with_values(values)
        except CallerError as error:
            expected = f"other columns than {SETTINGS[KEEP]}"
            raise SettingError(
                name=SETTINGS[DROP], value=env[SETTINGS[DROP]], expected=expected
            ) from error

    def overridden(
        self, texts: Mapping[str, str], place: str = "in the blob's metadata"
    ) -> BlobOptions:
        """With what a blob's metadata says, by lower-case name. An empty text takes a setting back.

        `place`: where the texts stand, for messages. Raises CallerError.
        """
        return self.with_values(
            {name: _value(name, texts[name], place) for name in SETTINGS if name in texts}
        )

    def with_values(self, values: dict[str, Any]) -> BlobOptions:
        """Raises UnfitInput for a column that is to be kept and dropped."""
        if not values:
            return self
        form = values.pop(FORMAT, self.format)
        return BlobOptions(replace(self.columns, **values), form)


NO_OPTIONS = BlobOptions()


def _value(name: str, text: str, place: str = "") -> Any:
    """Raises MalformedInput."""
    text = text.strip()
    if not text:
        return None if name == FORMAT else getattr(AS_IT_CAME, name)
    try:
        return _PARSERS[name](text)
    except (CallerError, ValueError) as error:
        raise MalformedInput(
            f"{name} {place}: expected {_EXPECTED[name]}, got {text[:60]!r}"
        ) from error


_PARSERS: dict[str, Callable[[str], Any]] = {
    OUTPUT: lambda text: choose(text.lower()),
    FORMAT: FileFormat.parse,
    IGNORE: parse_names,
    KEEP: parse_names,
    DROP: parse_names,
}
