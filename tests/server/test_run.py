"""A whole run: who may take part, what the folder may hold, and that no message holds anything of a note."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import message_to_proto

from server.grid import LocalGrid
from server.run import open_run
from shared.errors import AskHospitals, ChooseOutput, FixFederation
from shared.sources import NoteSource
from shared.wire import error_content


def _raises(message: Message, context: Context, honest: Callable[[], Message]) -> Message:
    raise RuntimeError("Mr Zebrafinch")


def test_two_nodes_with_one_name(town: Any, federate: Any, client_app: ClientApp, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b"))
    source = settings.hospitals[0].model_dump_json(exclude_none=True)
    grid = LocalGrid(client_app, {"a": {"source": source}, "b": {"source": source}})
    with pytest.raises(FixFederation, match="two nodes have this name"):
        federate(settings, tmp_path / "run", grid=grid)


def test_a_hospital_with_none_of_the_labels(town: Any, federate: Any, tmp_path: Path) -> None:
    odd = town.hospital("odd", label="Medication")
    with pytest.raises(FixFederation, match="odd: its notes have none of the labels Disease") as refusal:
        federate(town.settings((*town.hospitals("a"), odd)), tmp_path / "run")
    assert "rename" in str(refusal.value)


def test_labels_may_be_renamed(town: Any, federate: Any, tmp_path: Path) -> None:
    odd = town.hospital("odd", label="Illness").model_copy(update={"rename": "Illness=Disease"})
    state = federate(town.settings((*town.hospitals("a"), odd), rounds=1), tmp_path / "run")
    assert state.rounds[0].answered == ["a", "odd"]
    assert state.rounds[0].held_out_by_hospital["odd"].strict["Disease"].gold > 0


@pytest.mark.parametrize(
    "fault",
    [
        _raises,
        lambda message, context, honest: Message(RecordDict(), reply_to=message),
        lambda message, context, honest: Message(error_content("fix-notes"), reply_to=message),
        lambda message, context, honest: Message(
            RecordDict({"answer": ConfigRecord({"status": "ok", "hello": "{}"})}), reply_to=message
        ),
    ],
)
def test_who_does_not_greet_takes_no_part(
    fault: Any, town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    app = faulty({("b", "query.hello"): fault})
    settings = town.settings(town.hospitals("a", "b"), rounds=1)
    state = federate(settings, tmp_path / "run", app=app)
    assert list(state.hospitals) == ["a"]
    assert state.rounds[0].missing == {"b": "absent"}
    both = settings.model_copy(update={"min_hospitals": 2})
    with pytest.raises(AskHospitals, match=r"1 hospitals are there, 2 are needed; .*: node 3 \(") as refusal:
        federate(both, tmp_path / "both", app=app)
    assert "Zebrafinch" not in str(refusal.value)


def test_who_greets_late_is_counted_in_from_then_on(
    town: Any, federate: Any, faulty: Any, tmp_path: Path
) -> None:
    """Absent at the first start, there at the second: trains from there, and its site is in the results."""
    settings = town.settings(town.hospitals("a", "b"), rounds=2)

    def first_round_only(message: Message, context: Context, honest: Callable[[], Message]) -> Message:
        if message.metadata.group_id == "2":
            raise RuntimeError
        return honest()

    faults = {("b", "query.hello"): _raises, ("a", "train.update"): first_round_only}
    with pytest.raises(AskHospitals):
        federate(settings, tmp_path / "run", app=faulty(faults))
    state = federate(settings, tmp_path / "run")
    assert [done.answered for done in state.rounds] == [["a"], ["a", "b"]]
    assert sorted(state.hospitals) == ["a", "b"]


class _Wire:
    """Every message of a run as the bytes it is on the wire."""

    def __init__(self, app: ClientApp) -> None:
        self.messages: list[bytes] = []
        self.app = ClientApp()
        for register in (self.app.query("hello"), self.app.train("update"), self.app.evaluate("update")):
            register(self._record(app))

    def _record(self, app: ClientApp) -> Callable[[Message, Context], Message]:
        def answer(message: Message, context: Context) -> Message:
            reply = app(message, context)
            self.messages += [message_to_proto(each).SerializeToString() for each in (message, reply)]
            return reply

        return answer

    def holds(self, texts: Iterator[str]) -> list[str]:
        return [text for text in texts if any(text.encode() in message for message in self.messages)]


def _secrets(town: Any, hospitals: tuple[NoteSource, ...]) -> Iterator[str]:
    """Canaries, and every longer word, id and sentence of the hospitals' notes."""
    yield from town.canaries
    for source in hospitals:
        for line in Path(str(source.notes)).read_text().splitlines():
            note = json.loads(line)
            yield from (note["doc_id"], note["patient_id"], *note["text"].split(". "))
    yield from town.diseases


