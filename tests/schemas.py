"""Schemas of DataFrames, by the names and types of their columns."""

from collections.abc import Iterable

from inference.rows.schema import Column, ColumnType, Schema, frame_schema


def frame(names: Iterable[str], types: Iterable[ColumnType], *, missing: bool = False) -> Schema:
    columns = [Column(*each, missing=missing) for each in zip(names, types, strict=True)]
    return frame_schema(columns)
