"""Federated word vectors: exact counts are the pooled ones bit for bit, noised ones are charged, all overheard."""

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from numpy.typing import NDArray

from client import private as private_module
from privacy.bounded_counts import CountBound, bounded_sum
from privacy.generator import KEY
from privacy.ledger import Ledger
from privacy.release import NoiseDrawn
from privacy.secagg.identity import Roster
from server.glove import GloveSettings, factorise, write_vectors
from server.glove_cost import judge
from server.glove_count import AGAIN
from server.glove_run import GloveMetrics, make_vectors
from server.glove_settings import GloveRun, count_privacy, read_glove, write_counting
from server.provision import FOLDER, LEDGER
from server.run import open_run
from shared.cooccurrence import Counting, all_pairs, count_pairs, count_unit, frequent_pairs
from shared.digits import from_digits, to_digits
from shared.errors import AskHospitals, ChooseOutput, FixFederation, FixSettings
from shared.files import sha256
from shared.sources import NoteSource, read_source
from shared.vocabulary import Vocabulary, frequent_words, read_vocabulary
from tests.server.wiretap import Wire, check_answer, check_order, looks_random

Honest = Callable[[], Message]
GRID = 1 << 12
SMALL = {"dimensions": 6, "epochs": 4}


def public_words(town: Any, most: int = 30) -> Vocabulary:
    """Words of notes that are no hospital's."""
    return frequent_words([record["text"] for record in town.notes("public", patients=20)], most)


def counting_of(town: Any, window: int = 5, most: int = 30, pairs: int | None = None) -> Counting:
    vocabulary = public_words(town, most)
    if pairs is None:
        return Counting(vocabulary, window, all_pairs(vocabulary))
    public = [record["text"] for record in town.notes("public", patients=20)]
    return Counting(vocabulary, window, frequent_pairs(public, vocabulary, window, pairs))


def settings_of(
    hospitals: tuple[NoteSource, ...], counting: Counting, epsilon: float | None = None, **changes: Any
) -> GloveRun:
    private = None
    trust = changes.get("trust", "secagg")
    unit, cap = changes.pop("unit", "patient"), changes.pop("cap", None)
    if epsilon is not None:
        private = count_privacy(epsilon, 1e-5, unit, trust, cap, 1)
        hospitals = tuple(source.model_copy(update={"by_chance": True}) for source in hospitals)
    given: dict[str, Any] = {
        "hospitals": hospitals,
        "window": counting.window,
        "counting": counting.digest,
        "private": private,
        **SMALL,
    }
    return GloveRun.model_validate(given | changes)


def use(monkeypatch: pytest.MonkeyPatch, app: ClientApp) -> None:
    """Puts a ClientApp in place of the hospitals' own."""
    local = importlib.import_module("server.local")
    load = local._load
    monkeypatch.setattr(local, "_load", lambda name: app if name == local.CLIENT_APP else load(name))


@pytest.fixture
def make(
    client_app: ClientApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., GloveMetrics]:
    """Runs the local federation into `tmp_path/run`, with the real ClientApp or another."""

    def run(settings: GloveRun, counting: Counting, app: ClientApp | None = None) -> GloveMetrics:
        use(monkeypatch, app or client_app)
        return make_vectors(settings, tmp_path / "run", counting, "clinfed test", anyway=True)

    return run


def pooled(hospitals: tuple[NoteSource, ...], counting: Counting) -> NDArray[np.int64]:
    """The counts of all training notes in one place."""
    return count_pairs([n.text for source in hospitals for n in read_source(source).train], counting)


def digest_of(counts: NDArray[np.int64]) -> str:
    return hashlib.sha256(counts.astype("<i8").tobytes()).hexdigest()


def _vanish(message: Message, context: Context, honest: Honest) -> Message:
    raise RuntimeError("Mr Zebrafinch")


# Without noise


