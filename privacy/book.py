"""The entries of a privacy ledger: what each says, how they are chained, and what they cost together.

Entries are only ever added: `cap` (the limit, and each change of it), `reserved` (a release, before it is computed)
and `released` (it went out). Each is linked to all before it by a hash. They live in SQLite (`privacy.ledger`) and
travel as JSON lines, which anyone can verify without the ledger.

Every unit is either trained on or held out, for good, so releases about the ones and about the others each cost only
their own (parallel composition). That holds while one rule divides them: purposes are `train.RULE`, `evaluate.RULE`
and so on, and once two rules are in a ledger, or a purpose without one, everything counts for everyone.

Guarantees: a changed, missing or reordered entry is found. The chain has no secret: someone who writes all entries
anew makes another valid chain, so keep exports; the entries of an older one begin those of a newer one.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from privacy.accountant import Epsilon, Release, epsilon, times_that_fit
from shared.errors import ChooseOutput, ClinfedError, FixSettings
from shared.files import write_text
from shared.units import UNITS, Unit

FORM = "clinfed-ledger-1"
TRAIN = "train"  # the first word of purposes that concern units that are trained on
HELD_OUT = "evaluate"  # and of those that concern units that are held out
BEGINNING = "0" * 64  # the chain before the first entry
FIELDS = {
    "cap": ("unit", "epsilon", "delta"),
    "reserved": ("run", "round", "purpose", "noise_multiplier", "alone", "sample_rate", "steps"),
    "released": ("reservation",),
}

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of runs and purposes: no room for a note
_TOLERANCE = 1e-3  # of an epsilon, between two machines or two versions of the accountant


@dataclass(frozen=True)
class Cap:
    """What a hospital's policy allows in all.

    Args:
        unit: whose presence is hidden.
        epsilon: that is never passed, above 0.
        delta: in (0, 1); below one in the number of units.

    Raises:
        FixSettings: a value is out of range.
    """

    unit: Unit
    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        for name, good, remedy in (
            ("unit", self.unit in UNITS, f"Choose one of {', '.join(UNITS)}."),
            ("epsilon", 0 < self.epsilon < math.inf, "Give a number above 0."),
            ("delta", 0 < self.delta < 1, "Give a number between 0 and 1."),
        ):
            if not good:
                raise FixSettings("the cap is out of range", where=name, remedy=remedy)


@dataclass(frozen=True)
class Reservation:
    """A release that was reserved.

    Args:
        id: number of its entry.
        at: when, UTC.
        run: which the release belongs to.
        round: of the run.
        purpose: what is released.
        release: with the noise that the world cannot remove.
        alone: the noise multiplier of this hospital's own share, which is left if all others collude.
        released: whether it is known to have gone out.
    """

    id: int
    at: str
    run: str
    round: int
    purpose: str
    release: Release
    alone: float
    released: bool


@dataclass(frozen=True)
class Spent:
    """What all reservations together cost.

    Args:
        world: against the aggregator and everyone outside; the cap is about this one.
        others_collude: if all other hospitals tell the aggregator their noise.
    """

    world: Epsilon
    others_collude: Epsilon


@dataclass(frozen=True)
class Cost:
    """What a further release would do.

    Args:
        before: epsilon spent without it.
        after: epsilon spent with it.
        times: how often it still fits; 0 if it would be refused.
    """

    before: float
    after: float
    times: int


@dataclass(frozen=True)
class Book:
    """All entries, checked: their chain, their order and their values.

    Args:
        caps: the cap and each change of it, with the number of reservations made before it.
        reservations: in order.
        chain: hash of everything.
    """

    caps: tuple[tuple[int, Cap], ...]
    reservations: tuple[Reservation, ...]
    chain: str

    @property
    def cap(self) -> Cap:
        """The one that holds now."""
        return self.caps[-1][1]

    def spent(self) -> Spent:
        """What the reservations cost the unit that they cost most."""
        return _spent(self.reservations, self.cap.delta)

    def cost_of(self, release: Release, purpose: str, limit: float = math.inf) -> Cost:
        """What one more release would do.

        Args:
            release: that is asked about.
            purpose: what for; it decides whose earlier releases count.
            limit: on epsilon, where another than the cap holds, too.
        """
        same = akin(purpose, {one.purpose for one in self.reservations})
        history = [one.release for one in self.reservations if one.purpose in same]
        delta = self.cap.delta
        return Cost(
            before=epsilon(history, delta).value,
            after=epsilon([*history, release], delta).value,
            times=times_that_fit([release], history, min(self.cap.epsilon, limit), delta),
        )


def akin(purpose: str, purposes: Iterable[str]) -> frozenset[str]:
    """Of some purposes, those that concern the same units as one of them.

    Args:
        purpose: as of a reservation.
        purposes: of all reservations.

    Returns:
        Those of `purposes` whose releases add up with those of `purpose`.
    """
    known = {*purposes, purpose}
    rules = {one.partition(".")[2] for one in known}
    if len(rules) > 1 or "" in rules:
        return frozenset(known)
    return frozenset(one for one in known if _is_held_out(one) == _is_held_out(purpose))


class Damaged(ClinfedError):
    """Entries do not fit together; the message names the entry."""


def read_book(rows: Iterable[Mapping[str, Any]]) -> Book:
    """Checks entries, in order and with their links.

    Raises:
        Damaged: they are not what was written.
    """
    chain, count = BEGINNING, 0
    caps: list[tuple[int, Cap]] = []
    reserved: dict[int, Mapping[str, Any]] = {}
    gone: set[int] = set()
    for count, row in enumerate(rows, start=1):
        entry = {name: value for name, value in row.items() if name != "chain"}
        chain = link(chain, entry)
        kind = entry.get("kind")
        if row.get("chain") != chain or entry.get("id") != count or kind not in FIELDS:
            raise Damaged(f"entry {count} is not the one that was written")
        fields = {"id", "at", "kind", *FIELDS[kind]}
        if set(entry) != fields or not isinstance(entry["at"], str) or not sound(kind, entry):
            raise Damaged(f"entry {count} has another form")
        if kind == "cap":
            cap = Cap(entry["unit"], entry["epsilon"], entry["delta"])
            if caps and (cap.unit, cap.delta) != (caps[0][1].unit, caps[0][1].delta):
                raise Damaged(f"entry {count} changes unit or delta")
            caps.append((len(reserved), cap))
        elif not caps:
            raise Damaged("it does not begin with a cap")
        elif kind == "reserved":
            reserved[count] = entry
        elif entry["reservation"] not in reserved or entry["reservation"] in gone:
            raise Damaged(f"entry {count} releases what was not reserved")
        else:
            gone.add(entry["reservation"])
    if not caps:
        raise Damaged("it is empty")
    made = (_reservation(entry, number in gone) for number, entry in reserved.items())
    return Book(tuple(caps), tuple(made), chain)


def sound(kind: str, entry: Mapping[str, Any]) -> bool:
    """Whether an entry's values are of their types and in their ranges."""
    try:
        if kind == "cap":
            Cap(entry["unit"], entry["epsilon"], entry["delta"])
        if kind == "reserved":
            release = Release(entry["noise_multiplier"], entry["sample_rate"], entry["steps"])
            words = _WORD.fullmatch(entry["run"]) and _WORD.fullmatch(entry["purpose"])
            number = type(entry["round"]) is int and 0 <= entry["round"] < 1 << 62
            return bool(words) and number and 0 < entry["alone"] <= release.noise_multiplier
    except (ClinfedError, TypeError, KeyError):
        return False
    return True


