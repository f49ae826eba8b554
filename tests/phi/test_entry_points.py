"""Every entry point, with patients planted in notes, names of files, broken data and exceptions: none comes out.

What is looked at: standard output and error, every file a run leaves, every message between the apps. `run.json`
holds what the user said, paths included, and stays on the disk where the paths are.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.common.serde import message_to_proto

from client.drill.canaries import Canary, make_canaries
from client.drill.search import Search
from shared.models.folder import save_model
from shared.models.vectors import bundled_vectors

ROOT = Path(__file__).resolve().parents[2]
CANARIES = make_canaries(6, 41, "seen on the ward with since monday known well controlled report reports")
NETWORK = """
import os, socket
def forbidden(*args, **options):
    with open(os.environ["NETWORK_USED"], "a") as log:
        log.write("used\\n")
    raise RuntimeError("the network is forbidden")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = forbidden
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = forbidden
"""
MAIN = "import sys; from privacy.entry import main; sys.argv[0] = 'clinfed'; main()"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs `clinfed`, or any program, with the network forbidden in it and all its children."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NETWORK)
    used = tmp_path / "network-used"
    path = f"{tmp_path / 'site'}:{ROOT}"
    env = {**os.environ, "PYTHONPATH": path, "NETWORK_USED": str(used), "OMP_NUM_THREADS": "1"}

    def start(*words: str, code: str = MAIN, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=280, check=False, **options
        )
        assert not used.exists(), "something wanted the network"
        return done

    return start


@pytest.fixture
def planted(town: Any) -> Any:
    """A town whose notes, ids and names of files are full of canaries."""
    sources = []
    for name, canary in zip(("a", "b", "c"), CANARIES, strict=False):
        records = town.notes(name, patients=6)
        for number, record in enumerate(records):
            record["text"] += f" {canary.sentence}."
            record["doc_id"] = f"{canary.family}-{canary.mrn}-{number}"
            record["patient_id"] = f"{canary.name} {canary.ssn} {number // 2}"
        source = town.hospital(name)
        path = town.write(f"{canary.family}_{canary.mrn}_{name}", records)
        sources.append(source.model_copy(update={"notes": str(path)}))
    return tuple(sources)


def leaks(text: str | bytes, vocabulary: str = "") -> list[str]:
    """Parts of patients in an output."""
    content = text.encode() if isinstance(text, str) else text
    return [
        f"{hit}: {around}"
        for hit, around in Search(CANARIES, vocabulary).find(content).items()
        if _counts(hit)
    ]


def _counts(hit: Any) -> bool:
    """Whole parts; four letters, and four digits in megabytes of weights, come about by chance."""
    return hit.disguise != "piece" and len(hit.part) > 4


PRIVATE = ("--trust", "secagg", "--epsilon", "8", "--delta", "1e-5", "--sample-rate", "0.5")


@pytest.mark.parametrize(
    "how", [("--baselines",), pytest.param(PRIVATE, marks=pytest.mark.slow)], ids=["baselines", "private"]
)
def test_a_whole_run(how: tuple[str, ...], town: Any, planted: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        *("aggregator", "simulate", "--federation", str(town.toml(planted)), "--base", str(town.base())),
        *("--model", "birnn", "--rounds", "1", *how, "--json", "--out", str(out)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["federated"], "results reach standard output whole"
    assert not leaks(done.stdout + done.stderr)
    assert look_through(out) > 5
    if how == PRIVATE:
        ledgers = list(out.rglob("*.sqlite"))
        assert ledgers
        shown = run("node", "budget", "--ledger", str(ledgers[0]))
        assert shown.returncode == 0
        assert not leaks(shown.stdout + shown.stderr)


def test_counts_of_word_pairs(town: Any, planted: Any, run: Any, tmp_path: Path) -> None:
    """The vocabulary is public and printed as it is; words of notes that are not in it stay inside."""
    out, words = tmp_path / "out", tmp_path / "words.txt"
    words.write_text("the\nof\nward\nseen\n")
    done = run(
        *("aggregator", "glove", "--federation", str(town.toml(planted)), "--words", str(words)),
        *("--json", "--out", str(out)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not leaks(done.stdout + done.stderr)
    assert look_through(out) > 3
    shown = run("node", "counting", str(out / "vocabulary.txt"))
    assert shown.returncode == 0
    assert not leaks(shown.stdout + shown.stderr)


@pytest.mark.slow
def test_pretraining(town: Any, planted: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        *("aggregator", "pretrain", planted[0].notes, "--leave-out", planted[1].notes, "--vectors", "none"),
        *("--model", "birnn", "--epochs", "1", "--out", str(out)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not leaks(done.stdout + done.stderr)
    assert look_through(out) > 2


@pytest.mark.slow
def test_a_demo(run: Any, tmp_path: Path) -> None:
    """A demo draws its own notes; the folder's name is all that a user brings.

    A bert's tokenizer holds public words, names among them, so this is a birnn's.
    """
    out = tmp_path / f"{CANARIES[4].family}_{CANARIES[4].mrn}"
    done = run(
        *("aggregator", "demo", "--hospitals", "3", "--patients", "4", "--rounds", "1", "--no-baselines"),
        *("--model", "birnn", "--out", str(out)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not leaks(done.stdout + done.stderr)
    assert look_through(out) > 5


def test_redaction_prints_what_it_made_of_a_note(run: Any, tmp_path: Path) -> None:
    key = tmp_path / "redact.key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    for mode in ("mask", "surrogate"):
        done = run(
            "node",
            "redact",
            "--mode",
            mode,
            "--key-file",
            str(key),
            input=f"Seen with gout. {CANARIES[5].sentence}.",
        )
        assert done.returncode == 0, done.stderr
        assert "gout" in done.stdout
        assert not leaks(done.stdout + done.stderr)


def look_through(out: Path) -> int:
    """Searches every file of a run but `run.json`, and counts them."""
    files = [file for file in out.rglob("*") if file.is_file() and file.name != "run.json"]
    for file in files:
        content = file.read_text() if file.name == "words.txt" else ""
        if content:  # the public encoder's own words, Martin among them: nothing else may stand there
            assert set(content.splitlines()) <= set(bundled_vectors()[0])
        assert content or not leaks(file.read_bytes()), file
    return len(files)


COVERED = {
    "aggregator": {"demo", "simulate", "pretrain", "glove", "plan", "results"},
    "node": {"extract", "redact", "budget", "counting", "drill"},
    "bench": {"scale", "secagg", "dp", "facts", "glove", "redaction"},
}


@pytest.mark.parametrize("role", COVERED)
def test_every_command_is_looked_at(role: str) -> None:
    """A new command needs a row here and a test on this page."""
    from click import Context

    from shared.cli import command_tree

    group = command_tree().get_command(Context(command_tree()), role)
    assert set(group.list_commands(Context(group))) == COVERED[role]  # type: ignore[union-attr]


def test_broken_notes_end_a_run_without_a_word_of_them(
    town: Any, planted: Any, run: Any, tmp_path: Path
) -> None:
    canary: Canary = CANARIES[0]
    path = Path(planted[0].notes)
    wrong = {"doc_id": canary.name, "patient_id": str(canary.mrn), "text": canary.sentence}
    wrong["entities"] = [{"start": 0, "end": 99_999, "label": canary.family}]  # type: ignore[assignment]
    base = str(town.base())
    for line in (json.dumps(wrong), canary.sentence, f'{{"text": "{canary.sentence}'):
        path.write_text(line + "\n")
        done = run(
            *("aggregator", "simulate", "--federation", str(town.toml(planted)), "--base", base),
            *("--model", "birnn", "--rounds", "1", "--out", str(tmp_path / f"out-{len(line)}")),
        )
        assert done.returncode == 1
        assert "error[" in done.stderr
        assert not leaks(done.stdout + done.stderr)


FAILING = [
    ("extract of a missing file", ["node", "extract", "--model", "{base}", "/charts/{name}.txt"]),
    ("extract of broken notes", ["node", "extract", "--model", "{base}", "--notes", "{broken}"]),
    ("extract with a missing model", ["node", "extract", "--model", "/models/{name}"]),
    ("budget of a missing ledger", ["node", "budget", "--ledger", "/ledgers/{name}.sqlite"]),
    ("counting of a missing vocabulary", ["node", "counting", "/words/{name}.txt"]),
    ("word vectors of missing words", ["aggregator", "glove", "--words", "/w/{name}", "--out", "{out}"]),
    ("drill with a missing file", ["node", "drill", "--config", "/etc/{name}.toml"]),
    (
        "federation that is missing",
        ["aggregator", "simulate", "--federation", "/f/{name}.toml", "--out", "{out}"],
    ),
    ("results of a missing run", ["aggregator", "results", "/runs/{name}", "--into", "/docs/{name}.md"]),
    ("plan with a wrong value", ["aggregator", "plan", "--patients", "{name}"]),
    ("pretraining on missing notes", ["aggregator", "pretrain", "/n/{name}.jsonl", "--out", "{out}"]),
    ("pretraining on broken notes", ["aggregator", "pretrain", "{broken}", "--out", "{out}"]),
    ("redaction of a missing file", ["node", "redact", "/charts/{name}.txt"]),
    ("redaction of broken notes", ["node", "redact", "--notes", "{broken}"]),
    (
        "redaction with a missing key",
        ["node", "redact", "--mode", "hash", "--key-file", "/k/{name}", "{broken}"],
    ),
    *(
        (f"bench {name}", ["bench", name, "--{name}"])
        for name in ("scale", "secagg", "dp", "facts", "glove", "redaction")
    ),
    ("bench with a wrong value", ["bench", "redaction", "--lines", "{name}"]),
    ("an unknown option", ["node", "extract", "--{name}"]),
    ("an unknown command", ["node", "{name}"]),
    ("a wrong value", ["aggregator", "demo", "--rounds", "{name}"]),
]


@pytest.mark.parametrize(("what", "words"), FAILING, ids=[row[0] for row in FAILING])
def test_commands_that_fail(what: str, words: list[str], town: Any, run: Any, tmp_path: Path) -> None:
    canary = CANARIES[1]
    broken = tmp_path / f"{canary.family}_{canary.mrn}.jsonl"
    broken.write_text(f'{{"text": "{canary.sentence}"\n')
    places = {
        "name": f"{canary.given}_{canary.family}_{canary.mrn}",
        "broken": str(broken),
        "out": str(tmp_path / "o"),
    }
    done = run(*(word.format(base=town.base() if "{base}" in word else "", **places) for word in words))
    assert done.returncode in (1, 2)
    assert done.stderr
    assert not leaks(done.stdout + done.stderr)


CRASH = f"""
import sys
text = sys.stdin.read()
import shared.cli, client.commands
def crash(*args):
    raise RuntimeError(text) from KeyError(text)
