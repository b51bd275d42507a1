"""The load generator: what it sends, and what it makes of the answers."""

import json

import pytest

from bench import bodies, load, models, workloads
from bench.errors import BenchError
from bench.load import Generator, Load

SAID = {
    "requests": 3000,
    "us": 1_500_000,
    "p50_us": 1250,
    "p99_us": 60_000,
    "errors": {"connect": 0, "read": 0, "write": 0, "timeout": 0, "status": 0},
}
DIALECTS = [bodies.data_at("/"), bodies.v2_at("/")]


def said(**changes) -> str:
    return f"Running 1s test @ http://…\n  3000 requests in 1.50s\n\n{json.dumps(SAID | changes)}\n"


def test_rate_and_latencies_are_read_from_the_line_that_the_script_writes():
    run = load.read(said(), load_cpu=0.25)
    assert run == load.Run(rate=2000.0, p50_ms=1.25, p99_ms=60.0, load_cpu=0.25, fault="")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("connect", "connections refused"),
        ("read", "broken while reading"),
        ("write", "broken while writing"),
        ("timeout", "timed out"),
        ("status", "answers that were errors"),
    ],
)
def test_one_error_of_any_kind_disqualifies_a_run_and_is_named(kind, words):
    run = load.read(said(errors=SAID["errors"] | {kind: 1}), load_cpu=0)
    assert run.fault.startswith("1 ")
    assert words in run.fault


def test_a_run_without_an_answer_is_disqualified():
    assert load.read(said(requests=0), load_cpu=0).fault == "no answers"


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1", '{"requests": 1}', "{}"])
def test_output_without_the_figures_is_an_error_and_no_figure(output):
    with pytest.raises(BenchError, match="cannot be read"):
        load.read(output, load_cpu=0)


@pytest.mark.parametrize("dialect", DIALECTS, ids=["data", "v2"])
@pytest.mark.parametrize("kind", ["unique", "hundred"])
def test_a_row_that_must_be_unique_is_never_sent_twice_not_even_by_the_next_run(
    kind, dialect, wrk, listen, tmp_path
):
    server = listen()
    file = load.write_bodies(tmp_path / "bodies", workloads.bodies_of(kind, dialect))
    generator = Generator()
    for _ in range(2):
        assert not generator.run(Load(server.url, 4, "0,1", file), seconds=1).fault
    rows = [row for body in server.bodies for row in rows_of(json.loads(body))]
    assert len(rows) == len(server.bodies) * (1 if kind == "unique" else 100)
    assert len({tuple(row) for row in rows}) == len(rows) > 100
    assert {len(row) for row in rows} == {64}
    assert all(0 <= row[0] < 1 for row in rows)


def test_a_hot_row_is_the_same_in_every_request(wrk, listen, tmp_path):
    server = listen()
    dialect = bodies.data_at("/")
    file = load.write_bodies(tmp_path / "bodies", workloads.bodies_of("hot", dialect))
    assert not Generator().run(Load(server.url, 2, "0,1", file), seconds=1).fault
    assert len(server.bodies) > 10
    (body,) = set(server.bodies)
    assert json.loads(body) == {"data": workloads.hot_row().tolist()}


def test_without_bodies_it_asks_for_nothing_but_the_page(wrk, listen):
    server = listen()
    run = Generator().run(Load(server.url, 2, "0,1"), seconds=1)
    assert run.rate > 10
    assert 0 < run.load_cpu < 1.1
    assert set(server.bodies) == {b""}


def test_error_answers_disqualify_the_run(wrk, listen):
    run = Generator().run(Load(listen(status=503).url, 2, "0,1"), seconds=1)
    assert "answers that were errors" in run.fault


def test_a_server_that_is_not_there_is_an_error(wrk, free_port):
    with pytest.raises(BenchError, match="unable to connect"):
        Generator().run(Load(f"http://127.0.0.1:{free_port()}/", 1, "0,1"), seconds=1)


@pytest.mark.parametrize("dialect", DIALECTS, ids=["data", "v2"])
def test_every_dialect_says_the_rows_themselves(dialect):
    rows = models.rows(3, seed=0)
    assert rows_of(json.loads(dialect.write(bodies.plain(rows)))) == rows.tolist()


def rows_of(body):
    if "data" in body:
        return body["data"]
    (given,) = body["inputs"]
    count, width = given["shape"]
    assert len(given["data"]) == count * width
    return [given["data"][n * width : (n + 1) * width] for n in range(count)]
