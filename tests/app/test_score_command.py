"""`triscore score` against the whole app, through each trigger."""

import json
import subprocess
import sys

import pytest

COMMAND = (sys.executable, "-m", "cli", "score")
#: Nothing listens on port 1.
AZURITE_AWAY = (
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;"
    "BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:1/a;"
)
BROKER_AWAY = (
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true;"
)
ROWS = b"0.9,0.9,0.9\n0.1,0.1,0.1\n"


def command_for(app, tmp_path_factory):
    """`score(body, name, *words)`: the command for a file of that content, and its folder."""

    def run(body: bytes, name: str, *words: str):
        folder = tmp_path_factory.mktemp("score")
        if name != "-":
            (folder / name).write_bytes(body)
        done = subprocess.run(
            [*COMMAND, "-" if name == "-" else str(folder / name), "--url", app.host.url, *words],
            input=body.decode(),
            env={"PATH": "", **app._settings(), **app.env},
            cwd=app.app_dir,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done, folder

    return run


@pytest.fixture(scope="module")
def score(app, tmp_path_factory):
    return command_for(app, tmp_path_factory)


@pytest.mark.parametrize(
    ("via", "name", "written"),
    [
        ("http", "rows.scored.csv", b"prediction\n1\n0\n"),
        ("blob", "rows.scored.csv", b"0.9,0.9,0.9,1,\n0.1,0.1,0.1,0,\n"),
        ("queue", "rows.scored.json", b"[1, 0]"),
    ],
)
def test_a_file_is_scored_through_each_trigger(score, via, name, written):
    done, folder = score(ROWS, "rows.csv", "--via", via)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / name).read_bytes() == written
    assert sorted(file.name for file in folder.iterdir()) == ["rows.csv", name]
    assert str(folder / name) in done.stdout


@pytest.mark.long
def test_an_output_in_the_apps_own_format_has_its_ending_unless_it_is_named(
    make_app, tmp_path_factory
):
    score = command_for(make_app(BLOB_OUTPUT_FORMAT="parquet"), tmp_path_factory)
    done, folder = score(ROWS, "rows.csv")
    assert done.stdout == f"{folder}/rows.scored.parquet: 2 rows, 0 failed\n"
    assert (folder / "rows.scored.parquet").read_bytes().startswith(b"PAR1")
    assert sorted(file.name for file in folder.iterdir()) == ["rows.csv", "rows.scored.parquet"]
    named = folder / "named.csv"
    done, folder = score(ROWS, "rows.csv", "--output", str(named))
    assert done.stdout.startswith(f"{named}: ")
    assert named.read_bytes().startswith(b"PAR1")
    assert [file.name for file in folder.iterdir()] == ["rows.csv"]
    done, _ = score(ROWS, "-", "--content-type", "text/csv", "--via", "blob", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the result is not a text: name a file for it by --output\n"


@pytest.mark.parametrize("words", [(), ("--via", "queue")])
def test_rows_typed_in_are_scored_and_printed(score, words):
    done, _ = score(b"[[0.9,0.9,0.9],[0.1,0.1,0.1]]", "-", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [1, 0]


def test_rows_typed_in_have_the_format_that_is_said(score):
    done, _ = score(ROWS, "-", "--content-type", "text/csv")
    assert done.stdout == "prediction\n1\n0\n"
    done, _ = score(ROWS, "-", "--content-type", "text/csv", "--via", "blob")
    assert done.stdout == ROWS.decode().replace("9\n", "9,1,\n").replace("1\n", "1,0,\n")


def test_rows_typed_in_go_to_a_file_or_into_json_where_asked(score, tmp_path):
    rows = b"[[0.9,0.9,0.9]]"
    assert json.loads(score(rows, "-", "--json")[0].stdout)["result"] == [1]
    done, _ = score(rows, "-", "--output", str(tmp_path / "out.json"))
    assert str(tmp_path / "out.json") in done.stdout
    assert json.loads((tmp_path / "out.json").read_bytes()) == [1]
    done, _ = score(b"[[1,2]]", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected a list of 3 values" in done.stderr


def test_a_file_that_is_too_large_for_a_message_goes_beside_it(score):
    done, folder = score(b"0.9,0.9,0.9\n" * 12_000, "rows.csv", "--via", "queue")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((folder / "rows.scored.json").read_bytes()) == [1] * 12_000


def test_it_prints_json_for_programs_and_writes_where_it_is_told(score, tmp_path):
    done, _ = score(ROWS, "rows.csv", "--json", "--output", str(tmp_path / "out.csv"))
    document = json.loads(done.stdout)
    assert (document["status"], document["output"]) == ("succeeded", str(tmp_path / "out.csv"))
    assert document["document"]["rows"] == 2
    assert document["document"]["id"] == document["id"]


@pytest.mark.parametrize("via", ["http", "blob", "queue"])
def test_what_can_not_be_scored_is_exit_code_1_and_writes_nothing(score, via):
    done, folder = score(b"1,2\n", "rows.csv", "--via", via)
    assert (done.returncode, done.stdout) == (1, "")
    assert "expected a list of 3 values" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("rows.xyz", (), "rows.xyz: expected a name that ends in .json, .csv"),
        ("rows.csv", ("--via", "http", "--url", "http://127.0.0.1:1"), "the app does not answer"),
        ("rows.csv", ("--url", "nowhere"), "expected http://… or https"),
        ("rows.csv", ("--output", "/nowhere/x.csv"), "/nowhere is not a folder"),
        ("rows.csv", ("--output", "/"), "/ is a folder: --output names a file"),
    ],
)
def test_what_can_not_be_sent_is_exit_code_2_and_one_line(score, name, words, says):
    done, _ = score(ROWS, name, *words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert says in line


@pytest.mark.parametrize(
    ("via", "says"),
    [
        ("blob", "storage can't be used (ServiceRequestError): start it, or correct Scoring"),
        ("queue", "the queue scoring-requests can't be used (ServiceBusConnectionError): start it"),
    ],
)
def test_a_service_that_is_away_is_named_with_its_setting(tmp_path, monkeypatch, via, says):
    (tmp_path / "rows.csv").write_bytes(ROWS)
    monkeypatch.setenv("ScoringStorage", AZURITE_AWAY)
    monkeypatch.setenv("ServiceBusConnection", BROKER_AWAY)
    command = [*COMMAND, str(tmp_path / "rows.csv"), "--via", via]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(says)
    assert "--via http" in line