@pytest.mark.parametrize("names", ["abc", "abcdefg"])
@pytest.mark.parametrize(("window", "pairs"), [(1, None), (5, None), (10, 60)])
def test_exact_counts_are_the_pooled_ones_bit_for_bit(
    names: str, window: int, pairs: int | None, town: Any, make: Any, tmp_path: Path
) -> None:
    hospitals = town.hospitals(*names)
    counting = counting_of(town, window, pairs=pairs)
    metrics = make(settings_of(hospitals, counting), counting)
    counts = pooled(hospitals, counting)
    assert counts.sum() > 0
    assert metrics.counting["counts_sha256"] == digest_of(counts)
    assert (metrics.answered, metrics.missing, metrics.verdict) == (list(names), {}, None)

    write_vectors(
        tmp_path / "pooled.bin", factorise(counting, counts / counting.steps, GloveSettings(**SMALL))
    )
    assert (tmp_path / "run/vectors.bin").read_bytes() == (tmp_path / "pooled.bin").read_bytes()
    assert metrics.vectors["sha256"] == sha256(tmp_path / "run/vectors.bin")
    assert read_vocabulary(tmp_path / "run/vocabulary.txt") == counting.vocabulary
    written = json.loads((tmp_path / "run/metrics.json").read_text())
    assert written["form"] == "clinfed-glove-1"
    assert {site["epsilon"] for site in written["hospitals"].values()} == {None}


@pytest.mark.parametrize(
    ("phase", "counted"), [("share", False), ("update", False), ("confirm", True), ("unmask", True)]
)
def test_a_hospital_that_leaves_is_in_the_counts_or_not_at_all(
    phase: str, counted: bool, town: Any, make: Any, faulty: Any
) -> None:
    hospitals = town.hospitals(*"abcd")
    counting = counting_of(town)
    metrics = make(settings_of(hospitals, counting), counting, faulty({("b", f"query.{phase}"): _vanish}))
    left = hospitals if counted else tuple(one for one in hospitals if one.hospital != "b")
    assert metrics.answered == [one.hospital for one in left]
    assert set(metrics.missing) == (set() if counted else {"b"})
    assert metrics.counting["counts_sha256"] == digest_of(pooled(left, counting))


def test_too_few_hospitals_give_no_counts(town: Any, make: Any, faulty: Any, tmp_path: Path) -> None:
    counting = counting_of(town)
    app = faulty({(name, "query.update"): _vanish for name in "ab"})
    with pytest.raises(AskHospitals, match="too few") as error:
        make(settings_of(town.hospitals(*"abcd"), counting), counting, app)
    assert "Zebrafinch" not in str(error.value)
    assert not (tmp_path / "run/vectors.bin").exists()
    assert not (tmp_path / "run/metrics.json").exists()


def listen(settings: GloveRun, counting: Counting, make: Any, app: ClientApp, canaries: Any) -> Wire:
    """Runs a federation and asserts of every message that it holds only what it may; the messages."""
    wire = Wire(app)
    make(settings, counting, wire.app)
    parties = len(settings.hospitals)
    private = settings.private
    seeds = 0
    if private is not None and private.order.noise == "exact":
        seeds = KEY * (parties - (settings.threshold or parties))
    vectors = 0
    for _, kind, content in wire.answers:
        vectors += check_answer(kind, content, seeds=seeds, rounded=private is not None)
    for _, kind, content in wire.orders:
        check_order(kind, content)
    assert vectors == parties
    assert (
        len(wire.answers) == parties * 7
    )  # greeting, keys in two phases, shares, counts, confirmation, masks off
    said = str([content.config_records for _, _, content in wire.answers])
    assert not [canary for canary in canaries if canary in said]
    return wire


@pytest.mark.parametrize(
    ("epsilon", "trust"), [(None, "secagg"), (4.0, "secagg"), (4.0, "none")], ids=["exact", "shares", "local"]
)
def test_every_message_of_a_run(
    epsilon: float | None, trust: str, town: Any, make: Any, client_app: ClientApp
) -> None:
    counting = counting_of(town, most=60)
    settings = settings_of(town.hospitals(*"abcde"), counting, epsilon, threshold=4, trust=trust)
    wire = listen(settings, counting, make, client_app, town.canaries)
    assert {kind.partition(".")[0] for _, kind, _ in wire.orders} == {"query"}


