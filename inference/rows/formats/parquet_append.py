"""Appends columns to a Parquet file without unpacking or copying what it holds.

The output is the input up to its footer, byte for byte, then the pages of the new columns, then a
footer that names both. The new columns come from a Parquet file of their own, with the same rows in
each row group.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pyarrow as pa

from inference.errors import MalformedInput
from inference.rows.formats import thrift
from inference.rows.formats.parquet_layout import MAGIC
from inference.rows.formats.thrift_fields import Fields

# Field numbers of Parquet's structures.
_SCHEMA, _GROUPS, _METADATA, _ORDERS, _ENCRYPTION = 2, 4, 5, 7, 8  # of a file
_CHILDREN = 5  # of the schema's root
_CHUNKS, _BYTES, _GROUP_ROWS, _PACKED_BYTES = 1, 2, 3, 6  # of a row group
_CHUNK_OFFSET, _CHUNK_METADATA = 2, 3  # of a column's chunk
_PAGE_OFFSETS = (9, 10, 11)  # of its metadata: data, index and dictionary
_KEY, _VALUE = 1, 2

#: The key under which Arrow stores the types of the columns.
_ARROW_SCHEMA = b"ARROW:schema"


def joined_footer(old: bytes, new: bytes, *, shift: int, fields: list[pa.Field]) -> bytes:
    """The end of the file: `old` with the columns of `new`, whose pages were moved by `shift`.

    Raises MalformedInput if the footer can't be extended.
    """
    try:
        whole = Fields(old)
        _join(whole, Fields(new), shift, fields)
    except (IndexError, pa.ArrowException, ValueError) as error:
        raise thrift.malformed() from error
    footer = whole.encoded()
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _join(old: Fields, new: Fields, shift: int, fields: list[pa.Field]) -> None:
    if _ENCRYPTION in old:
        raise MalformedInput("the Parquet file is encrypted")
    root, *columns = old.elements(_SCHEMA)
    top = Fields(root)
    top.add_integer(_CHILDREN, len(fields))
    old.put_elements(_SCHEMA, (top.encoded(), *columns, *new.elements(_SCHEMA)[1:]))
    old.put_elements(_GROUPS, _joined_groups(old, new, shift))
    if _ORDERS in old:
        old.extend(_ORDERS, new.elements(_ORDERS))
    if _METADATA in old:
        old.put_elements(_METADATA, [_pair(item, fields) for item in old.elements(_METADATA)])


def _joined_groups(old: Fields, new: Fields, shift: int) -> Iterator[bytes]:
    groups = zip(old.elements(_GROUPS), new.elements(_GROUPS), strict=True)
    for before, added in groups:
        group, more = Fields(before), Fields(added)
        if group.integer(_GROUP_ROWS) != more.integer(_GROUP_ROWS):
            raise thrift.malformed()
        group.extend(_CHUNKS, [_moved(each, shift) for each in more.elements(_CHUNKS)])
        group.add_integer(_BYTES, more.integer(_BYTES))
        if _PACKED_BYTES in more:
            group.add_integer(_PACKED_BYTES, more.integer(_PACKED_BYTES))
        yield group.encoded()


def _moved(item: bytes, shift: int) -> bytes:
    chunk = Fields(item)
    if chunk.integer(_CHUNK_OFFSET):
        chunk.add_integer(_CHUNK_OFFSET, shift)
    metadata = chunk.structure(_CHUNK_METADATA)
    for offset in _PAGE_OFFSETS:
        metadata.add_integer(offset, shift)
    chunk.put_structure(_CHUNK_METADATA, metadata)
    return chunk.encoded()


def _pair(item: bytes, fields: list[pa.Field]) -> bytes:
    """A key and its value; Arrow's schema with the new columns."""
    pair = Fields(item)
    if _VALUE not in pair or pair.binary(_KEY) != _ARROW_SCHEMA:
        return item
    schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(pair.binary(_VALUE))))
    for field in fields:
        schema = schema.append(field)
    pair.put_binary(_VALUE, base64.b64encode(schema.serialize().to_pybytes()))
    return pair.encoded()
