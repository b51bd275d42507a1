"""Python imports this first in each process of the app, where its folder is on PYTHONPATH: tells
who asks at a socket how much memory is in use, as JSON.

Resident memory does not tell a leak: an arena of Python's stays while one small object lives in it.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import socketserver
import sys
import threading
from typing import ClassVar


class _MallInfo(ctypes.Structure):
    """glibc's struct mallinfo2: of all its arenas."""

    _fields_: ClassVar = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _in_use() -> dict[str, int]:
    """Objects in Python's arenas, and bytes in the C library's heap."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _MallInfo
    heap = libc.mallinfo2()
    return {"blocks": sys.getallocatedblocks(), "heap": heap.uordblks + heap.hblkhd}


class _Teller(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(json.dumps(_in_use()).encode())


if folder := os.environ.get("MEMORY_SOCKETS"):
    server = socketserver.UnixStreamServer(f"{folder}/{os.getpid()}", _Teller)
    threading.Thread(target=server.serve_forever, daemon=True, name="memory").start()
