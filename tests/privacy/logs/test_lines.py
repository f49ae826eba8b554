"""Log lines are JSON, whole, and no value can forge one."""

import json
import logging
import os
import select
import threading

from privacy.logs.lines import JsonLines, LineHandler, in_parts
from privacy.logs.records import Records


def test_a_line_is_one_object_of_ascii(records: Records) -> None:
    record = logging.makeLogRecord(
        {"msg": 'é\n{"ts": 1}\x1b[31m \u2028', "levelname": "INFO", "name": "clinfed"}
    )
    record.rows = 3
    records.ensure(record)
    line = JsonLines().format(record)
    assert line.isascii()
    assert "\n" not in line
    assert "\x1b" not in line
    said = json.loads(line)
    assert (said["level"], said["logger"], said["fields"]) == ("INFO", "clinfed", {"rows": 3})


def test_a_long_line_comes_in_parts_that_a_pipe_takes_whole() -> None:
    fields = {
        "ts": "t",
        "level": "INFO",
        "pid": 1,
        "message": "é" * 3000,
        "trace": "b" * 3000,
        "fields": {"rows": 3},
    }
    parts = [json.loads(line) for line in in_parts(json.dumps(fields))]
    assert "".join(part.get("message", "") for part in parts) == fields["message"]
    assert "".join(part.get("trace", "") for part in parts) == fields["trace"]
    assert [part["part"] for part in parts] == [
        f"{number}/{len(parts)}" for number in range(1, len(parts) + 1)
    ]
    assert sum("fields" in part for part in parts) == 1
    assert all(len(line) <= select.PIPE_BUF for line in in_parts(json.dumps(fields)))


def test_writers_of_one_pipe_do_not_mix(records: Records) -> None:
    read, write = os.pipe()
    received: list[bytes] = []

    def drain() -> None:
        while chunk := os.read(read, 65_536):
            received.append(chunk)

    def push(letter: str) -> None:
        handler = LineHandler(write, logging.INFO)  # each with a lock of its own, as processes have
        for _ in range(50):
            record = logging.makeLogRecord({"msg": letter * 6000, "levelno": 20, "levelname": "INFO"})
            records.ensure(record)
            handler.handle(record)

    reader = threading.Thread(target=drain)
    reader.start()
    writers = [threading.Thread(target=push, args=(letter,)) for letter in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    os.close(write)
    reader.join()
    os.close(read)
    lines = [json.loads(line) for line in b"".join(received).splitlines()]
    for letter in "abcd":
        said = "".join(line["message"] for line in lines if line["message"].startswith(letter))
        assert said == letter * 6000 * 50


def test_a_reader_that_is_gone_is_counted_and_stops_nobody(records: Records) -> None:
    read, write = os.pipe()
    os.close(read)
    record = logging.makeLogRecord({"msg": "x", "levelno": 20, "levelname": "INFO"})
    records.ensure(record)
    LineHandler(write, logging.INFO).handle(record)
    os.close(write)