client.commands._read_text = crash
{MAIN}
"""


@pytest.mark.parametrize("traceback", [[], ["--traceback"]])
def test_a_defect(traceback: list[str], town: Any, run: Any) -> None:
    done = run(
        *traceback, "node", "extract", "--model", str(town.base()), code=CRASH, input=CANARIES[2].sentence
    )
    assert done.returncode in (1, 70)
    assert "RuntimeError" in done.stderr
    assert not leaks(done.stdout + done.stderr)


FLOWER = """
import sys
sys.argv[0] = "/usr/bin/flwr-{role}app"
text = sys.stdin.read()
from {role}.app import app
import logging, threading, warnings
from flwr.supercore.logger import log, mirror_output_to_queue
log(logging.ERROR, "ClientApp raised an exception: %s", text)
log(logging.ERROR, text)
print(text)
warnings.warn(text)
threading.Thread(target=lambda: 1 / len([])if not text else int(text)).start()
raise RuntimeError(text)
"""


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_process_that_flower_starts(role: str, run: Any) -> None:
    done = run(code=FLOWER.format(role=role), input=CANARIES[3].sentence)
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError") >= 1
    assert not leaks(done.stdout + done.stderr)


def test_results_are_results(town: Any, run: Any, tmp_path: Path) -> None:
    """What a command was asked for is printed as it is: a clinician's own text is not a log."""
    folder = tmp_path / "model"
    from shared.models.build import build_tagger

    save_model(folder, build_tagger(town.model()), {})
    done = run(
        "node", "extract", "--model", str(folder), input="Seen with gout by Mr Zebrafinch on 12 Apr 2023."
    )
    assert done.returncode == 0
    assert "entities" in json.loads(done.stdout)


@pytest.mark.parametrize("trust", ["plain", "secagg"])
def test_messages_between_the_apps(
    trust: str, town: Any, planted: Any, federate: Any, client_app: ClientApp
) -> None:
    sent = []
    spy = ClientApp()

    def answer(message: Message, context: Context) -> Message:
        reply = client_app(message, context)
        sent.extend(message_to_proto(one).SerializeToString() for one in (message, reply))
        return reply

    from shared.wire import PHASES

    spy.query("hello")(answer)
    for phase in PHASES:
        spy.train(phase)(answer)
        spy.evaluate(phase)(answer)
    federate(town.settings(planted, trust=trust, rounds=1), town.folder / "out", app=spy)
    assert len(sent) > 10
    for content in sent:
        assert not leaks(content)
    assert leaks(b"".join(sent) + CANARIES[0].sentence.encode()), "and would have been found"
