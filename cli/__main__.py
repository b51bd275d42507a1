"""The command as a module, for processes that start it: `python -m cli`."""

from __future__ import annotations

import sys

from cli.app import main

sys.exit(main())
