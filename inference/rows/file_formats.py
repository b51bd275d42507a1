"""Formats as the endings of files' names: `csv`, `parquet`, `jsonl.gz`."""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import UnsupportedType
from inference.rows import media_types
from inference.rows.content_encoding import split_ending

#: What the user may write; text formats also with a compression behind.
WORDS = (*(ending[1:] for ending in media_types.BY_ENDING), "csv.gz", "jsonl.gz", "jsonl.zst")


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file is written."""

    #: One of media_types.FORMATS.
    form: str
    #: `gzip`, `zstd`, or "" for not compressed.
    encoding: str
    #: In lower case, from the point on: `.jsonl.gz`.
    ending: str

    @classmethod
    def parse(cls, word: str) -> FileFormat:
        """With or without the first point. Raises UnsupportedType."""
        ending = f".{word.strip().lower().removeprefix('.')}"
        stem, encoding = split_ending(ending)
        form = media_types.BY_ENDING.get(stem)
        if form is None or (encoding and form == media_types.PARQUET):
            raise UnsupportedType(got=word.strip()[:40], supported=WORDS, what="output format")
        return cls(form, encoding, ending)

    def names(self, name: str) -> bool:
        """Whether a file's name ends as files of this format do."""
        try:
            stem, encoding = split_ending(name)
        except UnsupportedType:
            return False
        suffix = stem[stem.rfind(".") :].lower() if "." in stem else ""
        return encoding == self.encoding and media_types.BY_ENDING.get(suffix) == self.form
