"""A site's limits, each just met and just missed."""

from dataclasses import replace
from itertools import product

import pytest
from pydantic import ValidationError

from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.policy import LEAST_HONEST, LEAST_HOSPITALS, SitePolicy
from privacy.secagg.shares import MOST
from privacy.secagg.terms import Terms, least_threshold
from shared.refusal import Reason, RefuseRound

ROSTER = Roster({f"h{i:03}": Identity.new(f"h{i:03}").public_key for i in range(MOST + 2)})
OWN = 1
ENCODING = FixedPoint((Segment(3, 1.0, 2.0**10),), 3, 32)
TERMS = Terms(
    run=bytes(16),
    number=1,
    attempt=1,
    purpose="train",
    roster=ROSTER.digest,
    cohort=(0, 1, 2),
    threshold=3,
    colluders=1,
    hybrid=True,
    encoding=ENCODING,
)


def of(hospitals: int, **changes: object) -> dict[str, object]:
    """Terms for the first hospitals, with an encoding for so many."""
    encoding = FixedPoint(ENCODING.segments, hospitals, 32)
    return {"cohort": tuple(range(hospitals)), "encoding": encoding} | changes


def steps(*bounds_and_scales: tuple[float, float]) -> dict[str, object]:
    segments = tuple(Segment(1, bound, scale) for bound, scale in bounds_and_scales)
    return {"encoding": FixedPoint(segments, 3, 32)}


MET = [
    pytest.param({}, {}, id="the smallest sum there can be"),
    pytest.param({}, {"cohort": (1, 2, 257 - 1)}, id="the last hospital of the roster"),
    pytest.param({}, of(MOST, threshold=200), id="as many as there are points for shares"),
    pytest.param({"smallest_cohort": 5}, of(5, threshold=5), id="as many as the site asks for"),
    pytest.param({"smallest_cohort": 5}, of(6, threshold=5), id="as many remain as the site asks for"),
    pytest.param(
        {"colluders": 2}, of(5, threshold=4, colluders=2), id="as many colluders as the site asks for"
    ),
    pytest.param(
        {"colluders": 0}, {"colluders": 0, "threshold": 2 + 1}, id="no colluders, by the site's wish"
    ),
    pytest.param({}, of(10, threshold=6), id="more than half of the signatures, even"),
    pytest.param({}, of(9, threshold=6), id="more than half of the signatures, odd"),
    pytest.param({}, of(10, threshold=10), id="everyone must stay"),
    pytest.param({}, of(4, threshold=4, colluders=2), id="two honest ones remain"),
    pytest.param({"ring_bits": (32,)}, {}, id="the one ring that is allowed"),
    pytest.param({}, {"encoding": FixedPoint(ENCODING.segments, 3, 28)}, id="the ring between"),
    pytest.param({}, {"encoding": FixedPoint(ENCODING.segments, 4, 24)}, id="room for more than take part"),
    pytest.param({}, steps((1.0, 2.0**10)), id="as fine as the site asks for"),
    pytest.param({"least_steps": 1000}, steps((999.5, 1.0)), id="as fine, rounded up"),
    pytest.param({"least_steps": 1}, steps((1.0, 1.0)), id="as coarse as there is"),
    pytest.param({"hybrid": False}, {"hybrid": False}, id="no post-quantum keys, by the site's wish"),
    pytest.param({"hybrid": False}, {"hybrid": True}, id="post-quantum keys nobody asked for"),
]

