"""Hostile bodies: valid ones with damage, and shapes that break readers.

They are drawn at random from one seed.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from inference.rows import media_types
from tests import bodies
from tests.fuzz.damage import damage

#: MAX_BODY_BYTES of the app in these cases; see tests/running_app.py.
MAX_BODY = 200_000

V2 = "v2"


@dataclass(frozen=True)
class Body:
    """Bytes, and the headers that describe them."""

    content: bytes
    kind: str
    encoding: str = ""
    #: Of V2's binary extension: bytes of JSON before the tensors.
    json_bytes: str = ""


class Bodies:
    """Draws hostile bodies without end."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self._good = _good_bodies()
        self._contents = [each.content for each in self._good]
        self._ways: tuple[tuple[int, Callable[[], Body]], ...] = (
            (10, self._damaged),
            (2, self._mislabelled),
            (2, self._odd),
            (2, self._packed_wrongly),
            (1, self._rubbish),
        )

    def draw(self) -> Body:
        ways = [way for _, way in self._ways]
        return self._random.choices(ways, [weight for weight, _ in self._ways])[0]()

    def draw_v2(self) -> Body:
        """A damaged request of the Open Inference Protocol."""
        good = self._random.choice(_good_v2())
        return Body(self.damage(good.content), good.kind, json_bytes=self._length_of(good))

    def damage(self, body: bytes) -> bytes:
        return damage(self._random, body, self._contents)

    def _damaged(self) -> Body:
        good = self._random.choice(self._good)
        return Body(self.damage(good.content), good.kind, good.encoding)

    def _mislabelled(self) -> Body:
        kinds = [*media_types.FORMATS, *media_types._ALIASES, "", "text/plain", "image/png", "a/b;"]
        return Body(self._random.choice(self._good).content, self._random.choice(kinds))

    def _odd(self) -> Body:
        body: Body = self._random.choice(_ODD)
        return body

    def _packed_wrongly(self) -> Body:
        good = self._random.choice(self._good)
        encoding = self._random.choice(("gzip", "deflate", "br", "gzip, gzip", "x-gzip", "zstd"))
        packed = self._random.choice(
            (
                good.content,
                _gzip(good.content)[: self._random.randint(1, 40)],
                _gzip(good.content) + b"more",
                self.damage(_gzip(good.content)),
                self.damage(zlib.compress(good.content)),
                _gzip(bytes(20 * MAX_BODY)),
                _gzip(_gzip(good.content)),
            )
        )
        return Body(packed, good.kind, encoding)

    def _rubbish(self) -> Body:
        magics = (b"", *media_types._MAGIC, b"[[", b'{"data": [', b"\x1f\x8b\x08")
        magic = self._random.choice(magics)
        kind = self._random.choice((*media_types.FORMATS, ""))
        return Body(magic + self._random.randbytes(self._random.randint(0, 400)), kind)

    def _length_of(self, good: Body) -> str:
        if not good.json_bytes:
            return ""
        odd = ("-1", "0", "99999999999999999999", "1e3", "x", str(int(good.json_bytes) + 1))
        return self._random.choice((good.json_bytes,) * 4 + odd)


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # the same bytes at any time


def _good_bodies() -> list[Body]:
    """Every format, in ways that readers treat differently."""
    rows = np.random.default_rng(0).random((4, 3)).round(3)
    names = ["a", "b", "c"]
    table = pa.table(dict(zip(names, rows.T, strict=True)))
    texts = pa.table({"a": ["x", None, "yy", ""], "b": [1, 2, None, 4], "c": [[1], [], None, [2]]})
    plain: list[Body] = [Body(bodies.of_numbers(form, rows), form) for form in media_types.FORMATS]
    plain += [
        Body(json.dumps(rows.tolist()).encode(), ""),
        Body(json.dumps({"columns": names, "data": rows.tolist()}).encode(), media_types.JSON),
        Body(bodies.of_table(media_types.JSON, table), media_types.JSON),
        Body(bodies.of_table(media_types.JSON_LINES, table), media_types.JSON_LINES),
        Body(bodies.of_table(media_types.CSV, table), media_types.CSV),
        Body(bodies.npy(np.asfortranarray(rows)), media_types.NPY),
        Body(bodies.npy(rows.astype(">f4")), media_types.NPY),
    ]
    for each in (table, texts):
        plain += [
            Body(bodies.parquet(each, compression="zstd"), media_types.PARQUET),
            Body(bodies.parquet(each, compression="gzip"), media_types.PARQUET),
            Body(
                bodies.parquet(each, use_dictionary=False, data_page_version="2.0"),
                media_types.PARQUET,
            ),
            Body(bodies.parquet(each, row_group_size=1), media_types.PARQUET),
            Body(bodies.arrow(each, rows=2), media_types.ARROW),
            Body(bodies.arrow(each, compression="zstd"), media_types.ARROW),
            Body(bodies.arrow(each, compression="lz4"), media_types.ARROW),
        ]
    packed = [Body(_gzip(each.content), each.kind, "gzip") for each in plain[:6]]
    return [*plain, *packed]


