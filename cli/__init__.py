"""`triscore`: one command over the project. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from importlib.util import find_spec

#: Of the extra `cli`, which `pip install '.[client]'` does not bring.
_NEEDED = ("typer", "rich", "httpx2")

if _missing := [name for name in _NEEDED if find_spec(name) is None]:
    sys.stderr.write(f"triscore needs {', '.join(_missing)}: pip install '.[cli]' brings them\n")
    raise SystemExit(2)
