"""A hospital's private answers: what one unit can change in them, what they cost first, and what is refused."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from client import private as private_module
from client.agent import Agent
from client.private import Sum, declared
from client.secure import SecureSums
from privacy import block_sum as sum_module
from privacy import release as release_module
from privacy.book import Cap
from privacy.ledger import Ledger
from privacy.noise_shares import effective_multiplier
from privacy.quantise import quantise
from privacy.release import NoiseDrawn, sigma_for
from privacy.site import SiteSettings
from server.provision import provision
from shared.errors import FixSettings
from shared.models.build import build_tagger
from shared.models.tagger import Weights, get_weights
from shared.note import Note
from shared.refusal import Reason, RefuseRound
from shared.sources import NoteSource, read_source
from shared.units import Unit
from shared.wire import Order
from tests.shared.conftest import bert_settings, tiny_encoder

__all__ = ["bert_settings", "tiny_encoder"]  # fixtures

agent_module = importlib.import_module("client.agent")
examples_module = importlib.import_module("shared.examples")

GRID = 1 << 16
SECURE = Sum("r1", hospitals=3, threshold=3, colluders=1)
UNITS: tuple[Unit, ...] = ("patient", "note", "sentence")
Records = list[dict[str, Any]]
Make = Callable[..., Agent]


@pytest.fixture(autouse=True)
def _no_network_of_another_test() -> None:
    agent_module._network.cache_clear()


@pytest.fixture
def sites(tmp_path: Path, town: Any) -> Callable[..., SiteSettings]:
    """The site of hospital `a` of three."""

    def make(**budget: Any) -> SiteSettings:
        asked: dict[str, Any] = {"unit": "patient", "epsilon": 1e3, "delta": 1e-5} | budget
        least = asked.pop("least_noise", 0.3)
        folder = tmp_path / "sites" / str(asked["unit"])
        site = provision(folder, ["a", "b", "c"], town.policy(), Cap(**asked))["a"]
        assert site.budget is not None
        return site.model_copy(update={"budget": site.budget.model_copy(update={"least_noise": least})})

    return make


@pytest.fixture
def agent(town: Any, sites: Callable[..., SiteSettings]) -> Make:
    """The agent of hospital `a`, with notes of its own and the keywords' budget."""

    def make(records: Records | None = None, **budget: Any) -> Agent:
        path = town.write("a", town.notes("a") if records is None else records)
        source = NoteSource(hospital="a", notes=str(path), held_out=0.25, by_chance=True)
        site = sites(**budget)
        return Agent(source, SecureSums("a", site), site.budget)

    return make


def order_of(town: Any, number: int = 1, model: Any = None, **changes: Any) -> Order:
    """An order that wants every unit, unless the keywords say otherwise."""
    settings = town.private(town.hospitals("elsewhere"), **{"sample_rate": 1.0} | changes)
    return Order(
        round=number,
        rounds=4,
        seed=11,
        model=model or settings.model,
        recipe=settings.recipe,
        private=settings.private.order,
    )


