"""The table of cases: what this app and azureml-inference-server-http 1.5.1 answer.

`peer` is that server's answer to the same script and request. None: it has the same status,
content, type and own header, or in a refusal the same status and other words. A pair: it differs
on purpose, and has this status and this text in its body. FAILED: that server does not start.
"""

from __future__ import annotations

from typing import Any

from tests.inference.scripts.contract_case import FAILED, FORM, HTML, JSON, Case

_NOT_SERIALISED = (500, "internal error")
_SCRIPT_RAISED = (500, "error occurred in scoring script")


def _eval(body: bytes, status: int, content: Any, peer: Any = None) -> Case:
    return Case("eval", body, status, content, peer)


def _frame(body: bytes, content: Any) -> Case:
    return Case("frames", body, 200, content, _NOT_SERIALISED)


def _raw(body: bytes, status: int, content: Any, answer_type: str, own: str | None = None) -> Case:
    return Case("raw_answer", body, status, content, answer_type=answer_type, own_answer=own)


_BOUNDARY = "multipart/form-data; boundary=B"
_PARTS = (
    b'--B\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nbytes\r\n--B--\r\n"
)
ONE_STRING = [
    Case("echo", b'{"data": [1]}', 200, '{"data": [1]}', kind=JSON),
    Case("echo", b"plain", 200, "plain"),
    Case("echo", b"", 200, ""),
    Case("echo", "ä,1".encode(), 200, "ä,1", kind="text/csv"),
    Case("echo", b"\xff", 400, "not UTF-8", kind=JSON),
    Case(
        "echo",
        b"",
        200,
        '{"a": 1, "b": [1, 2], "c": "a", "d": null}',
        query="a=1&b=[1,2]&c=a&d=null",
    ),
    Case("echo", b"", 200, '{"foo": ["bar1", 2], "x": ""}', query="foo=bar1&foo=2&x="),
    Case("echo", b"", 200, "{}", query=""),
    Case("echo", b"ignored", 200, '{"a": 1}', query="a=1"),
    # curl -d sends this type with every body; the peer reads a form and passes an empty text.
    Case("echo", b"a=1", 200, "a=1", (200, '""'), kind=FORM),
    Case("echo", b"x", 200, "x", request_id="r" * 100),
    Case("echo", b"x", 431, "at most 100 characters, got 101", request_id="r" * 101),
    Case("headed", b"x", 200, ["x", "o", None, "localhost"], own="o"),
    Case("headed", b"", 200, ['{"a": 1}', "o", None, "localhost"], own="o", query="a=1"),
    Case("headed_by_name", b"x", 200, ["x", "o"], own="o"),
    Case("optional", b"x", 200, ["x", 5]),
    Case("driver", b"x", 200, ["x", True]),
    Case("async", b"x", 200, "x", peer=_NOT_SERIALISED),
]

RETURNED = [
    _eval(b"None", 200, {}),
    _eval(b"1", 200, 1),
    _eval(b"'text'", 200, "text"),
    _eval(b"''", 200, ""),
    _eval(b"[]", 200, []),
    _eval(b"json.dumps({'a': 1})", 200, '{"a": 1}'),
    _eval(b"[1, 'a', None, True]", 200, [1, "a", None, True]),
    _eval(b"(1, 2)", 200, [1, 2]),
    _eval(b"P(1, 2)", 200, [1, 2]),
    _eval(b"{'a': {'b': [1.5]}}", 200, {"a": {"b": [1.5]}}),
    _eval(b"{1: 2}", 200, {"1": 2}),
    _eval(b"{None: 1, True: 2}", 200, {"null": 1, "true": 2}),
    _eval(b"2**70", 200, 2**70),
    _eval(b"'\\u00e4'", 200, "ä"),
    _eval(b"np.float64(1.5)", 200, 1.5),
    _eval(b"np.float32(1.5)", 200, 1.5, _NOT_SERIALISED),
    _eval(b"np.int64(1)", 200, 1, _NOT_SERIALISED),
    _eval(b"np.bool_(True)", 200, True, _NOT_SERIALISED),
    _eval(b"np.arange(4).reshape(2, 2)", 200, [[0, 1], [2, 3]], _NOT_SERIALISED),
    _eval(b"{'a': np.arange(2)}", 200, {"a": [0, 1]}, _NOT_SERIALISED),
    _eval(b"{np.int64(1): 2}", 200, {"1": 2}, _NOT_SERIALISED),
    _eval(b"np.array(['a', 'b'])", 200, ["a", "b"], _NOT_SERIALISED),
    _eval(b"b'text'", 200, "text", _NOT_SERIALISED),
    _eval(b"b'\\xff'", 500, "return them in an AMLResponse", _NOT_SERIALISED),
    _eval(b"dt.date(2020, 1, 2)", 200, "2020-01-02", _NOT_SERIALISED),
    _eval(b"dt.datetime(2020, 1, 2, 3)", 200, "2020-01-02T03:00:00", _NOT_SERIALISED),
    _eval(b"np.datetime64('2020-01-02')", 200, "2020-01-02T00:00:00", _NOT_SERIALISED),
    _eval(b"{1, 2}", 200, [1, 2], _NOT_SERIALISED),
    _eval(b"float('nan')", 200, None, (200, "NaN")),
    _eval(b"[float('inf')]", 200, [None], (200, "[Infinity]")),
    _eval(b"[2**70, float('-inf')]", 200, [2**70, None], (200, "-Infinity]")),
    _eval(b"object()", 500, "not JSON serializable: object"),
    _eval(b"decimal.Decimal('1.5')", 500, "not JSON serializable: Decimal"),
    _eval(b"(each for each in [1])", 500, "not JSON serializable: generator"),
    _eval(b"{(1, 2): 3}", 500, "is no name for a JSON object"),
    _eval(b"(lambda own: own.append(own) or own)([])", 500, "recursion"),
    _eval(b"1j", 500, "not JSON serializable: complex"),
]