def link(before: str, entry: Mapping[str, Any]) -> str:
    """The chain after an entry; an entry is hashed without its own link."""
    return hashlib.sha256((before + canonical(entry)).encode("ascii")).hexdigest()


def canonical(tree: Any) -> str:
    """The one JSON form of a value."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def write_export(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes entries as JSON lines: one on the form, one for each entry with its link, one on what is spent.

    Args:
        path: of the new file.
        rows: entries in order.

    Raises:
        ChooseOutput: there is something already, or it cannot be written.
        Damaged: the entries are not what was written.
    """
    if path.exists():
        raise ChooseOutput("is there already", where=str(path), remedy="Name a new file.")
    lines = [{"form": FORM}, *rows, {"entries": len(rows), "spent": _tree(read_book(rows).spent())}]
    try:
        write_text(path, "".join(f"{canonical(line)}\n" for line in lines))
    except OSError as error:
        raise ChooseOutput(
            f"cannot be written ({error.strerror})", where=str(path), remedy="Name another file."
        ) from None


def verify(path: Path) -> Book:
    """Checks an exported ledger on its own: the chain, every cap that held, and what is spent.

    Returns:
        The entries.

    Raises:
        FixSettings: something does not fit.
    """
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        if len(lines) < 3 or lines[0] != {"form": FORM}:
            raise Damaged(f"it is not in the form {FORM}")
        book = read_book(lines[1:-1])
        _check_caps(book)
        tail, spent = lines[-1], _tree(book.spent())
        agree = all(_close(tail["spent"][name], value) for name, value in spent.items())
        if tail["entries"] != len(lines) - 2 or not agree:
            raise Damaged("what it says is spent is not what its entries cost")
    except OSError as error:
        raise FixSettings(
            f"cannot be read ({error.strerror})", where=str(path), remedy="Name an exported ledger."
        ) from None
    except Damaged as damage:
        raise FixSettings(
            f"the exported ledger does not verify: {damage}", where=str(path), remedy="Export it again."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FixSettings(
            f"is not a ledger in the form {FORM}", where=str(path), remedy="Name an exported ledger."
        ) from None
    return book


def _reservation(entry: Mapping[str, Any], released: bool) -> Reservation:
    return Reservation(
        id=entry["id"],
        at=entry["at"],
        run=entry["run"],
        round=entry["round"],
        purpose=entry["purpose"],
        release=Release(entry["noise_multiplier"], entry["sample_rate"], entry["steps"]),
        alone=entry["alone"],
        released=released,
    )


def _is_held_out(purpose: str) -> bool:
    return purpose.partition(".")[0] == HELD_OUT


def _spent(made: Sequence[Reservation], delta: float) -> Spent:
    purposes = {one.purpose for one in made}
    strands = {akin(purpose, purposes) for purpose in purposes} or {frozenset[str]()}
    costs = []
    for same in strands:
        own = [one for one in made if one.purpose in same]
        world = epsilon((one.release for one in own), delta)
        collude = epsilon((replace(one.release, noise_multiplier=one.alone) for one in own), delta)
        costs.append((world, collude))
    return Spent(
        world=max((world for world, _ in costs), key=lambda one: one.value),
        others_collude=max((collude for _, collude in costs), key=lambda one: one.value),
    )


def _check_caps(book: Book) -> None:
    """Each cap held for what was reserved under it."""
    ends = [made for made, _ in book.caps[1:]] + [len(book.reservations)]
    for (begin, cap), end in zip(book.caps, ends, strict=True):
        cost = _spent(book.reservations[:end], cap.delta).world.value
        if end > begin and cost > cap.epsilon * (1 + _TOLERANCE):
            raise Damaged("more was reserved than its cap allowed")


def _close(said: float | None, found: float | None) -> bool:
    """Whether two epsilons agree."""
    if said is None or found is None:
        return said is found
    return math.isclose(said, found, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _tree(spent: Spent) -> dict[str, float | None]:
    """Both epsilons; null for infinity."""
    both = {"world": spent.world.value, "others_collude": spent.others_collude.value}
    return {name: value if math.isfinite(value) else None for name, value in both.items()}