def weights_of(order: Order) -> Weights:
    torch.manual_seed(5)
    return get_weights(build_tagger(order.model))


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces noise by zeros."""

    def zeros(shares: Any, size: int) -> NoiseDrawn:
        return NoiseDrawn(np.zeros(size, np.int64), tuple(bytes(32) for _ in shares.sigmas))

    monkeypatch.setattr(private_module, "draw_noise", zeros)


def ledger_of(agent: Agent) -> Ledger:
    assert agent.private is not None
    return agent.private._ledger


# Adjacency: what one unit more or less can change


def patient_on(side: str, number: int = 0) -> str:
    """The id of a patient who is trained on, or held out, by chance at a quarter."""
    found = []
    for candidate in range(100):
        note = Note(note_id="n", patient_id=f"pelican-new-{candidate}", text="x", entities=())
        split = agent_module.read_source.__globals__["_by_patient"](
            iter([note]), NoteSource(hospital="a", held_out=0.25, by_chance=True)
        )
        if bool(split.held_out) == (side == "held out"):
            found.append(note.patient_id)
    return found[number]


def said(doc_id: str, patient_id: str, sentences: int, start: int = 0) -> dict[str, Any]:
    """A record of so many sentences, each with its entity."""
    text, entities = "", []
    for number in range(start, start + sentences):
        disease = ("asthma", "gout", "sepsis", "migraine")[number % 4]
        before = f"Day {number} began with "
        at = len(text) + len(before)
        entities.append({"start": at, "end": at + len(disease), "label": "Disease"})
        text += f"{before}{disease} on the ward. "
    return {"doc_id": doc_id, "patient_id": patient_id, "text": text.strip(), "entities": entities}


def neighbours(unit: Unit, side: str, place: str) -> tuple[Records, Records]:
    """Two hospitals' records, the second with one unit more, at the beginning or the end."""
    train = [said(f"docudoc-t{n}", patient_on("trained on", n % 3), 1 + 2 * n, 10 * n) for n in range(5)]
    held = [said(f"docudoc-h{n}", patient_on("held out", n % 2), 1 + n, 10 * n) for n in range(4)]
    own, base = (train, train + held) if side == "trained on" else (held, train + held)
    if unit == "patient":
        more = [said(f"docudoc-new{n}", patient_on(side, 4), 3 + n, 300 + 10 * n) for n in range(2)]
    elif unit == "note":
        more = [said("docudoc-new", own[0]["patient_id"], 4, 200)]
    else:
        name, patient = own[-1]["doc_id"], own[-1]["patient_id"]
        shorter, longer = (said(name, patient, sentences, 100) for sentences in (9, 10))
        rest = [record for record in base if record is not own[-1]]
        return (
            ([shorter, *rest], [longer, *rest]) if place == "first" else ([*rest, shorter], [*rest, longer])
        )
    return base, [*more, *base] if place == "first" else [*base, *more]


def gradients(
    make: Make, town: Any, unit: Unit, records: Records, model: Any = None, *, alone: bool = False
) -> NDArray[np.int64]:
    order = order_of(town, unit=unit, model=model, alone=alone)
    return make(records, unit=unit).private_update(order, weights_of(order), SECURE).vector