def test_the_search_finds_counts_in_the_clear(town: Any) -> None:
    """Of the same vocabulary as above, so the test above can fail."""
    counting = counting_of(town, most=60)
    digits = to_digits(pooled(town.hospitals("a"), counting), 5)
    with pytest.raises(AssertionError):
        looks_random(digits.astype(np.uint32).tobytes())


def test_an_order_without_a_sum_gets_no_counts(town: Any, make: Any, client_app: ClientApp) -> None:
    """The aggregator that asks for one hospital's counts in the clear is refused."""
    wire = Wire(client_app)
    counting = counting_of(town)
    make(settings_of(town.hospitals(*"abc"), counting), counting, wire.app)
    order = next(content for _, kind, content in wire.orders if kind == "query.update")
    del order["sum"]
    context = _context_of("a", town)
    message = Message(order, 2, "query.update")
    answer = client_app(message, context)
    assert answer.content.config_records["answer"]["status"] == "refuse-round/unmasked"
    assert list(answer.content.keys()) == ["answer"]


def _context_of(name: str, town: Any) -> Context:
    source = town.hospital(name).model_dump_json(exclude_none=True)
    return Context(run_id=1, node_id=2, node_config={"source": source}, state=RecordDict(), run_config={})


# Approval


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Callable[[Counting], None]:
    """Has the aggregator ask for something else than what the hospitals have approved."""

    def ask(counting: Counting) -> None:
        module = importlib.import_module("server.glove_count")
        read_glove = module.read_glove
        monkeypatch.setattr(module, "read_glove", lambda folder: (read_glove(folder)[0], counting))

    return ask


def naming(town: Any) -> Counting:
    """A vocabulary that asks whether somebody writes of Mr Zebrafinch."""
    vocabulary = Vocabulary(("mr", "zebrafinch"))
    return Counting(vocabulary, 1, all_pairs(vocabulary))


def test_a_vocabulary_that_was_not_approved_is_refused(
    town: Any, make: Any, other: Any, tmp_path: Path
) -> None:
    counting = counting_of(town)
    other(naming(town))
    with pytest.raises(AskHospitals, match="refuse-round/counting"):
        make(settings_of(town.hospitals(*"abc"), counting), counting)
    assert not (tmp_path / "run/counts.safetensors").exists()
    assert not (tmp_path / "run/vectors.bin").exists()


@pytest.mark.parametrize("change", ["window", "pairs", "order of words"])
def test_approval_is_of_everything_that_is_counted(change: str, town: Any, make: Any, other: Any) -> None:
    counting = counting_of(town)
    words = Vocabulary(counting.vocabulary.words[::-1])
    other(
        {
            "window": Counting(counting.vocabulary, 6, counting.pairs),
            "pairs": Counting(counting.vocabulary, 5, counting.pairs[1:]),
            "order of words": Counting(words, 5, counting.pairs),
        }[change]
    )
    with pytest.raises(AskHospitals, match="refuse-round/counting"):
        make(settings_of(town.hospitals(*"abc"), counting), counting)


