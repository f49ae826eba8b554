"""Printed lines, descriptors, children: everything that is no record, in real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

from privacy.logs.blocks import clean_lines, complete
from privacy.logs.redactor import TOO_LONG, Redactor
from privacy.logs.streams import CleanStream
from privacy.logs.tokens import TOKEN

INSTALL = "from privacy.logs.install import install\ninstall(whole=True)\n"
SSN = "123-45-6789"
Script = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize(
    ("text", "whole", "rest"),
    [("a\nb", "a\n", "b"), ("a\rb", "a\r", "b"), ("ab", "", "ab"), ("a\n", "a\n", ""), ("", "", "")],
)
def test_lines_are_split_at_their_ends(text: str, whole: str, rest: str) -> None:
    assert complete(text) == (whole, rest)


def test_lines_are_made_clean_and_keep_their_ends(redactor: Redactor) -> None:
    said = clean_lines("one\n\rtwo HARROW\r\n\nthree", redactor)
    assert TOKEN.sub("<>", said) == "one\n\rtwo <>\r\n\nthree"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Process reader Rachel Bright:", "Process <>:"),
        ("Exception in thread Bright 7:", "Exception in thread <>:"),
        ("Process SpawnProcess-2:1:", "Process SpawnProcess-2:1:"),
        ("Exception in thread Thread-3 (read):", "Exception in thread Thread-3 (read):"),
        ("Process the next one", "Process the next one"),
    ],
)
def test_the_name_of_a_process_that_dies_is_a_value(line: str, said: str, redactor: Redactor) -> None:
    done = clean_lines(f"before\n{line}\nTraceback (most recent call last):\n", redactor)
    assert TOKEN.sub("<>", done) == f"before\n{said}\nTraceback (most recent call last):\n"
    assert clean_lines(done, redactor) == done, "the pump cleans it again"


def test_a_line_too_long_takes_no_other_with_it(redactor: Redactor) -> None:
    said = clean_lines("one\n" + "x" * 20_000 + "\ntwo\n", redactor)
    assert said == f"one\n{TOO_LONG}\ntwo\n"


def test_a_record_of_ours_keeps_its_form_in_a_pump(redactor: Redactor) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    line = {
        "ts": now,
        "level": "INFO",
        "message": "chart of HARROW",
        "pid": 1234567,
        "fields": {"rows": 3, "HARROW": 1},
    }
    said = json.loads(clean_lines(json.dumps(line, separators=(",", ":")) + "\n", redactor))
    assert (said["ts"], said["pid"], said["fields"]["rows"]) == (now, 1234567, 3)
    assert "HARROW" not in json.dumps(said)
    forged = clean_lines('{"ts":"HARROW 1931","HARROW":"x"}\n', redactor)
    assert "HARROW" not in forged


class _Inner:
    encoding, errors = "utf-8", "strict"

    def __init__(self) -> None:
        self.said = ""

    def write(self, text: str) -> int:
        self.said += text
        return len(text)

    def flush(self) -> None: ...


def test_a_mirror_that_replaces_write_gets_clean_lines(redactor: Redactor) -> None:
    inner, mirrored = _Inner(), []
    stream = CleanStream(inner, redactor)  # type: ignore[arg-type]
    original = stream.write

    def mirror(text: str) -> int:  # as Flower's `mirror_output_to_queue`
        count = original(text)
        mirrored.append(text)
        return count

    stream.write = mirror  # type: ignore[method-assign, assignment]
    for piece in ("chart of HAR", "ROW", "\n", "unfinished HARROW"):
        stream.write(piece)
    assert TOKEN.sub("<>", inner.said) == TOKEN.sub("<>", "".join(mirrored)) == "chart of <>\n"
    stream.finish()
    assert TOKEN.sub("<>", inner.said) == "chart of <>\nunfinished <>"


def test_everything_that_writes_goes_through(script: Script) -> None:
    code = INSTALL + (
        "import ctypes, os, subprocess, sys\n"
        "ssn = sys.stdin.read()\n"
        "print('printed SSN', ssn)\n"
        "print('errors SSN', ssn, file=sys.stderr)\n"
        "sys.stdout.buffer.write(b'buffer SSN ' + ssn.encode() + b'\\n'); sys.stdout.buffer.flush()\n"
        "os.write(1, b'raw SSN ' + ssn.encode()[:5]); os.write(1, ssn.encode()[5:] + b'\\n')\n"
        "os.system('echo shell SSN ' + ssn)\n"
        "code = 'import sys; sys.exit(sys.stdin.read())'\n"
        "subprocess.run([sys.executable, '-c', code], input='child SSN ' + ssn, text=True)\n"
        "ctypes.CDLL(None).puts(b'library SSN ' + ssn.encode()); ctypes.CDLL(None).fflush(None)\n"
        "sys.exit('exit SSN ' + ssn)\n"
    )
    done = script(code, input=SSN)
    assert done.returncode == 1
    said = TOKEN.sub("<>", done.stdout + done.stderr)
    for way in ("printed", "errors", "buffer", "raw", "shell", "child", "library", "exit"):
        assert f"{way} " in said
    assert "6789" not in said
    plain = script(code.removeprefix(INSTALL), input=SSN)
    assert (plain.stdout + plain.stderr).count("6789") == 8, "without it every one of them leaks"


def test_results_of_a_command_reach_standard_output_as_they_are(script: Script) -> None:
    done = script(INSTALL + f"import click\nclick.echo('SSN {SSN}')\nclick.echo('SSN {SSN}', err=True)\n")
    assert done.stdout == f"SSN {SSN}\n"
    assert SSN not in done.stderr


def test_what_was_written_before_a_crash_is_not_lost(script: Script) -> None:
    code = INSTALL + "import os, signal\nfor n in range(2000): os.write(1, b'line SSN 123-45-6789\\n')\n"
    done = script(code + "os.kill(os.getpid(), signal.SIGKILL)\n")
    assert done.returncode == -signal.SIGKILL
    lines = done.stdout.splitlines()
    assert len(lines) == 2000
    assert not [line for line in lines if "6789" in line]


def test_a_fault_is_told_by_places_alone(script: Script) -> None:
    done = script(INSTALL + f"secret = '{SSN}'\nimport ctypes\nctypes.string_at(0)\n")
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr
    assert "6789" not in done.stderr


def test_core_dumps_are_off(script: Script) -> None:
    done = script(INSTALL + "import resource, click\nclick.echo(resource.getrlimit(resource.RLIMIT_CORE))\n")
    assert done.stdout == "(0, 0)\n"


SPAWN = """
import logging, multiprocessing, sys
def work(text):
    from privacy.logs.install import installed
    logging.getLogger("clinfed").error("installed: %s", installed())
    print("child SSN", text)
    raise ValueError(text)
