"""A record is clean in every field, and stays so."""

import copy
import logging
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from privacy.logs.records import Records
from privacy.logs.redactor import FAILED, Redactor
from privacy.logs.tokens import TOKEN, Tokens

LOUD, NUMBER = "HARROWGATE", 12345678


def make(
    msg: Any = "chart of %s", args: Any = (LOUD,), exc_info: Any = None, **fields: Any
) -> logging.LogRecord:
    """A record before it is clean, as the standard library makes it."""
    made = logging.LogRecord.__new__(logging.LogRecord)
    vars(made).update(
        vars(logging.LogRecord("clinfed.client", logging.WARNING, __file__, 1, msg, args, exc_info, "f"))
    )
    vars(made).update(fields)
    return made


def _error() -> tuple[Any, Any, Any]:
    try:
        raise ValueError(LOUD, NUMBER)
    except ValueError:
        return sys.exc_info()


DIRTY: list[tuple[str, Callable[[], logging.LogRecord]]] = [
    ("argument", make),
    ("argument by name", lambda: make("%(a)s", ({"a": LOUD},))),
    ("text", lambda: make(f"chart of {LOUD}", ())),
    ("object", lambda: make([LOUD, NUMBER], ())),
    ("exception as message", lambda: make(KeyError(LOUD), ())),
    ("arguments that do not fit", lambda: make("%s %s %s", (LOUD,))),
    ("traceback", lambda: make("failed", (), _error())),
    ("exception alone", lambda: make("failed", (), ValueError(LOUD))),
    ("text of a traceback", lambda: make("failed", (), exc_text=f"ValueError: {LOUD}")),
    ("stack", lambda: make("x", (), stack_info=f'Stack:\n  File "a.py", line 3, in f\n    g("{LOUD}")')),
    ("field", lambda: make(patient=LOUD, mrn=NUMBER)),
    ("nested field", lambda: make(row={"a": [LOUD, {LOUD: NUMBER}]})),
    ("name of a field", lambda: make(**{LOUD: 1})),
    ("logger", lambda: make(name=f"clinfed.{LOUD}")),
    ("level", lambda: make(levelname=LOUD)),
    ("level that is no number", lambda: make(levelno=LOUD)),
    ("thread", lambda: make(threadName=f"Thread-1 ({LOUD})")),
    ("another thread", lambda: make(threadName=LOUD)),
    ("process", lambda: make(processName=LOUD)),
    ("path", lambda: make(pathname=f"/charts/{LOUD}.py", filename=LOUD, module=LOUD)),
    ("function", lambda: make(funcName=LOUD)),
    ("message", lambda: make(message=LOUD, asctime=LOUD)),
    ("created", lambda: make(created=LOUD, process=LOUD)),
    ("fields that are missing", lambda: _without("name", "args", "threadName", "levelno")),
]


def _without(*names: str) -> logging.LogRecord:
    record = make()
    for name in names:
        del vars(record)[name]
    return record


@pytest.mark.parametrize(("place", "dirty"), DIRTY, ids=[row[0] for row in DIRTY])
def test_every_field_is_made_clean(
    place: str, dirty: Callable[[], logging.LogRecord], records: Records
) -> None:
    record = dirty()
    assert LOUD in str(vars(record)) or "missing" in place or "exc" in str(vars(record))
    records.ensure(record)
    assert records.sealed(record)
    said = TOKEN.sub("", str(vars(record)) + pickle.dumps(vars(record)).decode("latin-1"))
    assert LOUD not in said
    assert str(NUMBER) not in said
    assert record.args is None
    assert record.exc_info is None


def test_what_is_harmless_stays(records: Records) -> None:
    record = make("round %d of %d took %.1f s", (3, 8, 1.25), rows=7, seconds=0.5, phase="train")
    records.ensure(record)
    assert record.getMessage() == "round 3 of 8 took 1.2 s"
    assert (record.rows, record.seconds, record.phase) == (7, 0.5, "train")  # type: ignore[attr-defined]
    assert (record.name, record.levelname, record.threadName) == ("clinfed.client", "WARNING", "MainThread")