def test_no_message_holds_anything_of_a_note(
    town: Any, federate: Any, client_app: ClientApp, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hospitals = town.hospitals("a", "b", "c")
    wire = _Wire(client_app)
    federate(town.settings(hospitals), tmp_path / "run", app=wire.app)
    assert len(wire.messages) == 2 * 3 * (
        1 + 2 + 2
    )  # both ways, three hospitals: greeting, two rounds of two
    assert wire.holds(_secrets(town, hospitals)) == []
    written = b"".join(file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file())
    for canary in town.canaries:
        assert canary.encode() not in written
        assert canary not in caplog.text


@pytest.mark.parametrize("place", ["train", "read_examples", "get_weights"])
def test_nor_when_the_agent_fails_with_a_note_in_its_hands(
    place: str,
    town: Any,
    federate: Any,
    client_app: ClientApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    hospitals = town.hospitals("a", "b")
    note = json.loads(Path(str(hospitals[0].notes)).read_text().splitlines()[0])

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError(f"cannot read {note['text']!r} of {note['patient_id']} ({note['doc_id']})")

    monkeypatch.setattr(f"client.agent.{place}", fail)
    wire = _Wire(client_app)
    with pytest.raises(AskHospitals) as refusal:
        federate(town.settings(hospitals), tmp_path / "run", app=wire.app)
    assert str(refusal.value).count("(internal-error)") == 2
    assert wire.holds(_secrets(town, hospitals)) == []
    said = caplog.text + str(refusal.value) + "".join(capfd.readouterr())
    assert [text for text in _secrets(town, hospitals) if text in said] == []


def test_the_search_finds_a_leak(town: Any, federate: Any, faulty: Any, tmp_path: Path) -> None:
    """A hospital that does send its text is seen, so the two tests above can fail."""
    hospitals = town.hospitals("a", "b")
    text = json.loads(Path(str(hospitals[0].notes)).read_text().splitlines()[0])["text"]

    def leak(message: Message, context: Context, honest: Callable[[], Message]) -> Message:
        return Message(error_content(text), reply_to=message)

    wire = _Wire(faulty({("a", "train.update"): leak}))
    federate(town.settings(hospitals, rounds=1), tmp_path / "run", app=wire.app)
    assert wire.holds(_secrets(town, hospitals))


def test_a_new_folder_is_made_and_the_same_run_recognized(town: Any, tmp_path: Path) -> None:
    settings, folder = town.settings(town.hospitals("a", "b")), tmp_path / "deep/er/run"
    open_run(folder, settings)
    content = (folder / "run.json").read_bytes()
    open_run(folder, settings)
    assert (folder / "run.json").read_bytes() == content
    (tmp_path / "empty").mkdir()
    open_run(tmp_path / "empty", settings)


def test_a_start_that_was_killed_at_its_first_file_goes_on(town: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".run.json.part").write_text('{"hospi')
    open_run(folder, town.settings(town.hospitals("a", "b")))
    assert [file.name for file in folder.iterdir()] == ["run.json"]


def test_a_folder_that_holds_something_else_is_left_alone(town: Any, tmp_path: Path) -> None:
    settings = town.settings(town.hospitals("a", "b"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{")
    open_run(tmp_path / "other", settings.model_copy(update={"seed": 2}))
    open_run(tmp_path / "done", settings)
    (tmp_path / "done/metrics.json").write_text("{}")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for name in ("file", "full", "broken", "other", "done", "file/below"):
        with pytest.raises(ChooseOutput) as refusal:
            open_run(tmp_path / name, settings)
        assert name in refusal.value.where
        assert refusal.value.remedy
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
