"""Makes pandas not installed: the app's own packages have none, and scikit-learn imports it where
it can, which would make the least that a start could take a third dearer.
"""

import sys
from importlib.abc import MetaPathFinder


class NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=fullname)


sys.meta_path.insert(0, NoPandas())