FRAMES = [
    _frame(
        b"pd.DataFrame({'a': [1, 2], 'b': ['x', None]})", [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    ),
    _frame(b"{'rows': pd.DataFrame({'a': [1.5, np.nan]})}", {"rows": [{"a": 1.5}, {"a": None}]}),
    _frame(b"pd.DataFrame({'at': [pd.Timestamp('2020-01-02')]})", [{"at": "2020-01-02T00:00:00"}]),
    _frame(b"pd.DataFrame([[1, 2]])", [{"0": 1, "1": 2}]),
    _frame(b"pd.Series([1, 2])", [1, 2]),
    _frame(b"pd.Series([pd.NaT, pd.NA])", [None, None]),
    _frame(b"pd.Series(['a', 'b']).astype('category')", ["a", "b"]),
    _frame(b"pd.Timestamp('2020-01-02T03:00:00Z')", "2020-01-02T03:00:00+00:00"),
    _frame(b"[pd.NaT, pd.NA]", [None, None]),
    Case("frames", b"pd.DataFrame([[1, 2]]).to_json()", 200, '{"0":{"0":1},"1":{"0":2}}'),
    Case("frames", b"pd.DataFrame([[1, 2]], columns=['a', 'a'])", 500, "two columns of one name"),
]

FAILING = [
    Case("exec", b"1/0", 500, "ZeroDivisionError at score.py:6 run"),
    Case("exec", b"raise ValueError('own text')", 500, "ValueError at score.py:6 run"),
    # The peer's worker process ends with it; gunicorn answers in HTML and starts another.
    Case(
        "exec",
        b"import sys; sys.exit(3)",
        500,
        "SystemExit at score.py:6 run",
        (500, "<title>Internal Server Error</title>"),
    ),
    Case("exec", b"hang.wait()", 504, "SCORING_TIMEOUT_S", (500, "Scoring timeout")),
    Case("exec", b"print('said')", 200, "survived"),
    Case("exec", b"import sys; sys.stdout.write('said'); sys.stderr.write('too')", 200, "survived"),
    Case("says", b"x", 200, "x"),
    Case("star", b"x", 503, "by name: no *args", FAILED),
    Case("positional", b"x", 503, "by name: no *args", FAILED),
    Case("nothing", b"x", 503, "needs a parameter for the input", FAILED),
    Case("headers_alone", b"x", 503, "needs a parameter for the input", FAILED),
    Case("two", b"x", 503, "also needs more", _SCRIPT_RAISED),
    Case("no_run", b"x", 503, "it has no run()", FAILED),
    Case("no_init", b"x", 503, "it has no init()", FAILED),
    Case("init_raises", b"x", 503, "did not start: ValueError at score.py:", FAILED),
    Case("init_exits", b"x", 503, "did not start: SystemExit", FAILED),
    Case("raw_and_schema", b"{}", 503, "both @rawhttp and @input_schema", FAILED),
]


def _numpy(body: bytes, status: int, content: Any, peer: Any = None, kind: str = JSON) -> Case:
    return Case("numpy", body, status, content, peer, kind=kind)


def _pandas(body: bytes, status: int, content: Any, peer: Any = None) -> Case:
    return Case("pandas", body, status, content, peer, kind=JSON)


def _params(body: bytes, status: int, content: Any, peer: Any = None) -> Case:
    return Case("params", body, status, content, peer, kind=JSON)


_ROW = b'{"data": [[1, 2]]}'
_SUM = ["ndarray", "float64", [3.0]]

SCHEMA = [
    _numpy(b'{"data": [[1, 2], [3, 4]]}', 200, ["ndarray", "float64", [3.0, 7.0]]),
    _numpy(_ROW, 200, _SUM, kind="application/vnd.own+json; charset=utf-8"),
    # curl -d and a bare message say no type, or a wrong one.
    _numpy(_ROW, 200, _SUM, (415, "Expects Content-Type"), kind=""),
    _numpy(b"1,2", 415, "send application/json", kind="text/csv"),
    _numpy(b'{"data": [[1, 2, 3]]}', 422, "size 3 on dimension #1", _SCRIPT_RAISED),
    _numpy(b'{"data": [["a", 2]]}', 422, "could not convert", _SCRIPT_RAISED),
    _numpy(b'{"data": 7}', 422, "expected an array of items", _SCRIPT_RAISED),
    _numpy(b"{}", 400, "no 'data'"),
    _numpy(b"[[1, 2]]", 400, "got a list"),
    _numpy(b"{", 400, "not JSON"),
    _numpy(b"", 400, "the body is empty"),
    _numpy(b"\xff", 400, "not JSON", _NOT_SERIALISED),
    _numpy(b'{"data": [[NaN, 2]]}', 200, ["ndarray", "float64", [None]], (200, "[NaN]")),
    Case("numpy", b"", 200, _SUM, query="data=[[1,2]]"),
    Case("numpy", b"", 400, "no 'data'", query=""),
    _params(b'{"a": 1}', 200, [1, "none", 3]),
    _params(b'{"a": 1, "b": "y", "c": 4, "d": 5}', 200, [1, "y", 4]),
    _params(b'{"a": 1180591620717411303424}', 200, [2**70, "none", 3]),
    _params(b'{"b": "y"}', 400, "no 'a'"),
    _params(b'{"a": "text"}', 422, "Expected: int", _SCRIPT_RAISED),
    _params(b'{"a": null}', 422, "Expected: int", _SCRIPT_RAISED),
    Case("params", b"", 200, [1, "x", "z"], query="a=1&b=x&c=z"),
    Case(
        "nested",
        b'{"data": {"rows": [[1, 2]], "when": "2020-01-02T03:04:05", "note": "n"}}',
        200,
        ["ndarray", "2020-01-02T03:04:05", "n"],
        kind=JSON,
    ),
    Case(
        "nested",
        b'{"data": {"rows": [[1]], "when": "2020-01-02", "note": "n"}}',
        422,
        "size 1 on dimension #1",
        _SCRIPT_RAISED,
        kind=JSON,
    ),
    Case("typed", b'{"at": "03:04:05", "raw": "aGk="}', 200, ["03:04:05", "hi"], kind=JSON),
    Case("typed", b'{"at": "noon?", "raw": "aGk="}', 422, "ParserError", _SCRIPT_RAISED, kind=JSON),
    Case("listed", b'{"data": [[[1, 2]], [[3, 4]]]}', 200, [[3], [7]], kind=JSON),
    Case("listed", b'{"data": [[[1, 2]], [3]]}', 422, "2 dimensions", _SCRIPT_RAISED, kind=JSON),
    Case("unset", b"{}", 200, "nothing", kind=JSON),
    Case("unset", b'{"a": 1}', 200, 1, kind=JSON),
    Case("unset", b'{"a": "x"}', 422, "Expected: int", _SCRIPT_RAISED, kind=JSON),
    _pandas(b'{"data": [{"age": 3, "town": "Ulm"}]}', 200, [["age", "town"], [[3, "Ulm"]]]),
    _pandas(b'{"data": [{"age": 3.0, "town": 7}]}', 200, [["age", "town"], [[3, "7"]]]),
    _pandas(b'{"data": [{"age": 3}]}', 422, "size 1 on dimension #1", _SCRIPT_RAISED),
    _pandas(b'{"data": [{"age": "x", "town": "Ulm"}]}', 422, "invalid literal", _SCRIPT_RAISED),
    _pandas(b'{"data": 7}', 422, "unable to convert", _SCRIPT_RAISED),
    Case(
        "pandas", b"", 200, [["age", "town"], [[3, "Ulm"]]], query='data=[{"age":3,"town":"Ulm"}]'
    ),
    Case(
        "pandas_split",
        b'{"data": {"columns": ["b", "a"], "index": [5], "data": [[1.5, "2020-01-02T00:00"]]}}',
        200,
        [["b", "a"], ["float64", "datetime64[ns]"], [5]],
        kind=JSON,
    ),
    Case("independent", b'{"data": [[1, 2], [3, 4]]}', 200, [3.0, 7.0], kind=JSON),
    Case("independent", b'{"data": [[1, 2, 3]]}', 422, "size 3", _SCRIPT_RAISED, kind=JSON),
    Case("independent", b'{"data": []}', 422, "2 dimensions", _SCRIPT_RAISED, kind=JSON),
    # Four rows, three answers: the peer knows of no promise.
    Case(
        "independent",
        # Rows that no other case asks for: those would be answered from the cache.
        b'{"data": [[5, 6], [5, 6], [5, 6], [5, 6]]}',
        500,
        "got 4 rows and returned a list of 3: rows_independent promises",
        (200, "[11.0, 11.0, 11.0]"),
        kind=JSON,
    ),
    Case("schema_headed", b'{"a": 1}', 200, [1, "o"], kind=JSON, own="o"),
    Case("schema_raises", b'{"a": 1}', 500, "ValueError at score.py:", kind=JSON),
    Case("schema_guarded", b'{"a": 1}', 500, "PermissionError at score.py:", kind=JSON),
    Case("schema_output", b'{"data": 1}', 200, 1, kind=JSON),
    Case("schema_output", b"[1]", 400, "got a list", kind=JSON),
    Case("schema_async", b'{"a": 1}', 200, [1], _NOT_SERIALISED, kind=JSON),
]

RAW = [
    Case("raw", b"body", 200, ["POST", "body", [], "o", JSON], kind=JSON, own="o"),
    Case("raw", b"", 200, ["GET", "", ["1", "2"], "o", None], own="o", query="q=1&q=2"),
    Case("raw", b"", 200, ["POST", "", [], None, None]),
    Case("raw_contrib", b"body", 200, ["POST", "body", [], "o", JSON], kind=JSON, own="o"),
    # The peer passes Flask's request, of which its AMLRequest is a subclass.
    Case("raw_kind", b"", 200, True, (200, "false")),
    Case(
        "raw_whole",
        b'{"a": 1}',
        200,
        ["/score", "http://localhost/score", '{"a": 1}', {"a": 1}, {"a": 1}, {}, 8, "o", True],
        kind=JSON,
        own="o",
    ),
    Case("raw_json", b'{"a": [1]}', 200, {"a": [1]}, kind=JSON),
    Case("raw_json", b"{", 500, "BadRequest", kind=JSON),
    Case("raw_json", b"{}", 500, "UnsupportedMediaType"),
    Case(
        "raw_form",
        b"a=1&b=2",
        200,
        [{"a": "1", "b": "2"}, {}],
        kind=FORM,
    ),
    Case("raw_form", _PARTS, 200, [{"note": "hi"}, {"file": "bytes"}], kind=_BOUNDARY),
    Case("raw_headed", b"", 200, ["o", "o"], own="o"),
    _raw(
        b"AMLResponse(b'\\xff\\x00', 200, {'Content-Type': 'image/jpeg'})",
        200,
        b"\xff\x00",
        "image/jpeg",
    ),
    _raw(b"AMLResponse('text', 200)", 200, b"text", HTML),
    _raw(b"AMLResponse('text', 418, {'X-Own': 'a,b'})", 418, b"text", HTML, "a, b"),
    _raw(b"AMLResponse({'a': 1}, 200, json_str=True)", 200, {"a": 1}, JSON),
    _raw(b"AMLResponse('bad', 400)", 400, b"bad", HTML),
    _raw(b"AMLResponse('down', 503)", 503, b"down", HTML),
    _raw(b"{'plain': 1}", 200, {"plain": 1}, JSON),
    _raw(b"None", 200, {}, JSON),
    _raw(b"'text'", 200, "text", JSON),
    _raw(b"1/0", 500, "ZeroDivisionError", JSON),
    Case("answers", b"body", 201, b"body", answer_type=HTML, own_answer="a, b"),
]

CASES = [*ONE_STRING, *RETURNED, *FRAMES, *FAILING, *SCHEMA, *RAW]