def test_without_approval_a_name_is_found(
    town: Any, make: Any, other: Any, totals: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack that approval stops: the sum tells that some hospital writes the name."""

    class Anything(frozenset[str]):
        def __contains__(self, digest: object) -> bool:
            return True

    monkeypatch.setattr("client.agent.frozenset", lambda _: Anything(), raising=False)
    counting = counting_of(town)
    other(naming(town))
    with pytest.raises(FixSettings):  # three counts are none of the vocabulary's
        make(settings_of(town.hospitals(*"abc"), counting), counting)
    assert totals[0][1] > 0  # "mr zebrafinch", the second of three pairs


# One set of hospitals


def _ask_again(folder: Path) -> None:
    """The aggregator forgets what it has; the hospitals' sites do not."""
    for name in ("counts.safetensors", "vectors.bin", "metrics.json", "run-id", "attempt"):
        (folder / name).unlink()


def test_exact_counts_are_of_one_set_of_hospitals(
    town: Any, make: Any, faulty: Any, totals: list[Any], tmp_path: Path
) -> None:
    """Or the difference of two sums is one hospital's counts."""
    hospitals = town.hospitals(*"abcd")
    counting = counting_of(town)
    settings = settings_of(hospitals, counting)
    make(settings, counting)
    _ask_again(tmp_path / "run")
    with pytest.raises(AskHospitals, match="refuse-round/another-set"):
        make(settings, counting, faulty({("b", "query.update"): _vanish}))
    assert len(totals) == 1
    make(settings, counting)  # the same set gives the same sum
    assert (totals[0] == totals[1]).all()


def _said_in_full(counting: Counting) -> Any:
    """All pairs as a list, which an honest order leaves out."""
    rows = counting.words_of(counting.pairs)
    return {name: part.astype(np.float32) for name, part in zip(("smaller", "larger"), rows, strict=True)}


def test_the_same_pairs_in_other_words_are_no_way_around(
    town: Any, make: Any, faulty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abcd"), counting)
    make(settings, counting)
    _ask_again(tmp_path / "run")
    monkeypatch.setattr("server.glove_count.pairs_as_weights", _said_in_full)
    with pytest.raises(AskHospitals, match="refuse-round/task"):
        make(settings, counting, faulty({("b", "query.update"): _vanish}))


def test_if_tasks_were_as_messages_put_them_one_hospital_is_told_apart(
    town: Any, make: Any, faulty: Any, totals: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attack that the two tests above stop."""
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abcd"), counting)
    make(settings, counting)
    _ask_again(tmp_path / "run")
    monkeypatch.setattr("server.glove_count.pairs_as_weights", _said_in_full)
    monkeypatch.setattr("client.app.pairs_as_weights", _said_in_full)
    make(settings, counting, faulty({("b", "query.update"): _vanish}))
    difference = from_digits((totals[0] - totals[1]).astype(np.int64), 4)
    assert (difference == pooled(settings.hospitals[1:2], counting)).all()
    assert difference.any()


# What the ring cannot hold


def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The aggregator proposes terms under which large digits are cut off."""
    module = importlib.import_module("server.glove_count")
    job = module._job

    def narrow(*args: Any) -> Any:
        made = job(*args)
        return made.__class__(made.kind, made.round, made.cohort, made.layout, largest=1024)

    monkeypatch.setattr(module, "_job", narrow)


def test_a_sum_that_would_cut_counts_off_is_refused(
    town: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _narrow(monkeypatch)
    counting = counting_of(town, 10)
    with pytest.raises(AskHospitals, match="refuse-round/ring"):
        make(settings_of(town.hospitals(*"abc"), counting), counting)


def test_without_that_check_counts_are_wrong(town: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _narrow(monkeypatch)
    monkeypatch.setattr("client.counts._check_ring", lambda *_: None)
    counting = counting_of(town, 10)
    hospitals = town.hospitals(*"abc")
    metrics = make(settings_of(hospitals, counting), counting)
    assert metrics.counting["counts_sha256"] != digest_of(pooled(hospitals, counting))


# With noise


def ledger(folder: Path, hospital: str) -> Ledger:
    return Ledger.existing(folder / "run" / FOLDER / hospital / LEDGER)


@pytest.mark.parametrize("trust", ["secagg", "none"])
@pytest.mark.parametrize("unit", ["patient", "note"])
def test_every_hospital_is_charged_once(unit: str, trust: str, town: Any, make: Any, tmp_path: Path) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abcd"), counting, 3.0, unit=unit, trust=trust)
    metrics = make(settings, counting)
    assert metrics.answered == list("abcd")
    assert metrics.verdict is not None
    assert not metrics.verdict.worth_it
    for name, site in metrics.hospitals.items():
        book = ledger(tmp_path, name).book()
        (entry,) = book.reservations
        assert (entry.purpose, entry.round, entry.released) == ("train.h0.25", 1, True)
        spent = book.spent()
        assert 2.5 < spent.world.value <= 3.0
        assert site.epsilon == pytest.approx(spent.world.value, abs=1e-3)
        assert site.epsilon_if_others_collude == pytest.approx(spent.others_collude.value, abs=1e-3)
        assert (site.unit, site.trust, site.delta) == (unit, trust, 1e-5)


def test_the_sum_is_that_of_all_bounded_patients(
    town: Any, make: Any, totals: list[NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Integer by integer, once the noise is silent; one component a hospital, as nobody may leave."""

    def zeros(shares: Any, size: int) -> NoiseDrawn:
        return NoiseDrawn(np.zeros(size, np.int64), tuple(bytes(32) for _ in shares.sigmas))

    monkeypatch.setattr(private_module, "draw_noise", zeros)
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0)
    metrics = make(settings, counting)
    by_patient: dict[str, list[str]] = {}
    for source in settings.hospitals:
        for note in read_source(source).train:
            by_patient.setdefault(note.patient_id, []).append(note.text)
    units = (count_unit(texts, counting) for texts in by_patient.values())
    expected = bounded_sum(units, counting.pairs.size, counting.steps, CountBound(1.0, 1.0, GRID))
    assert expected.any()
    assert (totals[0] == expected).all()
    assert metrics.counting["counts_sha256"] == digest_of(expected)


@pytest.mark.parametrize(
    ("leaves", "trust", "factor"),
    [
        ("nobody", "secagg", np.sqrt(5 / 4)),  # one colluder's noise beside what epsilon takes
        ("update", "secagg", np.sqrt(4 / 3)),
        ("nobody", "none", np.sqrt(5)),
        ("update", "none", np.sqrt(4)),
    ],
)
def test_the_noise_in_the_sum_is_what_epsilon_takes(
    leaves: str, trust: str, factor: float, town: Any, make: Any, faulty: Any, totals: list[Any]
) -> None:
    """Nobody writes these words, so the sum is noise."""
    vocabulary = Vocabulary(tuple(f"unheard{number}" for number in range(100)))
    counting = Counting(vocabulary, 5, all_pairs(vocabulary))
    settings = settings_of(town.hospitals(*"abcde"), counting, 3.0, threshold=4, trust=trust)
    faults = {} if leaves == "nobody" else {("b", f"query.{leaves}"): _vanish}
    metrics = make(settings, counting, faulty(faults))
    assert set(metrics.missing) == (set() if leaves == "nobody" else {"b"})
    assert settings.private is not None
    multiplier = settings.private.order.noise_multiplier
    spread = 6 / np.sqrt(2 * counting.pairs.size)
    assert float(totals[0].std()) / GRID == pytest.approx(multiplier * factor, rel=spread)


def test_the_verdict_knows_the_noise_of_the_sum(town: Any) -> None:
    counting = counting_of(town)
    signals = []
    for trust, factor in (("secagg", np.sqrt(5 / 4)), ("none", np.sqrt(5))):
        settings = settings_of(town.hospitals(*"abcde"), counting, 3.0, threshold=4, trust=trust)
        assert settings.private is not None
        verdict = judge(settings, settings.private, counting, 500, anyway=True)
        signals.append(verdict.signal_to_noise * factor)
        plain = 500 / (verdict.noise_multiplier * np.sqrt(counting.pairs.size))
        assert verdict.signal_to_noise == pytest.approx(plain / factor, rel=1e-6)
    assert signals[0] == pytest.approx(signals[1], rel=1e-6)


def test_what_is_not_worth_it_is_not_spent(
    town: Any,
    client_app: ClientApp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wire = Wire(client_app)
    use(monkeypatch, wire.app)
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0)
    with pytest.raises(FixSettings, match="--anyway"):
        make_vectors(settings, tmp_path / "run", counting, "clinfed test")
    assert {kind for _, kind, _ in wire.orders} == {"query.hello"}
    assert not (tmp_path / "run/vectors.bin").exists()
    capsys.readouterr()
    metrics = make_vectors(settings, tmp_path / "run", counting, "clinfed test", anyway=True)
    assert metrics.verdict is not None
    assert metrics.verdict.note in capsys.readouterr().err
    for name in "abc":
        assert len(ledger(tmp_path, name).history()) == 1


def test_too_small_a_budget_is_refused(town: Any, make: Any, tmp_path: Path) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0, cap=2.0)
    with pytest.raises(AskHospitals, match="refuse-round/budget"):
        make(settings, counting)
    for name in "abc":
        assert ledger(tmp_path, name).history() == ()


def test_one_hospital_without_budget_is_left_out(
    town: Any, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("server.glove_run")
    provision = module.provision

    def poorer(*args: Any, **more: Any) -> Any:
        sites = provision(*args, **more)
        less = sites["c"].budget.model_copy(update={"epsilon": 1.0})
        return sites | {"c": sites["c"].model_copy(update={"budget": less})}

    monkeypatch.setattr(module, "provision", poorer)
    counting = counting_of(town)
    metrics = make(settings_of(town.hospitals(*"abcd"), counting, 3.0, threshold=3), counting)
    assert metrics.missing == {"c": "refuse-round/budget"}
    assert metrics.hospitals["c"].epsilon is None
    assert ledger(tmp_path, "c").history() == ()
    assert len(ledger(tmp_path, "a").history()) == 1


def test_exact_counts_of_hospitals_with_a_budget_are_refused(
    town: Any, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aggregator that forgets the noise learns nothing, even of an approved vocabulary."""
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0)
    module = importlib.import_module("server.glove_run")
    count_module = importlib.import_module("server.glove_count")
    provision, read_glove = module.provision, count_module.read_glove

    def approving(*args: Any, **more: Any) -> Any:
        return provision(*args, **more | {"countings": (counting.digest,)})

    def lying(folder: Path) -> Any:
        said, counting = read_glove(folder)
        return said.model_copy(update={"private": None}), counting

    monkeypatch.setattr(module, "provision", approving)
    monkeypatch.setattr(count_module, "read_glove", lying)
    with pytest.raises(AskHospitals, match="refuse-round/not-private"):
        make(settings, counting)
    for name in "abc":
        assert ledger(tmp_path, name).history() == ()


def test_a_second_attempt_is_charged_again(town: Any, make: Any, faulty: Any, tmp_path: Path) -> None:
    disturbed: set[str] = set()

    def once(message: Message, context: Context, honest: Honest) -> Message:
        name = str(context.node_config["source"])
        if name in disturbed:
            return honest()
        disturbed.add(name)
        raise RuntimeError

    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0, cap=9.0)
    metrics = make(settings, counting, faulty({(name, "query.confirm"): once for name in "abc"}))
    assert metrics.attempts == 2
    for name, site in metrics.hospitals.items():
        book = ledger(tmp_path, name).book()
        assert len(book.reservations) == 2
        assert site.epsilon == pytest.approx(book.spent().world.value, abs=1e-3)


# Stopped and started again


class Stopped(Exception):
    """In place of a kill."""


@contextmanager
def stopped_at(function: str) -> Iterator[None]:
    """No run gets beyond this function."""

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(function, stop)
        yield


@pytest.mark.parametrize("epsilon", [None, 3.0])
def test_a_run_that_was_stopped_after_its_sum_asks_no_hospital_again(
    epsilon: float | None, town: Any, client_app: ClientApp, make: Any, tmp_path: Path
) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, epsilon)
    with stopped_at("server.glove_run.factorise"), pytest.raises(Stopped):
        make(settings, counting)
    written = (tmp_path / "run/counts.safetensors").read_bytes()
    assert not (tmp_path / "run/vectors.bin").exists()
    wire = Wire(client_app)
    metrics = make(settings, counting, wire.app)
    assert wire.orders == []
    assert (tmp_path / "run/counts.safetensors").read_bytes() == written
    assert (metrics.answered, metrics.attempts) == (list("abc"), 1)
    assert metrics.bytes["up"] > 0
    assert (metrics.verdict is None) == (epsilon is None)
    for name in "abc" if epsilon else "":
        assert len(ledger(tmp_path, name).history()) == 1
        assert metrics.hospitals[name].epsilon == pytest.approx(epsilon, abs=0.5)


def test_a_run_that_was_stopped_before_its_sum_asks_again_and_says_so(
    town: Any, make: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting, 3.0, cap=9.0)
    with stopped_at("server.glove_count.save_counted"), pytest.raises(Stopped):
        make(settings, counting)
    assert AGAIN not in capsys.readouterr().err
    assert not (tmp_path / "run/counts.safetensors").exists()
    make(settings, counting)
    assert AGAIN in capsys.readouterr().err
    for name in "abc":
        assert len(ledger(tmp_path, name).history()) == 2


@pytest.mark.parametrize("content", [b"", b"not a sum", "counts of a shape without a story"])
def test_a_sum_that_cannot_be_read_is_refused(
    content: Any, town: Any, make: Any, tmp_path: Path, client_app: ClientApp
) -> None:
    counting = counting_of(town)
    settings = settings_of(town.hospitals(*"abc"), counting)
    open_run(tmp_path / "run", settings)
    if isinstance(content, str):
        content = safetensors.numpy.save({"integers": np.zeros(3, np.int64)}, metadata={"about": "{}"})
    (tmp_path / "run/counts.safetensors").write_bytes(content)
    wire = Wire(client_app)
    with pytest.raises(ChooseOutput, match="is not a sum of counts"):
        make(settings, counting, wire.app)
    assert wire.orders == []


@pytest.mark.parametrize("name", ["vocabulary.txt", "pairs.txt"])
def test_lists_that_were_changed_are_not_counted(name: str, town: Any, tmp_path: Path) -> None:
    counting = counting_of(town, pairs=40)
    open_run(tmp_path / "run", settings_of(town.hospitals(*"abc"), counting))
    write_counting(tmp_path / "run", counting)
    assert read_glove(tmp_path / "run")[1].digest == counting.digest
    lines = (tmp_path / "run" / name).read_text().splitlines()
    if name == "vocabulary.txt":
        lines[-2:] = lines[:-3:-1]
    else:
        del lines[0]
    (tmp_path / "run" / name).write_text("\n".join(lines) + "\n")
    with pytest.raises(ChooseOutput, match="is not what the run was started with"):
        read_glove(tmp_path / "run")


def test_a_hospital_that_is_not_in_the_roster_is_refused(
    town: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("server.glove_count")
    read_roster = module.read_roster

    def without_c(path: Path) -> Any:
        roster = read_roster(path)
        return Roster(dict(zip(roster.hospitals[:2], roster.keys[:2], strict=True)))

    monkeypatch.setattr(module, "read_roster", without_c)
    counting = counting_of(town)
    with pytest.raises(FixFederation, match="is not in the roster"):
        make(settings_of(town.hospitals(*"abc"), counting), counting)


# What the vectors are for


@pytest.mark.parametrize("epsilon", [None, 8.0])
def test_birnn_trains_on_the_vectors(
    epsilon: float | None, town: Any, make: Any, federate: Any, tmp_path: Path
) -> None:
    hospitals = town.hospitals(*"abc")
    counting = counting_of(town)
    metrics = make(settings_of(hospitals, counting, epsilon), counting)
    build = importlib.import_module("shared.models.build")
    model = build.pin(town.model(vectors=str(tmp_path / "run/vectors.bin")))
    assert set(build.build_tagger(model).word_list) <= set(counting.vocabulary.words)
    state = federate(town.settings(hospitals, model=model, rounds=1, trust="secagg"), tmp_path / "trained")
    (done,) = state.rounds
    assert done.answered == list("abc")
    assert done.loss is not None
    assert metrics.vectors["words"] > 10
