"""The masked sum is the plain sum, whoever vanishes whenever; beyond the threshold there is no sum at all."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from privacy.secagg import masks
from privacy.secagg.messages import read_unmask_order
from privacy.secagg.packing import RING_BITS
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg import rehearsal as stage
from tests.privacy.secagg.rehearsal import PHASES, Rehearsal


def expected(rehearsal: Rehearsal, vectors: dict[str, np.ndarray]) -> np.ndarray:
    """The plain sum over those whose vectors got in."""
    return np.sum([vectors[name].astype(np.int64) for name in rehearsal.server.survivors], axis=0)


@pytest.mark.parametrize(
    ("hospitals", "coordinates", "bits", "hybrid"),
    list(product((3, 4, 5, 8), (1, 2, 3, 4, 8, 257), RING_BITS, (False, True))),
)
def test_all_stay(hospitals: int, coordinates: int, bits: int, hybrid: bool) -> None:
    rehearsal = Rehearsal(hospitals, coordinates, bits, hybrid=hybrid)
    vectors = rehearsal.vectors()
    assert np.array_equal(rehearsal.run(vectors), expected(rehearsal, vectors))
    assert rehearsal.server.survivors == rehearsal.names
    assert not rehearsal.refused
    assert not rehearsal.rejected


@pytest.mark.parametrize(("phase", "lost", "hybrid"), list(product(PHASES, (1, 2, 3), (False, True))))
def test_up_to_the_threshold_vanish_in_one_phase(phase: str, lost: int, hybrid: bool) -> None:
    rehearsal = Rehearsal(10, bits=RING_BITS[lost - 1], hybrid=hybrid)
    vectors = rehearsal.vectors()
    gone = rehearsal.names[1 : 1 + lost]
    assert np.array_equal(rehearsal.run(vectors, drops={phase: gone}), expected(rehearsal, vectors))
    counted = phase in ("confirm", "unmask")  # their vectors had left before they did
    assert set(rehearsal.server.survivors) == set(rehearsal.names) - (set() if counted else set(gone))


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("lost", [0, 1])
def test_everyone_at_the_bound(bits: int, sign: int, lost: int) -> None:
    """The largest sums that an encoding allows, with a mask on every word, and with masks of the lost taken away."""
    rehearsal = Rehearsal(7, coordinates=43, bits=bits)
    most = sign * rehearsal.terms.encoding.segments[0].steps
    vectors = dict.fromkeys(rehearsal.names, np.full(43, most, dtype=np.int32))
    total = rehearsal.run(vectors, drops={"mask": rehearsal.names[:lost]})
    assert total.tolist() == [(7 - lost) * most] * 43


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("bits", RING_BITS)
def test_a_vector_of_several_segments(bits: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "SEGMENT", 64)
    rehearsal = Rehearsal(3, coordinates=1001, bits=bits)
    monkeypatch.setattr(stage, "ClientSum", partial(stage.ClientSum, threads=threads))
    monkeypatch.setattr(stage, "ServerSum", partial(stage.ServerSum, threads=threads))
    vectors = rehearsal.vectors()
    assert np.array_equal(rehearsal.run(vectors), expected(rehearsal, vectors))


@pytest.mark.parametrize("confirming", [7, 8, 10])
def test_the_order_to_unmask_carries_as_many_signatures_as_the_threshold(confirming: int) -> None:
    rehearsal = Rehearsal(10)
    vectors = rehearsal.vectors()
    total = rehearsal.run(vectors, drops={"confirm": rehearsal.names[confirming:]})
    assert np.array_equal(total, expected(rehearsal, vectors))
    assert rehearsal.terms.threshold == 7
    orders = {order for (phase, _), order in rehearsal.orders.items() if phase == "unmask"}
    (order,) = orders
    signatures = read_unmask_order(order, rehearsal.terms)
    assert len(signatures) == 7
    assert set(signatures) <= set(range(confirming))


@pytest.mark.parametrize("phases", list(product(PHASES, repeat=3))[::7])
def test_three_vanish_in_three_phases(phases: tuple[str, str, str]) -> None:
    rehearsal = Rehearsal(10)
    vectors = rehearsal.vectors()
    drops: dict[str, list[str]] = {}
    for phase, name in zip(phases, ("h000", "h004", "h009"), strict=True):
        drops.setdefault(phase, []).append(name)
    assert np.array_equal(rehearsal.run(vectors, drops=drops), expected(rehearsal, vectors))


@pytest.mark.parametrize("phase", PHASES)
def test_one_more_than_the_threshold_allows_ends_the_attempt(phase: str) -> None:
    rehearsal = Rehearsal(10)
    with pytest.raises(RefuseRound) as refusal:
        rehearsal.run(rehearsal.vectors(), drops={phase: rehearsal.names[:4]})
    assert refusal.value.reason is Reason.TOO_FEW
    rehearsal.retry()
    vectors = rehearsal.vectors()
    if phase in ("confirm", "unmask"):  # those who confirmed ten hospitals will not confirm six
        assert np.array_equal(rehearsal.run(vectors), expected(rehearsal, vectors))
    else:
        drops = {"advertise": rehearsal.names[:3]}
        assert np.array_equal(rehearsal.run(vectors, drops=drops), expected(rehearsal, vectors))


def test_a_sum_of_many_hospitals() -> None:
    rehearsal = Rehearsal(100, coordinates=11, hybrid=True)
    vectors = rehearsal.vectors()
    total = rehearsal.run(vectors, drops={"mask": rehearsal.names[:30]})
    assert np.array_equal(total, expected(rehearsal, vectors))
    up = sum(len(rehearsal.sent[phase, "h050"]) for phase in PHASES)
    assert up < 100_000  # bytes beside the vector itself
