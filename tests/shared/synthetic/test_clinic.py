import math
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import groupby, islice, pairwise
from statistics import mean

import pytest

from shared.errors import FixSettings
from shared.note import ASSERTIONS, Note
from shared.synthetic import PHI_LABELS, hospital_names, make_notes, make_test_notes
from shared.synthetic.diseases import Split, diseases, specialties

HOSPITALS = 12


@cache
def _notes(split: Split = "train", patients: int = 12) -> tuple[Note, ...]:
    return tuple(
        note
        for hospital in range(HOSPITALS)
        for note in make_notes(1, hospital, hospitals=HOSPITALS, patients=patients, split=split)
    )


def _surfaces(notes: Iterable[Note]) -> set[str]:
    """Disease surfaces, line breaks and case levelled."""
    return {" ".join(n.text[e.start : e.end].split()).casefold() for n in notes for e in n.entities}


def test_same_seed_same_notes_whatever_else_was_made() -> None:
    alone = list(make_notes(5, 2, hospitals=4, patients=3))
    mixed = make_notes(5, 2, hospitals=4, patients=3)
    other = make_notes(6, 1, hospitals=4, patients=30)
    interleaved = []
    for note in mixed:
        interleaved.append(note)
        next(other)
    assert interleaved == alone


def test_first_patients_do_not_depend_on_patients_or_hospitals() -> None:
    few = list(make_notes(5, 2, hospitals=4, patients=3))
    many = list(make_notes(5, 2, hospitals=900, patients=6))
    assert many[: len(few)] == few
    assert list(make_test_notes(5, hospitals=4, patients=5))[:4] == list(
        islice(make_test_notes(5, hospitals=4, patients=50), 4)
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_seed_hospital_and_split_change_the_notes(split: Split) -> None:
    first = next(make_notes(1, 0, hospitals=2, patients=1, split=split)).text
    assert next(make_notes(2, 0, hospitals=2, patients=1, split=split)).text != first
    assert next(make_notes(1, 1, hospitals=2, patients=1, split=split)).text != first
    assert (
        next(make_notes(1, 0, hospitals=2, patients=1, split="train" if split == "test" else "test")).text
        != first
    )


def test_a_billion_patients_return_at_once_in_little_memory() -> None:
    assert len(list(islice(make_notes(1, 0, hospitals=1, patients=10**9), 20))) == 20
    stream = make_notes(1, 1, hospitals=2, patients=10**9)
    tracemalloc.start()
    try:
        for _ in islice(stream, 30):
            pass
        early = tracemalloc.get_traced_memory()[0]
        for _ in islice(stream, 150):
            pass
        assert tracemalloc.get_traced_memory()[0] < early + 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("split", ["train", "test"])
def test_patients_have_1_to_8_notes_and_ids_are_unique(split: Split) -> None:
    notes = (*_notes(split), *make_test_notes(1, hospitals=HOSPITALS, patients=12))
    sizes = [len(list(group)) for _, group in groupby(notes, key=lambda note: note.patient_id)]
    assert set(sizes) <= set(range(1, 9))
    assert min(sizes) == 1
    assert max(sizes) == 8
    assert len(sizes) == len({note.patient_id for note in notes})
    assert len({note.note_id for note in notes}) == len(notes)


@pytest.mark.parametrize("split", ["train", "test"])
def test_diseases_and_identifiers_are_marked_and_never_overlap(split: Split) -> None:
    concepts = {disease.concept for disease in diseases()}
    for note in _notes(split):
        assert note.entities or note.phi
        spans = sorted(note.entities + note.phi)
        assert all(left.end <= right.start for left, right in pairwise(spans))
        assert {entity.label for entity in note.entities} <= {"Disease"}
        assert all(entity.concept in concepts for entity in note.entities)
        assert {entity.label for entity in note.phi} <= set(PHI_LABELS)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_assertion_and_identifier_occurs(split: Split) -> None:
    notes = _notes(split)
    assertions = Counter(entity.assertion for note in notes for entity in note.entities)
    assert set(assertions) == set(ASSERTIONS)
    assert min(assertions.values()) > 0.02 * assertions.total()
    assert {entity.label for note in notes for entity in note.phi} == set(PHI_LABELS)


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_disease_has_one_assertion_in_a_note_almost_always(split: Split) -> None:
    pairs = [
        {entity.assertion for entity in note.entities if entity.concept == concept}
        for note in _notes(split)
        for concept in {entity.concept for entity in note.entities}
    ]
    assert sum(len(assertions) > 1 for assertions in pairs) < 0.01 * len(pairs)


def test_a_patient_keeps_their_name_and_record_number() -> None:
    numbers: dict[str, set[str]] = {}
    for note in make_notes(3, 0, hospitals=1, patients=40):
        numbers.setdefault(note.patient_id, set()).update(
            " ".join(note.text[span.start : span.end].split()) for span in note.phi if span.label == "MRN"
        )
    assert {len(found) for found in numbers.values()} <= {0, 1}
    assert len(set.union(*numbers.values())) > 20


def test_test_notes_share_no_disease_surface_with_training_notes() -> None:
    train = _surfaces(_notes("train"))
    test = _surfaces((*_notes("test"), *make_test_notes(1, hospitals=HOSPITALS, patients=24)))
    assert len(train) > 500
    assert len(test) > 300
    assert not train & test


def test_test_notes_share_few_people_and_places_with_training_notes() -> None:
    def names(notes: Iterable[Note]) -> set[str]:
        kinds = ("PATIENT", "CLINICIAN", "RELATIVE", "LOCATION", "EMPLOYER")
        return {
            note.text[span.start : span.end] for note in notes for span in note.phi if span.label in kinds
        }

    assert not names(_notes("train")) & names(_notes("test"))


def test_hospitals_treat_different_diseases() -> None:
    home = {disease.concept: disease.specialty for disease in diseases()}
    own = []
    for hospital, specialty in enumerate(specialties()):
        seen = Counter(
            home[entity.concept or ""]
            for note in make_notes(2, hospital, hospitals=HOSPITALS, patients=15)
            for entity in note.entities
        )
        assert seen.most_common(1)[0][0] == specialty
        own.append(seen[specialty] / seen.total())
    assert 0.65 < mean(own) < 0.9


def test_the_common_test_set_mixes_all_hospitals() -> None:
    home = {disease.concept: disease.specialty for disease in diseases()}
    notes = make_test_notes(2, hospitals=HOSPITALS, patients=96)
    seen = Counter(home[entity.concept or ""] for note in notes for entity in note.entities)
    assert set(seen) == set(specialties())
    assert -sum(n / seen.total() * math.log(n / seen.total()) for n in seen.values()) > 0.95 * math.log(
        len(seen)
    )


@pytest.mark.parametrize(
    ("hospital", "hospitals", "patients", "split"),
    [
        pytest.param(4, 4, 1, "train", id="one past the last hospital"),
        pytest.param(-1, 4, 1, "train", id="negative hospital"),
        pytest.param(0, 0, 1, "train", id="no hospital"),
        pytest.param(0, 1, -1, "train", id="negative patients"),
        pytest.param(0, 1, 1, "dev", id="unknown split"),
    ],
)
def test_refuses_impossible_clinics(hospital: int, hospitals: int, patients: int, split: Split) -> None:
    with pytest.raises(FixSettings):
        make_notes(1, hospital, hospitals=hospitals, patients=patients, split=split)


def test_refuses_a_test_set_of_no_hospital() -> None:
    with pytest.raises(FixSettings):
        make_test_notes(1, hospitals=0, patients=1)


def test_a_thousand_hospital_names_are_unique_and_tell_the_specialty() -> None:
    names = hospital_names(1000)
    assert len(set(names)) == 1000
    assert names[0] == "north-cardiology"
    assert hospital_names(7) == names[:7]
    assert len(set(hospital_names(20_000))) == 20_000
    assert all(specialties()[i % len(specialties())] in name for i, name in enumerate(names))