CHANGES: list[tuple[str, Callable[[logging.LogRecord], Any]]] = [
    ("message", lambda record: setattr(record, "msg", f"chart of {LOUD}")),
    ("arguments", lambda record: vars(record).update(msg="chart of %s", args=(LOUD,))),
    ("field", lambda record: setattr(record, "patient", LOUD)),
    ("exception", lambda record: setattr(record, "exc_info", _error())),
    ("text of an exception", lambda record: setattr(record, "exc_text", LOUD)),
    ("logger", lambda record: setattr(record, "name", LOUD)),
    ("finished message", lambda record: setattr(record, "message", LOUD)),
    ("time", lambda record: setattr(record, "asctime", LOUD)),
    ("time that is a number", lambda record: setattr(record, "asctime", "123-45-6789")),
    ("field taken away", lambda record: vars(record).pop("args")),
]


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_change_breaks_the_seal_and_is_made_clean(what: str, change: Any, records: Records) -> None:
    record = make("chart", ())
    records.ensure(record)
    change(record)
    records.ensure(record)
    assert records.sealed(record)
    assert LOUD not in TOKEN.sub("", str(vars(record)))
    assert "6789" not in str(vars(record))


def test_what_formatters_add_does_not_break_the_seal(records: Records) -> None:
    record = make("chart", ())
    records.ensure(record)
    logging.Formatter("%(asctime)s %(message)s").format(record)
    assert records.sealed(record)
    assert vars(record)["asctime"]


@pytest.mark.parametrize("twin", [copy.copy, lambda record: pickle.loads(pickle.dumps(record))])  # noqa: S301
def test_a_copy_has_no_seal_and_is_as_clean(twin: Any, records: Records) -> None:
    record = make()
    records.ensure(record)
    other = twin(record)
    assert not records.sealed(other)
    records.ensure(other)
    assert other.getMessage() == record.getMessage()


def test_no_field_can_stand_for_the_seal(records: Records) -> None:
    first = make("chart", ())
    records.ensure(first)
    forged = make()
    vars(forged).update({key: value for key, value in vars(first).items() if key not in ("msg", "args")})
    assert not records.sealed(forged)


def test_a_record_that_cannot_be_made_clean_is_withheld(tokens: Tokens) -> None:
    class Failing(Records):
        def message(self, *_: Any) -> str:
            raise RuntimeError

    record = make()
    failing = Failing(Redactor(tokens))
    failing.ensure(record)
    assert record.msg == FAILED
    assert LOUD not in str(vars(record))


def test_values_of_an_f_string_are_denied(records: Records) -> None:
    name = "zebrafinch".title()  # a name that no finder knows
    code = (lambda: f"cannot read the chart of {name}, {NUMBER} notes").__code__
    text = f"cannot read the chart of {name}, {NUMBER} notes"
    said = records.message(text, (), code)
    assert TOKEN.sub("<>", said) == f"cannot read the chart of <>, {NUMBER} notes" or "<>" in TOKEN.sub(
        "<>", said
    )
    assert name not in said
    assert records.message(text, (), None) != said, "without the code only the finder stands before it"


def test_lines_of_one_template_are_scanned_once_and_its_own_numbers_always(records: Records) -> None:
    def spelt(count: int) -> str:
        return records.message("%d notes on 12/04/1931", (count,), spelt.__code__)

    finder: Any = records.redactor._finder
    calls: list[str] = []
    find = finder.find
    finder.find = lambda text: [calls.append(text), find(text)][1]
    assert [spelt(count) for count in (3, 4, 5)] == [f"{count} notes on 12/04/1931" for count in (3, 4, 5)]
    assert calls == ["7 notes on 12/04/1931"]