def moved(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """The square of the L2 distance, exactly."""
    return sum(int(step) ** 2 for step in (one - other).tolist())


CASES = [(unit, place) for unit in UNITS for place in ("first", "last")]


@pytest.mark.parametrize(("unit", "place"), CASES)
def test_a_unit_more_moves_the_sum_of_gradients_by_at_most_the_grid(
    unit: Unit, place: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Added and removed: the distance is the same."""
    silence(monkeypatch)
    without, with_it = neighbours(unit, "trained on", place)
    one, other = (gradients(agent, town, unit, records) for records in (without, with_it))
    assert 0 < moved(one, other) <= GRID**2


@pytest.mark.parametrize(("unit", "place"), CASES)
def test_without_clipping_a_unit_moves_it_further(
    unit: Unit, place: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    clip_nothing(monkeypatch)
    without, with_it = neighbours(unit, "trained on", place)
    one, other = (gradients(agent, town, unit, records) for records in (without, with_it))
    assert moved(one, other) > GRID**2


def clip_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither units in blocks nor units alone."""
    monkeypatch.setattr(sum_module, "clip_within", lambda norm, *_: 1e6 * norm)
    monkeypatch.setattr(release_module, "quantise", _unclipped)


def _unclipped(gradient: NDArray[np.float32], max_grad_norm: float, grid: int) -> NDArray[np.int64]:
    return np.trunc(gradient.astype(np.float64) * grid / max_grad_norm).astype(np.int64)


@pytest.mark.parametrize("unit", UNITS)
def test_nobody_elses_integers_move(
    unit: Unit, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added is the unit's own contribution, to the last integer, where units are computed alone."""
    silence(monkeypatch)
    alone: list[NDArray[np.int32]] = []

    def kept(*args: Any) -> NDArray[np.int32]:
        alone.append(quantise(*args))
        return alone[-1]

    monkeypatch.setattr(release_module, "quantise", kept)
    without, with_it = neighbours(unit, "trained on", "last")
    one = gradients(agent, town, unit, without, alone=True)
    before = {array.tobytes() for array in alone}
    alone.clear()
    other = gradients(agent, town, unit, with_it, alone=True)
    new = [array for array in alone if array.tobytes() not in before]
    assert len(new) == 1
    assert (other - one == new[0]).all()


@pytest.mark.parametrize(
    ("trained", "bf16"), [("head", False), ("head", True), ("lora", False), ("lora", True)]
)
def test_the_same_holds_for_bert(
    trained: str, bf16: bool, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch, bert_settings: Any
) -> None:
    silence(monkeypatch)
    model = bert_settings(trained=trained, bf16=bf16)
    without, with_it = neighbours("patient", "trained on", "first")
    one, other = (gradients(agent, town, "patient", records, model) for records in (without, with_it))
    assert 0 < moved(one, other) <= GRID**2


def counts(make: Make, town: Any, unit: Unit, records: Records) -> NDArray[np.int64]:
    order = order_of(town, unit=unit, count_norm=0.5)
    return make(records, unit=unit).private_evaluation(order, weights_of(order), SECURE).vector


@pytest.mark.parametrize("trained", ["head", "full"])
def test_what_is_read_of_one_patient_is_never_computed_beside_another(
    trained: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch, bert_settings: Any
) -> None:
    """Features and predictions of everyone else are the same to the last bit; all together, they need not be."""
    model = bert_settings(trained=trained, bf16=True)
    batches: list[set[int]] = []
    real = examples_module.collate

    def seen(examples: Any) -> Any:
        batches.append({hash(example.patient_id) for example in examples})
        return real(examples)

    for module in ("shared.models.bert", "shared.extractor"):
        monkeypatch.setattr(f"{module}.collate", seen)
    order, hospital = order_of(town, model=model), agent(neighbours("patient", "held out", "first")[1])
    hospital.private_evaluation(order, weights_of(order), SECURE)
    assert batches
    assert max(map(len, batches)) == 1
    batches.clear()
    Agent(town.hospital("b", patients=12)).evaluate(
        order, weights_of(order)
    )  # no budget: for speed, all together
    assert max(map(len, batches)) > 1


@pytest.mark.parametrize(("unit", "place"), CASES)
def test_a_unit_more_moves_the_counts_by_at_most_the_grid(
    unit: Unit, place: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    without, with_it = neighbours(unit, "held out", place)
    one, other = (counts(agent, town, unit, records) for records in (without, with_it))
    assert moved(one, other) <= GRID**2 * (2 if unit == "sentence" else 1)
    if unit == "sentence":
        return  # which may not touch an entity
    assert moved(one, other) > 0
    monkeypatch.setattr(release_module, "quantise", _unclipped)
    one, other = (counts(agent, town, unit, records) for records in (without, with_it))
    assert moved(one, other) > GRID**2


@pytest.mark.parametrize(("unit", "place"), CASES[:4])
def test_who_is_trained_on_does_not_touch_the_counts_and_the_other_way_round(
    unit: Unit, place: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So each of the two costs its own units only."""
    silence(monkeypatch)
    without, with_it = neighbours(unit, "trained on", place)
    assert moved(*(counts(agent, town, unit, records) for records in (without, with_it))) == 0
    without, with_it = neighbours(unit, "held out", place)
    assert moved(*(gradients(agent, town, unit, records) for records in (without, with_it))) == 0


def test_by_rank_a_patient_more_moves_another(town: Any) -> None:
    """Why such a split is refused to a budget."""
    base, kept = town.notes("a", patients=12), []
    for more in ([], *([said("docudoc-new", f"pelican-new-{number}", 1)] for number in range(20))):
        source = NoteSource(hospital="a", notes=str(town.write("a", [*base, *more])), held_out=0.25)
        kept.append({note.patient_id for note in read_source(source).held_out})
    assert any(kept[0] - others for others in kept)  # one who was held out is trained on
    with pytest.raises(FixSettings, match="by rank"):
        Agent(source, object(), _budget(town))  # type: ignore[arg-type]


def _budget(town: Any) -> Any:
    from privacy.site import Budget

    return Budget(ledger=str(town.folder / "ledger"), unit="patient", epsilon=1.0, delta=1e-5)


def test_a_budget_without_secure_sums_is_refused(town: Any) -> None:
    source = town.hospital("a").model_copy(update={"by_chance": True})
    with pytest.raises(FixSettings, match="needs secure sums"):
        Agent(source, None, _budget(town))


def test_a_unit_with_many_examples_brings_no_more_than_its_share(
    town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty notes of one patient, of which a few sentences are drawn, and the norm is still bounded."""
    silence(monkeypatch)
    one = [said(f"docudoc-{n}", patient_on("trained on"), 2, n) for n in range(30)]
    seen: list[int] = []

    def counted(tagger: Any, examples: Any, *more: Any) -> Any:
        seen.append(len(examples))
        return sum_module.block_sum(tagger, examples, *more)

    monkeypatch.setattr(release_module, "block_sum", counted)
    order = order_of(town, max_examples=7)
    hospital = agent(one)
    vectors = [hospital.private_update(order, weights_of(order), SECURE).vector for _ in range(2)]
    assert seen == [7, 7]
    assert 0 < moved(vectors[0], np.zeros_like(vectors[0])) <= GRID**2
    assert (vectors[0] != vectors[1]).any()  # others were drawn


# Four named checks, each of which fails once what it checks is turned off


def check_clipping(make: Make, town: Any) -> None:
    """A hospital's only patient, whose gradient is far longer than C."""
    records = [said("docudoc-0", patient_on("trained on"), 6)]
    order = order_of(town, max_grad_norm=1e-3)
    vector = make(records).private_update(order, weights_of(order), SECURE).vector
    assert moved(vector, np.zeros_like(vector)) <= GRID**2


def test_clipping(town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch)
    check_clipping(agent, town)
    clip_nothing(monkeypatch)
    with pytest.raises(AssertionError):
        check_clipping(agent, town)


def check_noise(make: Make, town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Released less the true sum has the standard deviation of this hospital's share, on both sides of zero."""
    order = order_of(town)
    hospital, weights = make(), weights_of(order)
    for release, size in ((hospital.private_update, 40), (hospital.private_evaluation, 1)):
        found, expected = [], 0.0
        for _ in range(1 if size > 1 else 40):
            given = release(order, weights, SECURE)
            with monkeypatch.context() as quiet:
                silence(quiet)
                found.append(given.vector - release(order, weights, SECURE).vector)
            expected = float(np.sqrt(sum(sigma**2 for sigma in given.shares.sigmas)))
        noise = np.concatenate(found)
        spread = 5 / np.sqrt(2 * noise.size)
        assert abs(float(noise.std()) / expected - 1) < spread
        assert abs(float(noise.mean())) < 5 * expected / np.sqrt(noise.size)
        assert expected**2 * (SECURE.threshold - SECURE.colluders) >= (1.0 * GRID) ** 2


def test_noise(town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    check_noise(agent, town, monkeypatch)
    silence(monkeypatch)
    with pytest.raises(AssertionError):
        check_noise(agent, town, monkeypatch)


def check_sampling(make: Make, town: Any, monkeypatch: pytest.MonkeyPatch, rate: float = 0.3) -> None:
    """Of 12 units each takes part in about so many of 40 draws, and how many do varies as coins would."""
    taken: list[list[int]] = []

    def noted(tagger: Any, _: Any, units: Any, *__: Any) -> Any:
        taken.append(list(units))
        return np.zeros(sum(weight.numel() for weight in tagger.trained().values()), dtype=np.int64), []

    monkeypatch.setattr(release_module, "block_sum", noted)
    ids = [patient_on("trained on", n) for n in range(12)]
    hospital = make([said(f"docudoc-{n}", name, 1, n) for n, name in enumerate(ids)])
    order = order_of(town, sample_rate=rate)
    weights, draws = weights_of(order), 40
    for _ in range(draws):
        hospital.private_update(order, weights, SECURE)
    sizes = [len(set(units)) for units in taken] + [0] * (draws - len(taken))
    expected, spread = 12 * rate, np.sqrt(12 * rate * (1 - rate))
    assert abs(np.mean(sizes) - expected) < 5 * spread / np.sqrt(draws)
    assert 0.5 * spread < np.std(sizes) < 1.6 * spread
    each = np.bincount([unit for units in taken for unit in set(units)], minlength=12)
    assert (np.abs(each - draws * rate) < 5 * np.sqrt(draws * rate * (1 - rate))).all()


def test_sampling(town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as real:
        check_sampling(agent, town, real)


@pytest.mark.parametrize("twin", ["everyone", "always the same", "so many in each"])
def test_sampling_of_another_kind_is_told_apart(
    twin: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {
        "everyone": lambda units, *_: np.arange(units),
        "always the same": lambda units, rate, _: np.arange(round(units * rate)),
        "so many in each": lambda units, rate, _: np.random.default_rng().permutation(units)[:4],
    }[twin]
    monkeypatch.setattr(release_module, "poisson_sample", chosen)
    with pytest.raises(AssertionError):
        check_sampling(agent, town, monkeypatch)


def check_reservation(make: Make, town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first gradient, or the first count, is computed, what it costs is on disk."""
    order = order_of(town, 2)
    hospital, weights = make(), weights_of(order)
    hospital._ready(order.model)
    seen: list[tuple[str, list[tuple[str, str, int, bool]]]] = []

    def spied(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*args: Any, **more: Any) -> Any:
            book = Ledger.existing(Path(ledger_of(hospital)._path)).history()
            seen.append((name, [(one.purpose, one.run, one.round, one.released) for one in book]))
            return work(*args, **more)

        return spy

    monkeypatch.setattr(release_module, "block_sum", spied("gradient", release_module.block_sum))
    monkeypatch.setattr(private_module, "check_gradients", spied("check", private_module.check_gradients))
    extractor = importlib.import_module("shared.extractor")
    monkeypatch.setattr(extractor, "predict", spied("count", extractor.predict))
    hospital.private_update(order, weights, SECURE)
    hospital.private_evaluation(order, weights, SECURE)
    reserved = [("train.h0.25", "r1", 2, False), ("evaluate.h0.25", "r1", 2, False)]
    assert seen == [("check", reserved[:1]), ("gradient", reserved[:1]), ("count", reserved)]


@pytest.mark.parametrize("twin", ["never", "afterwards"])
def test_reservation(twin: str, town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as real:
        check_reservation(agent, town, real)
    Path(ledger_of(agent())._path).unlink()
    if twin == "never":
        monkeypatch.setattr(Ledger, "reserve", lambda *_, **__: 2)
    else:
        real_sum = private_module.gradient_sum
        waiting: list[Callable[[], int]] = []
        reserve = Ledger.reserve

        def later(self: Ledger, *args: Any, **more: Any) -> int:
            waiting.append(lambda: reserve(self, *args, **more))
            return 2

        def computed(*args: Any) -> Any:
            total = real_sum(*args)
            waiting.pop()()
            return total

        monkeypatch.setattr(Ledger, "reserve", later)
        monkeypatch.setattr(private_module, "gradient_sum", computed)
    with pytest.raises(AssertionError):
        check_reservation(agent, town, monkeypatch)


# What an answer costs


@pytest.mark.parametrize("noise", ["exact", "plain", "local"])
def test_the_ledger_charges_what_is_drawn(noise: str, town: Any, agent: Make) -> None:
    """Alone, a hospital's share is a fraction of the noise; under local noise it is all of it."""
    order = order_of(town, 3, noise=noise, noise_multiplier=2.0, count_noise_multiplier=4.0, sample_rate=0.5)
    order = order.model_copy(update={"recipe": order.recipe.model_copy(update={"local_steps": 5})})
    hospital, weights = agent(), weights_of(order)
    if noise == "local":
        hospital.private_training(order, weights, SECURE)
    else:
        hospital.private_update(order, weights, SECURE)
    given = hospital.private_evaluation(order, weights, SECURE)
    trained, scored = ledger_of(hospital).history()
    assert (trained.purpose, trained.run, trained.round) == ("train.h0.25", "r1", 3)
    assert (trained.release.noise_multiplier, trained.release.sample_rate) == (2.0, 0.5)
    assert trained.release.steps == (5 if noise == "local" else 1)
    assert scored.purpose == "evaluate.h0.25"
    assert (scored.release.noise_multiplier, scored.release.sample_rate, scored.release.steps) == (
        4.0,
        1.0,
        1,
    )
    if noise == "local":
        assert (trained.alone, scored.alone) == (2.0, 4.0)
    else:
        assert trained.alone == pytest.approx(2.0 / np.sqrt(2), rel=1e-6)  # two of three are honest
        assert trained.alone <= 2.0 / np.sqrt(2)
    assert scored.alone <= effective_multiplier(given.shares.sigmas[0], GRID)
    assert effective_multiplier(sigma_for(4.0, GRID), GRID) >= 4.0 * (1 - 1e-12)


def test_released_is_noted_once_it_goes_out(town: Any, agent: Make) -> None:
    order = order_of(town)
    hospital, weights = agent(), weights_of(order)
    given = hospital.private_update(order, weights, SECURE)
    assert [one.released for one in ledger_of(hospital).history()] == [False]
    hospital.note_release(given.reservation)
    assert [one.released for one in ledger_of(hospital).history()] == [True]


def test_every_answer_is_drawn_and_charged_anew(town: Any, agent: Make) -> None:
    order = order_of(town, sample_rate=0.5)
    hospital, weights = agent(), weights_of(order)
    one, other = (hospital.private_update(order, weights, SECURE) for _ in range(2))
    assert (one.vector != other.vector).mean() > 0.99
    assert not set(one.seeds) & set(other.seeds)
    assert len(ledger_of(hospital).history()) == 2


def test_an_empty_draw_is_noise_and_costs_the_same(town: Any, agent: Make) -> None:
    order = order_of(town, sample_rate=1e-9)
    hospital = agent()
    vector = hospital.private_update(order, weights_of(order), SECURE).vector
    assert np.count_nonzero(vector) > 0.99 * vector.size
    assert len(ledger_of(hospital).history()) == 1


def test_nobody_held_out_is_no_error(town: Any, agent: Make) -> None:
    """By chance it happens, and to say so would tell."""
    order = order_of(town)
    hospital = agent([said("docudoc-0", patient_on("trained on"), 2)])
    assert hospital.private_evaluation(order, weights_of(order), SECURE).vector.shape == (4,)


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, 10),
        (4, 10),
        (14, 10),
        (96, 100),
        (99, 100),
        (149, 150),
        (1234, 1200),
        (5433, 5400),
        (20456, 20000),
    ],
)
def test_sizes_are_told_to_two_digits(size: int, told: int) -> None:
    assert declared(size) == told


def test_a_greeting_rounds_every_size(town: Any, agent: Make) -> None:
    hello = agent(town.notes("a", patients=31)).hello(town.model(), "note")
    sizes = (hello.notes, hello.patients, hello.train_notes, hello.held_out_notes, hello.train_examples)
    assert all(size == declared(size) and size >= 10 for size in sizes)
    assert hello.patients == 30


# What is refused, and that a refusal costs nothing


def _order(changes: dict[str, Any]) -> Callable[[Any], Order]:
    return lambda town: order_of(town, **changes)


def _bare(town: Any) -> Order:
    return order_of(town).model_copy(update={"private": None})


def _packed(town: Any) -> Order:
    return order_of(town, unit="sentence", model=town.model(window=48))


REFUSED: list[tuple[str, dict[str, Any], Callable[[Any], Order], str]] = [
    ("an order without noise", {}, _bare, Reason.NOT_PRIVATE),
    ("a finer unit", {"unit": "patient"}, _order({"unit": "note"}), Reason.UNIT),
    ("the finest unit", {"unit": "patient"}, _order({"unit": "sentence"}), Reason.UNIT),
    ("a finer unit than notes", {"unit": "note"}, _order({"unit": "sentence"}), Reason.UNIT),
    # A sum clipped by patient moves by up to twice its clip when one note of a patient goes.
    ("a coarser unit", {"unit": "note"}, _order({"unit": "patient"}), Reason.UNIT),
    ("the coarsest unit", {"unit": "sentence"}, _order({"unit": "patient"}), Reason.UNIT),
    ("too little noise", {}, _order({"noise_multiplier": 0.29}), Reason.NOISE),
    ("too little noise on counts", {}, _order({"count_noise_multiplier": 0.29}), Reason.NOISE),
    ("less noise than this site's least", {"least_noise": 2.0}, _order({}), Reason.NOISE),
    ("more than the budget", {"epsilon": 0.5}, _order({}), Reason.BUDGET),
    ("packed windows", {"unit": "sentence"}, _packed, "window"),
]
CALLS = [
    pytest.param(purpose, *row[1:], id=f"{purpose}: {row[0]}")
    for purpose in ("update", "training", "evaluation")
    for row in REFUSED
    if not (
        purpose == "evaluation" and row[3] == "window"
    )  # counts are those of whole notes, whatever is packed
]


@pytest.mark.parametrize(("purpose", "budget", "order", "why"), CALLS)
def test_what_the_policy_forbids_is_refused_and_costs_nothing(
    purpose: str,
    budget: dict[str, Any],
    order: Callable[[Any], Order],
    why: str,
    town: Any,
    agent: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, hospital = order(town), agent(**budget)
    before = ledger_of(hospital).book().chain
    for module, name in ((release_module, "block_sum"), (private_module, "check_gradients")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("computed"))
    monkeypatch.setattr("shared.extractor.predict", lambda *_: pytest.fail("computed"))
    release = getattr(hospital, f"private_{purpose}")
    with pytest.raises((RefuseRound, FixSettings)) as refusal:
        release(asked, weights_of(asked), SECURE)
    assert why in (getattr(refusal.value, "reason", None), refusal.value.where)
    assert ledger_of(hospital).book().chain == before


@pytest.mark.parametrize("unit", UNITS)
def test_the_policys_own_unit_is_accepted(unit: Unit, town: Any, agent: Make) -> None:
    order, hospital = order_of(town, unit=unit), agent(unit=unit)
    hospital.private_update(order, weights_of(order), SECURE)
    hospital.private_evaluation(order, weights_of(order), SECURE)
    assert len(ledger_of(hospital).history()) == 2


def test_a_sentence_more_is_charged_sqrt_2_in_counts(town: Any, agent: Make) -> None:
    order, hospital = order_of(town, unit="sentence"), agent(unit="sentence")
    hospital.private_evaluation(order, weights_of(order), SECURE)
    (entry,) = ledger_of(hospital).history()
    multiplier = order.private.count_noise_multiplier if order.private else 0.0
    assert entry.release.noise_multiplier == pytest.approx(multiplier / 2**0.5)
    assert entry.release.noise_multiplier * 2**0.5 <= multiplier


def test_a_spent_budget_refuses_and_stays_as_it_is(town: Any, agent: Make) -> None:
    order, hospital = order_of(town, noise_multiplier=3.0), agent(epsilon=4.0)
    weights = weights_of(order)

    def spend() -> None:
        for _ in range(30):
            hospital.private_update(order, weights, SECURE)

    with pytest.raises(RefuseRound) as refusal:
        spend()
    assert refusal.value.reason is Reason.BUDGET
    book = ledger_of(hospital).book()
    assert book.reservations
    assert book.spent().world.value <= 4.0
    with pytest.raises(RefuseRound):
        hospital.private_update(order, weights, SECURE)
    assert ledger_of(hospital).book() == book


def test_a_site_without_a_budget_refuses_a_private_order(town: Any, sites: Any) -> None:
    order, site = order_of(town), sites()
    hospital = Agent(town.hospital("a"), SecureSums("a", site), None)
    for release in (hospital.private_update, hospital.private_training, hospital.private_evaluation):
        with pytest.raises(RefuseRound) as refusal:
            release(order, weights_of(order), SECURE)
        assert refusal.value.reason is Reason.NO_BUDGET


def test_gradients_that_are_not_finite_count_as_zeros_and_are_charged(
    town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To say which unit they are of would tell; that they are not finite can only be known by looking."""
    silence(monkeypatch)
    monkeypatch.setattr(private_module, "check_gradients", lambda *_: None)
    order, hospital = order_of(town), agent()
    weights = {name: np.full_like(array, np.nan) for name, array in weights_of(order).items()}
    assert not hospital.private_update(order, weights, SECURE).vector.any()
    assert len(ledger_of(hospital).history()) == 1
