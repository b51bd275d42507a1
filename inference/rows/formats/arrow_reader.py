"""The rows of an Arrow stream or file: a body in memory, or a blob as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from inference.limits import Limits
from inference.rows.formats import column_types
from inference.rows.formats.arrow_messages import Messages, Source
from inference.rows.formats.model_columns import ColumnsPart, choose
from inference.rows.schema import Schema


class ArrowReader:
    """Each batch has the limits of a body; so a blob of any length takes constant memory."""

    #: Its columns may be of any type.
    is_fixed = False

    def __init__(
        self,
        source: Source,
        schema: Schema,
        limits: Limits,
        check: Callable[[pa.Schema], None] = lambda _: None,
        max_columns: int | None = None,
    ) -> None:
        """`check` gets the schema of all columns. It may raise CallerError."""
        self._messages, self._model = Messages(source, limits.body_bytes, max_columns), schema
        self._check = check
        #: Known once `parts` began.
        self.schema = pa.schema([])

    @property
    def is_file(self) -> bool:
        return self._messages.is_file

    @property
    def compression(self) -> str | None:
        return self._messages.compression

    def parts(self) -> Iterator[ColumnsPart]:
        """The rows, in order. Raises CallerError."""
        with column_types.translate_errors("an Arrow stream or file"):
            stream = pa.ipc.open_stream(self._messages)
            str(stream.schema.names)  # raises if they are not UTF-8
            self.schema = stream.schema
            self._check(self.schema)
            names = self.schema.names
            positions = {name: at for at, name in enumerate(names)}
            chosen = [positions[name] for name in choose(self._model, names)]
            column_types.require_flat({names[at]: self.schema.field(at).type for at in chosen})
            for batch in stream:
                batch.validate(full=True)  # offsets may point anywhere
                for some in column_types.cut(batch):
                    yield ColumnsPart(some.select(chosen), some)
