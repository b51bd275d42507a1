"""Entry scripts as Azure ML's users write them, one for each thing that they may ask for."""

from __future__ import annotations

from pathlib import Path

_INIT = "def init(): ...\n"

_SCHEMA = (
    _INIT
    + """
import datetime
import numpy as np
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import (
    StandardPythonParameterType as Standard,
)
"""
)

_PANDAS = (
    _SCHEMA
    + """
import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
"""
)

_RAW = (
    _INIT
    + """
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
"""
)

SCRIPTS = {
    "echo": _INIT + "def run(anything): return anything",
    "headed": _INIT
    + """
def run(data, request_headers):
    return [data, request_headers["X-Own"], request_headers.get("x-own"), request_headers["Host"]]
""",
    "headed_by_name": _INIT
    + "def run(*, request_headers, data): return [data, request_headers['X-Own']]",
    "optional": _INIT + "def run(data, more=5): return [data, more]",
    "two": _INIT + "def run(data, more): return [data, more]",
    "star": _INIT + "def run(*args): return 1",
    "positional": _INIT + "def run(data, /): return 1",
    "nothing": _INIT + "def run(): return 1",
    "headers_alone": _INIT + "def run(request_headers): return 1",
    "eval": _INIT
    + """
import datetime as dt
import decimal
import json
from collections import namedtuple
import numpy as np
P = namedtuple("P", "a b")
def run(data): return eval(data)
""",
    "exec": _INIT
    + """
import threading
hang = threading.Event()
def run(data):
    exec(data)
    return "survived"
""",
    "frames": _INIT
    + """
import numpy as np
import pandas as pd
def run(data): return eval(data)
""",
    "says": """
print("imported")
def init(): print("begun")
def run(data):
    print("asked")
    return data
""",
    "driver": """
import driven_script
driver_module = driven_script
def init(): driven_script.init()
def run(data): return "proxy"
""",
    "numpy": _SCHEMA
    + """
@input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
@output_schema(NumpyParameterType(np.array([1.0])))
def run(data): return [type(data).__name__, str(data.dtype), data.sum(axis=1).tolist()]
""",
    "params": _SCHEMA
    + """
@input_schema("a", Standard(1))
@input_schema("b", Standard("x"))
def run(a, b="none", c=3): return [a, b, c]
""",
    "nested": _SCHEMA
    + """
@input_schema("data", Standard({
    "rows": NumpyParameterType(np.array([[1, 2]])),
    "when": Standard(datetime.datetime(2020, 1, 2)),
    "note": Standard("x"),
}))
def run(data): return [type(data["rows"]).__name__, data["when"].isoformat(), data["note"]]
""",
    "typed": _SCHEMA
    + """
@input_schema("at", Standard(datetime.time(1)))
@input_schema("raw", Standard(b"x"))
def run(at, raw): return [at.isoformat(), raw.decode()]
""",
    "listed": _SCHEMA
    + """
@input_schema("data", Standard([NumpyParameterType(np.array([[1, 2]]))]))
def run(data): return [each.sum(axis=1).tolist() for each in data]
""",
    "unset": _SCHEMA
    + """
@input_schema("a", Standard(1), optional=True)
def run(a=None): return "nothing" if a is None else a
""",
    "pandas": _PANDAS
    + """
@input_schema("data", PandasParameterType(pd.DataFrame({"age": [30], "town": ["Bonn"]})))
def run(data): return [list(data.columns), data.to_numpy().tolist()]
""",
    "pandas_split": _PANDAS
    + """
sample = pd.DataFrame({"a": np.array(["2020-01-02"], "datetime64[ns]"), "b": [1.0]})
@input_schema("data", PandasParameterType(sample, orient="split"))
def run(data): return [list(data.columns), [str(each) for each in data.dtypes], list(data.index)]
""",
    "independent": _SCHEMA
    + """
rows_independent = True
@input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
def run(data): return data.sum(axis=1)[:3].tolist()
""",
    "schema_headed": _SCHEMA
    + """
@input_schema("a", Standard(1))
def run(a, request_headers): return [a, request_headers["X-Own"]]
""",
    "schema_raises": _SCHEMA
    + """
@input_schema("a", Standard(1))
def run(a): raise ValueError("own")
""",
    "schema_guarded": _SCHEMA
    + """
def guarded(run):
    def checked(a): raise PermissionError("not you")
    return checked
@input_schema("a", Standard(1))
@guarded
def run(a): return a
""",
    "schema_output": _SCHEMA
    + """
@output_schema(Standard(1))
def run(data): return data
""",
    "schema_async": _SCHEMA
    + """
@input_schema("a", Standard(1))
async def run(a): return [a]
""",
    "raw": _RAW
    + """
@rawhttp
def run(request):
    body, own = request.get_data().decode(), request.headers.get("X-Own")
    return [request.method, body, request.args.getlist("q"), own, request.content_type]
""",
    "raw_kind": _RAW
    + """
@rawhttp
def run(request): return isinstance(request, AMLRequest)
""",
    "raw_whole": _RAW
    + """
@rawhttp
def run(request):
    return [
        request.path, request.url, request.data.decode(), request.json, request.get_json(),
        request.args.to_dict(), request.content_length, request.headers["x-own"], request.is_json,
    ]
""",
    "raw_json": _RAW
    + """
@rawhttp
def run(request): return request.get_json()
""",
    "raw_form": _RAW
    + """
@rawhttp
def run(request):
    files = {name: file.read().decode() for name, file in request.files.items()}
    return [request.form.to_dict(), files]
""",
    "raw_answer": _RAW
    + """
@rawhttp
def run(request): return eval(request.get_data())
""",
    "raw_headed": _RAW
    + """
@rawhttp
def run(request, request_headers): return [request.headers["X-Own"], request_headers["X-Own"]]
""",
    "raw_and_schema": _RAW
    + _SCHEMA
    + """
@rawhttp
@input_schema("a", Standard(1))
def run(a): return a
""",
    "answers": _RAW + "def run(data): return AMLResponse(data, 201, {'X-Own': 'a,b'})",
    "no_run": "def init(): ...",
    "no_init": "def run(data): ...",
    "init_raises": "def init(): raise ValueError('no')\ndef run(data): ...",
    "init_exits": "import sys\ndef init(): sys.exit(0)\ndef run(data): ...",
    "async": "async def init(): ...\nasync def run(data): return data",
}

