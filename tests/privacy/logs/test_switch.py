"""Redaction can be off in the drill's worker, which holds no notes, and nowhere else."""

import subprocess
import sys

import pytest

from privacy.logs import switch
from shared.errors import FixSettings


def test_another_program_is_refused() -> None:
    with pytest.raises(FixSettings, match="not the drill's worker"):
        switch.log_raw(20)
    assert not switch.is_off()


HEAD = """
import sys, types
main = sys.modules['__main__']
main.__spec__ = types.SimpleNamespace(name='client.drill.worker')
"""


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ("from privacy.logs.install import install; install(whole=False)", "the log layer is installed"),
        ("import shared.sources", "a module that reads notes is loaded"),
        ("sys.modules['client.app'] = main", "a module that reads notes is loaded"),
    ],
)
def test_a_process_that_may_hold_notes_is_refused(before: str, what: str) -> None:
    done = _run(HEAD + before + "\nfrom privacy.logs.switch import log_raw\nlog_raw(20)\n")
    assert f"FixSettings: redaction: {what}" in done.stderr


@pytest.mark.parametrize(
    "module", ["shared.sources", "shared.formats.jsonl", "client.app", "client.agent", "server.run"]
)
def test_afterwards_nothing_that_reads_notes_can_be_imported(module: str) -> None:
    done = _run(HEAD + f"from privacy.logs.switch import log_raw\nlog_raw(20)\nimport {module}\n")
    assert done.returncode == 1
    assert "cannot be imported where redaction is off" in done.stderr


def _run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
