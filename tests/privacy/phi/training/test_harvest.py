"""What is harvested from installed packages: messages with their values left out, sentences that name nobody."""

import sys
from pathlib import Path

import pytest

from privacy.phi.training.harvest import HELD_OUT, TRAINED_ON, messages, prose

SOURCE = '''
"""Reads the files of a project and counts what stands in them."""
import logging
log = logging.getLogger(__name__)

def read(path, count):
    """Reads one file with the method of Brannigan and Whitfield."""
    log.info("read %s with %d lines", path, count)
    log.warning(f"skipped {count} lines of {path}")
    log.error("short")
    log.debug("{} of {} were kept".format(count, path))
    log.warning("asked Margaret for the file")
    log.info("write to someone@example.org")
    print("printed words are no message")
    raise ValueError("the file %s is empty" % path) if not count else OSError("cannot be read at all")

def fail():
    raise RuntimeError("nothing was found in there")
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "harvested_sample"
    (folder / "tests").mkdir(parents=True)
    (folder / "__init__.py").write_text(SOURCE)
    (folder / "tests" / "test_read.py").write_text('raise RuntimeError("a test says this and no program")\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "harvested_sample", raising=False)
    return "harvested_sample"


def test_messages_are_those_of_logging_calls_and_exceptions(package: str) -> None:
    assert messages((package,)) == (
        "nothing was found in there",
        "read %s with %d lines",
        "skipped {} lines of {}",
        "{} of {} were kept",
    )


def test_prose_is_first_sentences_that_name_nobody(package: str) -> None:
    assert prose((package,)) == ("Reads the files of a project and counts what stands in them.",)


def test_a_package_that_is_absent_is_left_out() -> None:
    assert messages(("no_such_package",)) == prose(("no_such_package/below",)) == ()


def test_nothing_is_trained_on_and_tested_with() -> None:
    assert not {name.partition("/")[0] for name in TRAINED_ON} & set(HELD_OUT)