#: The tutorial's, with today's import of joblib; its model is model.pkl.
TUTORIAL = """
import os
import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    global model
    model_path = os.path.join(os.getenv('AZUREML_MODEL_DIR'), 'model.pkl')
    model = joblib.load(model_path)

@input_schema('data', NumpyParameterType(np.array([[10.0, 9.0]])))
@output_schema(NumpyParameterType(np.array([3726.995])))
def run(data):
    try:
        result = model.predict(data)
        return result.tolist()
    except Exception as e:
        error = str(e)
        return error
"""

_DRIVEN = """
ready = False
def init():
    global ready
    ready = True
def run(raw_data): return [raw_data, ready]
"""


def write(name: str, folder: Path) -> Path:
    """The folder, made, with the script of that name as its score.py."""
    folder.mkdir()
    (folder / "score.py").write_text(SCRIPTS[name])
    if name == "driver":
        (folder / "driven_script.py").write_text(_DRIVEN)
    return folder


_ALIASED = "from azureml.contrib.services.{} import"
SCRIPTS["raw_contrib"] = (
    SCRIPTS["raw"]
    .replace("from azureml_inference_server_http.api.aml_request import", _ALIASED)
    .replace("from azureml_inference_server_http.api.aml_response import", _ALIASED)
    .replace("{}", "aml_request", 1)
    .replace("{}", "aml_response", 1)
)