def _good_v2() -> list[Body]:
    rows = np.random.default_rng(0).random((4, 3))
    tensor = {"name": "input-0", "datatype": "FP64", "shape": [4, 3]}
    whole = json.dumps({"inputs": [tensor | {"data": rows.tolist()}]}).encode()
    flat = json.dumps({"id": "x", "inputs": [tensor | {"data": rows.ravel().tolist()}]}).encode()
    size = {"parameters": {"binary_data_size": rows.nbytes}}
    head = json.dumps({"inputs": [tensor | size]}).encode()
    return [
        Body(whole, media_types.JSON),
        Body(flat, media_types.JSON),
        Body(head + rows.tobytes(), "application/octet-stream", json_bytes=str(len(head))),
    ]


def _odd_bodies() -> list[Body]:
    """Shapes that are well-formed, or nearly, and break readers."""
    deep = 20_000
    huge = MAX_BODY - 100
    texts = [
        b"[" * deep,
        b"[" * deep + b"]" * deep,
        b'{"data":' * deep,
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b"[" + b"[]," * (huge // 3 - 1) + b"[]]",
        b"[[" + b"1," * (huge // 2 - 2) + b"1]]",
        b"[[1e400,1,1]]",
        b"[[" + b"9" * 5000 + b",1,1]]",
        b"[[1,1,1e-5000]]",
        b"[[1,1,0." + b"1" * 5000 + b"]]",
        b'[["\\ud800",1,1]]',
        b'{"data":[[1,1,1]],"data":[[2,2,2]]}',
        b'{"data":{"data":[[1,1,1]]}}',
        b'{"data":[[1,1,1]],"instances":[[1,1,1]]}',
        b'{"columns":["a","a","a"],"data":[[1,1,1]]}',
        b'{"columns":[1,null,{}],"data":[[1,1,1]]}',
        b"[[1,1,1],[1,1]]",
        b"[[[1],[1],[1]]]",
        b"[[true,false,null]]",
        b"null",
        b"0",
        b'"text"',
        b"[]",
        b"[[]]",
        b"{}",
        b"\xef\xbb\xbf[[1,1,1e999]]",
        "[[1,1,1]]".encode("utf-16"),
        b"",
        b" " * huge,
        b" " * (MAX_BODY + 1),
        b"\n" * huge,
        b"," * huge,
        b'"' * 999,
        b'"' + b"x" * huge,
        b"1," * (huge // 2),
        b"1\n" * (huge // 2),
        b"a,b,c\n",
        b'1,2,"3\n',
        b"1;2;3\n1;2;3\n",
        b"\x00" * 1000,
        b"1,1,\x00\n",
        b"{}\n" * (huge // 3),
        b"{\n" * 1000,
    ]
    kinds = (media_types.JSON, media_types.CSV, media_types.JSON_LINES)
    found = [Body(text, kind) for text in texts for kind in kinds]
    for header in (
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 3), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
        b"{'descr': '<V0', 'fortran_order': False, 'shape': (9, 3), }",
        b"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 3), }",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"1," * 60 + b"), }",
        b"(" * 3000,
        b"{'a': " + b"-" * 3000 + b"1}",
        b"__import__('os').system('true')",
    ):
        head = b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header
        found.append(Body(head + bytes(24), media_types.NPY))
    # A footer or a schema that nests, or counts, further than any does.
    for footer in (b"\x1c" * 5000, b"\x19\xfc\xff\xff\xff\xff\x0f", b"\x19" * 5000, b"\x1b" * 5000):
        content = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
        found.append(Body(content, media_types.PARQUET))
    found += [
        Body(b"\xff\xff\xff\xff" + b"\xff\xff\xff\x7f", media_types.ARROW),
        Body(b"\xff\xff\xff\xff\x10\x00\x00\x00" + b"\xff" * 16, media_types.ARROW),
    ]
    return found


_ODD = _odd_bodies()
