"""A hospital's counts of word pairs: what one patient can change in them, what is charged first, what is refused."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from client import private as private_module
from client.agent import Agent
from client.private import Sum
from client.secure import SecureSums
from privacy.book import Cap
from privacy.ledger import Ledger
from privacy.noise_shares import effective_multiplier
from privacy.release import NoiseDrawn, shares_of
from server.provision import provision
from shared.cooccurrence import Counting, all_pairs
from shared.count_order import PrivateCounts
from shared.errors import FixNotes
from shared.refusal import Reason, RefuseRound
from shared.sources import NoteSource, read_source
from shared.units import Unit
from shared.vocabulary import Vocabulary, frequent_words

SECURE = Sum("r1", hospitals=4, threshold=3, colluders=1)
Make = Callable[..., Agent]


@pytest.fixture
def agent(town: Any, tmp_path: Path) -> Make:
    """The agent of hospital `a`, with a budget."""

    def make(
        records: list[dict[str, Any]] | None = None, unit: Unit = "patient", epsilon: float = 1e3
    ) -> Agent:
        path = town.write("a", town.notes("a", patients=12) if records is None else records)
        source = NoteSource(hospital="a", notes=str(path), held_out=0.25, by_chance=True)
        folder = tmp_path / f"sites-{unit}-{epsilon}"
        site = provision(folder, ["a", "b", "c"], town.policy(), Cap(unit, epsilon, 1e-5))["a"]
        return Agent(source, SecureSums("a", site), site.budget)

    return make


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros in place of noise."""

    def zeros(shares: Any, size: int) -> NoiseDrawn:
        return NoiseDrawn(np.zeros(size, np.int64), tuple(bytes(32) for _ in shares.sigmas))

    monkeypatch.setattr(private_module, "draw_noise", zeros)


def counting(town: Any) -> Counting:
    vocabulary = frequent_words([record["text"] for record in town.notes("a", patients=12)], 30)
    return Counting(vocabulary, 4, all_pairs(vocabulary))


def asked(**changes: Any) -> PrivateCounts:
    return PrivateCounts.model_validate(
        {"unit": "patient", "noise_multiplier": 1.0, "grid": 1 << 12} | changes
    )


def ledger_of(agent: Agent) -> Ledger:
    assert agent.private is not None
    return agent.private._ledger


def counts_of(agent: Agent, counting: Counting, units: Any = None, **changes: Any) -> NDArray[np.int64]:
    order = asked(**changes)
    units = agent.train_texts_by_unit(order.unit) if units is None else units
    return agent.private_pair_counts(order, SECURE, counting, units).vector


def test_units_are_those_of_the_training_notes(town: Any, agent: Make) -> None:
    hospital = agent()
    notes = read_source(hospital.source).train
    by_patient = list(hospital.train_texts_by_unit("patient"))
    assert len(by_patient) == len({note.patient_id for note in notes}) < len(notes)
    assert list(hospital.train_texts_by_unit("note")) == [[note.text] for note in notes]
    assert sorted(text for unit in by_patient for text in unit) == sorted(note.text for note in notes)
    assert hospital._notes is None


# Adjacency


def trained_patients(agent: Agent) -> list[str]:
    return sorted({note.patient_id for note in read_source(agent.source).train})


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(("grid", "most_per_pair", "max_norm"), [(1 << 12, 1.0, 1.0), (1 << 8, 0.5, 8.0)])
def test_a_patient_moves_the_sum_by_no_more_than_the_grid(
    grid: int, most_per_pair: float, max_norm: float, town: Any, agent: Make
) -> None:
    records = town.notes("a", patients=12)
    changes = {"grid": grid, "most_per_pair": most_per_pair, "max_norm": max_norm}
    everyone = counts_of(agent(records), counting(town), **changes)
    furthest = 0.0
    for patient in trained_patients(agent(records)):
        rest = [record for record in records if record["patient_id"] != patient]
        moved = everyone - counts_of(agent(rest), counting(town), **changes)
        assert int(moved @ moved) <= grid**2
        furthest = max(furthest, math.sqrt(int(moved @ moved)))
    assert furthest > 0.9 * grid if max_norm == 1.0 else furthest > 0


@pytest.mark.usefixtures("silent")
def test_bounded_by_note_a_patient_moves_the_sum_further(town: Any, agent: Make) -> None:
    """Without the gathering of a patient's notes, the test above fails."""
    records = town.notes("a", patients=12)
    twice = next(
        patient
        for patient in trained_patients(agent(records))
        if sum(record["patient_id"] == patient for record in records) == 2
    )
    rest = [record for record in records if record["patient_id"] != twice]
    sums = []
    for left in (records, rest):
        hospital = agent(left)
        sums.append(counts_of(hospital, counting(town), hospital.train_texts_by_unit("note")))
    moved = sums[0] - sums[1]
    assert int(moved @ moved) > (1 << 12) ** 2


