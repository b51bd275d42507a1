"""Lines about requests are written by a thread: nobody who reads slowly stops the host."""

import logging
import os
import time

import pytest

from local.host import line_writer
from local.host.line_writer import LineWriter
from tests.waiting import eventually


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    for each in (reading, writing):
        os.close(each)


def emit(writer, *lines):
    for line in lines:
        writer.handle(logging.LogRecord("requests", logging.INFO, "", 0, line, (), None))


def read(pipe, size=65536):
    """What can be read now: nothing, where nothing has been written."""
    try:
        return os.read(pipe[0], size).decode()
    except BlockingIOError:
        return ""


def test_lines_are_written_in_order(pipe):
    writer = LineWriter(pipe[1])
    emit(writer, *(f"line {number}" for number in range(500)))
    writer.flush()
    assert read(pipe).splitlines() == [f"line {number}" for number in range(500)]
    emit(writer, "one more")
    writer.flush()
    assert read(pipe) == "one more\n"


def test_each_write_is_of_whole_lines_and_no_longer_than_a_pipe_keeps_together(pipe, monkeypatch):
    written, write = [], os.write

    def noting(fd, chunk):
        if fd == pipe[1]:
            written.append(bytes(chunk))
        return write(fd, chunk)

    monkeypatch.setattr(line_writer.os, "write", noting)
    writer = LineWriter(pipe[1])
    emit(writer, *("x" * 1000 for _ in range(20)))
    writer.flush()
    assert [len(chunk) for chunk in written] == [4004] * 5


def test_a_pipe_that_is_not_read_stops_nobody_and_dropped_lines_are_counted(pipe, caplog):
    writer = LineWriter(pipe[1], max_lines=100)
    began = time.monotonic()
    emit(writer, *["x" * 999] * 1000)
    assert time.monotonic() - began < 1
    got = ""

    def dropped():
        return sum(record.args[0] for record in caplog.records)

    def all_are_known():
        nonlocal got
        got += read(pipe)
        return got.count("\n") + dropped() == 1000

    eventually(all_are_known)
    assert set(got.splitlines()) == {"x" * 999}
    # The pipe and the chunk at hand hold 70 of these lines at most, the writer 100.
    assert dropped() >= 1000 - 170
    assert "lines of the log were dropped: they are not read fast enough" in caplog.text


def test_the_end_of_the_process_does_not_wait_long_for_a_pipe_that_is_not_read(pipe, monkeypatch):
    monkeypatch.setattr(line_writer, "FLUSH_S", 0.2)
    writer = LineWriter(pipe[1])
    emit(writer, *("x" * 999 for _ in range(200)))
    began = time.monotonic()
    writer.flush()
    assert 0.1 < time.monotonic() - began < 1
    got = ""

    def all_is_read():  # its thread ends the last write before the pipe is closed
        nonlocal got
        got += read(pipe)
        return len(got) == 200_000

    eventually(all_is_read)


def test_a_log_that_nobody_can_read_any_more_is_no_fault(pipe):
    writer = LineWriter(os.open(os.devnull, os.O_RDONLY))
    emit(writer, "lost")
    writer.flush()
    emit(writer, "lost too")
    writer.flush()
    assert repr(writer) == "<LineWriter 0 lines, 0 dropped>"