if __name__ == "__main__":
    {install}
    {sabotage}
    context = multiprocessing.get_context("{method}")
    process = context.Process(target=work, args=(sys.stdin.read(),), name="SSN 123-45-6789")
    process.start(); process.join()
    sys.exit(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_a_started_process_installs_first(method: str, script: Script) -> None:
    code = SPAWN.format(install=INSTALL.replace("\n", "; ").rstrip("; "), sabotage="pass", method=method)
    done = script(code, input=SSN)
    assert "6789" not in done.stdout + done.stderr
    assert '"message":"installed: True"' in done.stderr
    assert done.returncode == 1
    plain = script(SPAWN.format(install="pass", sabotage="pass", method=method), input=SSN)
    assert "6789" in plain.stdout
    assert "6789" in plain.stderr


def test_a_process_that_cannot_install_does_not_start(script: Script) -> None:
    install = INSTALL.replace("\n", "; ").rstrip("; ")
    sabotage = "import privacy.logs.install; privacy.logs.install._installed.level = 'nonsense'"
    done = script(SPAWN.format(install=install, sabotage=sabotage, method="spawn"), input=SSN)
    assert done.returncode == 70
    assert "the log layer could not be installed" in done.stderr
    assert "child" not in done.stdout


def test_a_pump_that_dies_lets_nothing_out(script: Script) -> None:
    code = INSTALL + (
        "import os, signal, sys, time\n"
        "from privacy.logs import install as i\n"
        "i._installed.pump._process.kill(); i._installed.pump._process.wait()\n"
        f"print('SSN {SSN}'); print('SSN {SSN}', file=sys.stderr)\n"
        "import logging; logging.getLogger('clinfed').error('goes on')\n"
    )
    done = script(code)
    assert "6789" not in done.stdout + done.stderr
    assert '"message":"goes on"' in done.stderr
    assert done.returncode == 0


def test_the_pump_does_not_mind_control_c(script: Script) -> None:
    code = INSTALL + (
        "import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & had it ignored\n"
        "os.write(1, b'before\\n')\nos.killpg(os.getpgid(0), signal.SIGINT)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "before\n"
    assert '"message":"interrupted"' in done.stderr


def test_an_embedding_program_keeps_its_output(script: Script) -> None:
    code = "import sys, logging\nbefore = sys.stdout, sys.excepthook\nlogging.basicConfig()\n"
    code += "from privacy.logs.install import install\ninstall()\n"
    code += f"assert before == (sys.stdout, sys.excepthook)\nlogging.error('chart of %s', '{SSN}')\nprint('{SSN}')\n"
    done = script(code)
    assert done.stdout == f"{SSN}\n", "printing is the embedding program's affair"
    assert TOKEN.sub("<>", done.stderr) == "ERROR:root:chart of <>\n"


@pytest.mark.parametrize("program", ["clinfed", "flwr-clientapp", "flwr-serverapp", "flower-supernode"])
def test_processes_of_ours_and_flowers_are_ours_as_a_whole(program: str, script: Script) -> None:
    done: Any = script(f"import privacy.logs.first\nprint('SSN {SSN}')\n", file=program)
    assert "6789" not in done.stdout
    assert "SSN" in done.stdout


def test_a_closed_standard_error_is_no_way_out() -> None:
    code = INSTALL + f"import sys; print('SSN {SSN}', file=sys.stderr); print('fine')\n"
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ},
        check=False,
    )
    assert "6789" not in done.stdout + done.stderr
    assert done.stdout == "fine\n"