# Charges


@pytest.mark.parametrize("noise", ["exact", "plain", "local"])
def test_counts_are_charged_once_as_a_release_about_who_is_trained_on(
    noise: Any, town: Any, agent: Make
) -> None:
    hospital = agent()
    order = asked(noise=noise, noise_multiplier=2.0, grid=1 << 16)
    units = hospital.train_texts_by_unit("patient")
    released = hospital.private_pair_counts(order, SECURE, counting(town), units)
    (entry,) = ledger_of(hospital).history()
    assert (entry.purpose, entry.run, entry.round) == ("train.h0.25", "r1", 1)
    assert (entry.release.noise_multiplier, entry.release.sample_rate, entry.release.steps) == (2.0, 1.0, 1)
    shares = shares_of(noise, 2.0, 1 << 16, hospitals=4, threshold=3, colluders=1)
    assert entry.alone == min(2.0, effective_multiplier(shares.sigmas[0], 1 << 16))
    assert not entry.released
    hospital.note_release(released.reservation)
    assert ledger_of(hospital).history()[0].released


def test_the_noise_is_that_of_the_shares(town: Any, agent: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Vocabulary(tuple(f"unheard{number}" for number in range(200)))
    nothing = Counting(words, 4, all_pairs(words))
    drawn = counts_of(agent(), nothing, noise="local", grid=1 << 16, noise_multiplier=2.0)
    assert float(drawn.std()) / (1 << 16) == pytest.approx(2.0, rel=6 / math.sqrt(2 * drawn.size))
    drawn = counts_of(agent(), nothing, noise="exact", grid=1 << 16, noise_multiplier=2.0)
    variance = 4 * (1 / 3 + 1 / 6)  # what three honest of four leave, and what a fourth's absence would take
    assert float(drawn.std()) / (1 << 16) == pytest.approx(
        math.sqrt(variance), rel=6 / math.sqrt(2 * drawn.size)
    )


def test_the_reservation_is_there_before_a_note_is_read(town: Any, agent: Make) -> None:
    hospital = agent()
    Path(str(hospital.source.notes)).unlink()
    with pytest.raises(FixNotes):
        counts_of(hospital, counting(town))
    assert len(ledger_of(hospital).history()) == 1


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], Reason]] = [
    ("a smaller unit", {}, {"unit": "note"}, Reason.UNIT),
    ("a larger unit", {"unit": "note"}, {"unit": "patient"}, Reason.UNIT),
    ("a unit that counts do not hide", {"unit": "sentence"}, {"unit": "note"}, Reason.UNIT),
    ("too little noise", {}, {"noise_multiplier": 0.1}, Reason.NOISE),
    ("more than the budget", {"epsilon": 0.5}, {"noise_multiplier": 1.0}, Reason.BUDGET),
]


@pytest.mark.parametrize(("why", "site", "order", "reason"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_the_policy_forbids_is_refused_before_a_note_is_read(
    why: str, site: dict[str, Any], order: dict[str, Any], reason: Reason, town: Any, agent: Make
) -> None:
    hospital = agent(**site)
    Path(str(hospital.source.notes)).unlink()
    with pytest.raises(RefuseRound) as refusal:
        counts_of(hospital, counting(town), **order)
    assert refusal.value.reason is reason, why
    assert ledger_of(hospital).history() == ()


def test_without_a_budget_there_is_nothing_to_charge(town: Any) -> None:
    with pytest.raises(RefuseRound) as refusal:
        counts_of(Agent(town.hospital("a")), counting(town))
    assert refusal.value.reason is Reason.NO_BUDGET


# Greetings


@pytest.mark.parametrize("unit", [None, "note", "patient"])
def test_a_greeting_without_a_model_counts_notes_or_units(unit: Any, town: Any) -> None:
    hello = Agent(town.hospital("a", patients=12)).hello(None, unit)
    notes = read_source(town.hospital("a", patients=12)).train
    expected = len({note.patient_id for note in notes}) if unit == "patient" else len(notes)
    assert hello.train_examples == expected
    assert hello.labels == ["Disease"]


def test_a_site_with_a_budget_rounds_what_it_greets_with(town: Any, agent: Make) -> None:
    records = town.notes("a", patients=123)
    hello = agent(records).hello(None, "patient")
    assert hello.patients == 120
    assert hello.train_examples % 10 == 0
