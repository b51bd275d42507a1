"""Makes packages not installed that the app has none of, and that others import where they can.

scikit-learn imports pandas, which would make the least that a start could take a third dearer.
redis-py imports OpenTelemetry's SDK for metrics, which only the extra `tracing` installs: a start
with it takes a tenth longer until the first hit.
"""

import sys
from importlib.abc import MetaPathFinder

ABSENT = ("pandas", "opentelemetry")


class Absent(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in ABSENT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, Absent())
