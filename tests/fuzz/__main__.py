"""`python -m tests.fuzz FILE SEED COUNT [READER…]`: gives readers damaged bytes, in a process.

Each reader gets COUNT inputs. FILE holds the input that is being read, so it is still there if that
input crashes the process. One line of JSON is printed for each reader.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path

from tests.fuzz.readers import READERS

#: Bytes by which the process may grow. Every input has less than 0.1 MB, and may unpack to 1 MB.
MAX_GROWTH = 200 * 1024 * 1024
#: Seconds of the processor for one input.
MAX_S = 2.0
MAX_PRINTED = 5


def fuzz(name: str, seed: int, count: int, file: Path) -> dict[str, object]:
    """Give a reader `count` inputs. Returns counts, bounds reached, and faults with their input."""
    reader, random_ = READERS[name], random.Random(seed)
    read = refused = 0
    slowest, faults = 0.0, dict[str, str]()
    before = _most_memory()
    with file.open("r+b", buffering=0) as kept:
        for _ in range(count):
            data = reader.draw(random_)
            kept.seek(0)
            kept.write(data)
            kept.truncate()
            began = time.process_time()
            try:
                reader.read(data)
                read += 1
            except reader.errors:
                refused += 1
            except Exception as error:  # noqa: BLE001 - any other exception is a fault
                faults.setdefault(f"{type(error).__name__}: {error}"[:200], data.hex())
            took = time.process_time() - began
            slowest = max(slowest, took)
            if took > MAX_S:
                faults.setdefault(f"more than {MAX_S:g} s", data.hex())
            if _most_memory() - before > MAX_GROWTH:
                faults["memory"] = data.hex()
                break
    return {
        "reader": name,
        "read": read,
        "refused": refused,
        "slowest_s": round(slowest, 3),
        "grown_mib": (_most_memory() - before) >> 20,
        "faults": dict(list(faults.items())[:MAX_PRINTED]),
    }


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    path, seed, count, *names = sys.argv[1:]
    for name in names or READERS:
        print(json.dumps(fuzz(name, int(seed), int(count), Path(path))), flush=True)