MISSED = [
    pytest.param({}, {"roster": bytes(32)}, Reason.ROSTER, id="another roster"),
    pytest.param({}, {"cohort": (1, 2, 257)}, Reason.UNKNOWN_HOSPITAL, id="one beyond the roster"),
    pytest.param({}, {"cohort": ()}, Reason.COHORT, id="nobody"),
    pytest.param({}, {"cohort": (0, 2, 3)}, Reason.COHORT, id="without this hospital"),
    pytest.param({}, of(2, threshold=2), Reason.COHORT, id="of two, each knows the other's vector"),
    pytest.param(
        {"colluders": 0}, of(2, threshold=2, colluders=0), Reason.COHORT, id="of two without colluders"
    ),
    pytest.param({}, of(MOST + 1, threshold=200), Reason.COHORT, id="more than there are points for shares"),
    pytest.param(
        {"smallest_cohort": 5}, of(4, threshold=4), Reason.COHORT, id="fewer than the site asks for"
    ),
    pytest.param(
        {"smallest_cohort": 5},
        of(6, threshold=4),
        Reason.THRESHOLD,
        id="fewer may remain than the site asks for",
    ),
    pytest.param({}, {"colluders": 0}, Reason.COLLUDERS, id="no colluders provided for"),
    pytest.param(
        {"colluders": 2}, of(5, threshold=4, colluders=1), Reason.COLLUDERS, id="fewer than the site asks for"
    ),
    pytest.param({}, {"threshold": 2}, Reason.THRESHOLD, id="two sets could be confirmed"),
    pytest.param({}, of(10, threshold=5), Reason.THRESHOLD, id="half and a colluder, even"),
    pytest.param({}, of(9, threshold=5), Reason.THRESHOLD, id="half and a colluder, odd"),
    pytest.param({}, {"threshold": 0}, Reason.THRESHOLD, id="no threshold"),
    pytest.param({}, {"threshold": 4}, Reason.THRESHOLD, id="more than take part"),
    pytest.param({}, of(3, threshold=3, colluders=2), Reason.THRESHOLD, id="one honest one could remain"),
    pytest.param({}, of(4, threshold=4, colluders=4), Reason.THRESHOLD, id="all collude"),
    pytest.param(
        {}, of(3, threshold=3, colluders=65_535), Reason.THRESHOLD, id="more collude than there are"
    ),
    pytest.param({"ring_bits": (24,)}, {}, Reason.RING, id="a ring that is not allowed"),
    pytest.param({"ring_bits": ()}, {}, Reason.RING, id="no ring is allowed"),
    pytest.param(
        {"ring_bits": (24, 32)},
        {"encoding": FixedPoint(ENCODING.segments, 3, 28)},
        Reason.RING,
        id="the ring between, which is not allowed",
    ),
    pytest.param({}, of(4, encoding=ENCODING), Reason.RING, id="one more than the sum has room for"),
    pytest.param({}, steps((1.0, 2.0**9)), Reason.SCALE, id="half as fine as the site asks for"),
    pytest.param({"least_steps": 1000}, steps((999.0, 1.0)), Reason.SCALE, id="a step too few"),
    pytest.param(
        {}, steps((1.0, 2.0**20), (1.0, 2.0**9), (1.0, 2.0**20)), Reason.SCALE, id="one segment is too coarse"
    ),
    pytest.param({}, {"hybrid": False}, Reason.HYBRID, id="no post-quantum keys"),
]


def adapted(changes: dict[str, object]) -> Terms:
    if "threshold" not in changes and "cohort" in changes and len(changes["cohort"]) > 3:  # type: ignore[arg-type]
        changes = changes | {"threshold": len(changes["cohort"])}  # type: ignore[arg-type]
    return replace(TERMS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("limits", "changes"), MET)
def test_a_limit_that_is_just_met(limits: dict[str, object], changes: dict[str, object]) -> None:
    SitePolicy(**limits).check(adapted(changes), ROSTER, OWN)


@pytest.mark.parametrize(("limits", "changes", "reason"), MISSED)
def test_a_limit_that_is_just_missed(
    limits: dict[str, object], changes: dict[str, object], reason: Reason
) -> None:
    with pytest.raises(RefuseRound) as refusal:
        SitePolicy(**limits).check(adapted(changes), ROSTER, OWN)
    assert refusal.value.reason is reason
    assert refusal.value.about == ""


def test_another_roster_is_refused_whatever_differs() -> None:
    keys = dict(zip(ROSTER.hospitals, ROSTER.keys, strict=True))
    fresh = Identity.new("x").public_key
    for other in (
        keys | {"h000": fresh},
        keys | {"zzz": fresh},
        {n: k for n, k in keys.items() if n != "h005"},
    ):
        with pytest.raises(RefuseRound) as refusal:
            SitePolicy().check(replace(TERMS, roster=Roster(other).digest), ROSTER, OWN)
        assert refusal.value.reason is Reason.ROSTER


@pytest.mark.parametrize(("hospitals", "asked"), list(product(range(3, 11), range(4))))
def test_what_passes_is_safe(hospitals: int, asked: int) -> None:
    """All thresholds and colluders: what passes allows one confirmed set at most, with two honest hospitals in it."""
    passed = []
    for threshold, colluders in product(range(hospitals + 2), repeat=2):
        terms = adapted(of(hospitals, threshold=threshold, colluders=colluders))
        try:
            SitePolicy(colluders=asked).check(terms, ROSTER, OWN)
        except RefuseRound:
            continue
        passed.append((threshold, colluders))
        assert asked <= colluders <= threshold - LEAST_HONEST
        assert least_threshold(hospitals, colluders) <= threshold <= hospitals
    assert ((hospitals, asked) in passed) == (hospitals >= LEAST_HONEST + asked)


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param({"smallest_cohort": LEAST_HOSPITALS - 1}, id="two hospitals"),
        pytest.param({"colluders": -1}, id="fewer colluders than none"),
        pytest.param({"least_steps": 0}, id="no step"),
        pytest.param({"ring_bits": "both"}, id="no numbers"),
        pytest.param({"smallest_chohort": 5}, id="a limit that is none, a slip of the pen"),
    ],
)
def test_a_policy_that_protects_nobody_cannot_be_written(limits: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SitePolicy(**limits)


def test_a_policy_stays_as_it_is() -> None:
    policy = SitePolicy()
    with pytest.raises(ValidationError):
        policy.hybrid = False  # type: ignore[misc]
    assert policy == SitePolicy(
        smallest_cohort=3, colluders=1, ring_bits=(24, 28, 32), least_steps=1024, hybrid=True
    )
