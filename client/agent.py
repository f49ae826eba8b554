"""The hospital's agent: it alone holds notes. Orders come in, vectors go out, masked wherever the site has a key.

It is the long-lived half of a hospital's node; the Flower-facing half (`client/app.py`) holds nothing.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib.metadata import version

from client.private import PrivateSite, Released, Sum, declared
from client.secure import SecureSums
from privacy.site import Budget
from shared.cooccurrence import Counting
from shared.count_order import CountUnit, PrivateCounts
from shared.errors import FixSettings
from shared.examples import Example, read_examples, thin
from shared.extractor import ScoredNotes
from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger, Weights, get_weights, set_weights
from shared.refusal import Reason, RefuseRound
from shared.scores import COUNTS_PER_LABEL
from shared.sources import HospitalNotes, NoteSource, read_source
from shared.training import steps_a_round, train
from shared.units import Unit, owners
from shared.vector import Vector, counting_layout, training_layout
from shared.wire import Hello, Order


class Agent:
    """One hospital's notes, and what may be computed from them.

    Args:
        source: where the notes are; they are read when first needed.
        secure: the site's secure sums; without it the site sends vectors in the clear.
        budget: what may be released of its patients; without it the site answers without noise.
        countings: digests of what may be counted exactly; see `privacy.site.SiteSettings`.

    Raises:
        FixSettings: there is a budget and no way to keep to it.
    """

    def __init__(
        self,
        source: NoteSource,
        secure: SecureSums | None = None,
        budget: Budget | None = None,
        countings: Collection[str] = (),
    ) -> None:
        self.source, self.secure, self.countings = source, secure, frozenset(countings)
        self.private = _private_site(source, secure, budget)
        self._notes: HospitalNotes | None = None
        self._read_for: ModelSettings | None = None
        self._train: Sequence[Example] = ()
        self._held_out: ScoredNotes | None = None

    def hello(self, model: ModelSettings | None, unit: Unit | None = None) -> Hello:
        """Says how many notes there are, which labels they carry, and how many examples the model makes of them.

        Args:
            model: that makes examples; without one, notes are counted in their place.
            unit: of privacy, counted in place of examples. A site with a budget rounds all sizes, which are public.
        """
        notes = self._own_notes()
        if model is None:
            self._notes = None
            sizes = len({note.patient_id for note in notes.train}) if unit == "patient" else len(notes.train)
        else:
            _, examples, _ = self._ready(model)
            sizes = len(set(owners(unit, examples)) if unit else examples)
        told: Callable[[int], int] = declared if self.private else int
        return Hello(
            hospital=self.source.hospital,
            version=version("clinfed"),
            labels=sorted(notes.labels),
            notes=told(len(notes.train) + len(notes.held_out)),
            patients=told(len(notes.patients)),
            train_notes=told(len(notes.train)),
            held_out_notes=told(len(notes.held_out)),
            train_examples=told(max(1, sizes)),
        )

    def update(self, order: Order, weights: Weights) -> Vector:
        """Trains from the global weights and returns the weighted difference.

        Args:
            order: round, model and recipe.
            weights: the global model's trained weights.

        Returns:
            `[examples * (trained - global), examples, examples * loss]`, float32, laid out by
            `training_layout`.
        """
        tagger, examples, _ = self._ready(order.model)
        set_weights(tagger, weights)
        report = train(
            tagger,
            examples,
            order.recipe,
            seed=derive_seed(order.seed, order.round, self.source.hospital),
            steps=steps_a_round(order.recipe, len(examples)),
            begin=(order.round - 1) / order.rounds,
            end=order.round / order.rounds,
        )
        after = get_weights(tagger)
        layout = training_layout({name: array.shape for name, array in weights.items()})
        return layout.pack(
            {name: (after[name] - array) * report.examples for name, array in weights.items()},
            {"examples": report.examples, "loss": report.examples * report.loss},
        )

    def evaluate(self, order: Order, weights: Weights) -> Vector:
        """Scores the global model on the held-out patients.

        Args:
            order: round and model.
            weights: the global model's trained weights.

        Returns:
            Counts of `shared.scores`, laid out by `counting_layout`.
        """
        tagger, _, held_out = self._ready(order.model)
        set_weights(tagger, weights)
        layout = counting_layout(len(order.model.labels), COUNTS_PER_LABEL)
        return layout.pack({"counts": held_out.count(tagger)}, {})

    def private_update(self, order: Order, weights: Weights, secure: Sum) -> Released:
        """The sum of clipped gradients at the global weights, with noise; see `PrivateSite.gradient`."""
        site = self._private()
        tagger, examples, _ = self._ready(order.model)
        set_weights(tagger, weights)
        return site.gradient(order, secure, tagger, examples)

    def private_training(self, order: Order, weights: Weights, secure: Sum) -> tuple[Vector, int]:
        """Trains with noise of its own.

        Returns:
            As `update`, with the declared number of units in place of examples and no loss; and the reservation.
        """
        site = self._private()
        tagger, examples, _ = self._ready(order.model)
        set_weights(tagger, weights)
        reservation = site.trained(order, secure, tagger, examples)
        after = get_weights(tagger)
        units = site.declared_units(order, examples)
        layout = training_layout({name: array.shape for name, array in weights.items()})
        vector = layout.pack(
            {name: (after[name] - array) * units for name, array in weights.items()},
            {"examples": units, "loss": 0.0},
        )
        return vector, reservation

    def private_evaluation(self, order: Order, weights: Weights, secure: Sum) -> Released:
        """The sum of clipped counts of held-out units, with noise; see `PrivateSite.counts`."""
        site = self._private()
        tagger, _, held_out = self._ready(order.model)
        set_weights(tagger, weights)
        return site.counts(order, secure, lambda unit: held_out.count_by_unit(tagger, unit))

    def train_texts_by_unit(self, unit: CountUnit) -> Iterator[list[str]]:
        """The texts of each patient or note that is trained on; notes are read when the first is asked for."""
        notes, self._notes = self._own_notes().train, None
        if unit == "note":
            yield from ([note.text] for note in notes)
            return
        by_patient: dict[str, list[str]] = {}
        for note in notes:
            by_patient.setdefault(note.patient_id, []).append(note.text)
        yield from by_patient.values()

    def private_pair_counts(
        self, asked: PrivateCounts, secure: Sum, counting: Counting, units: Iterable[list[str]]
    ) -> Released:
        """The sum of bounded counts of word pairs, with noise; see `PrivateSite.pair_counts`."""
        return self._private().pair_counts(asked, secure, counting, units)

    def note_release(self, reservation: int) -> None:
        """Notes that what was reserved goes out now."""
        self._private().released(reservation)

    def _private(self) -> PrivateSite:
        if self.private is None:
            raise RefuseRound(Reason.NO_BUDGET)
        return self.private

    def forget(self) -> None:
        """Drops what was read; it is read again when needed."""
        self._notes = self._read_for = self._held_out = None
        self._train = ()

    def _own_notes(self) -> HospitalNotes:
        if self._notes is None:
            self._notes = read_source(self.source)
        return self._notes

    def _ready(self, settings: ModelSettings) -> tuple[Tagger, Sequence[Example], ScoredNotes]:
        """The network, and this hospital's notes as its inputs, read once and kept over rounds."""
        tagger = _network(settings)
        if self._held_out is None or self._read_for != settings:
            notes = self._own_notes()
            read = thin(read_examples(notes.train, tagger.tagset, tagger.reader), settings.windows_a_note)
            unit = self.private.unit if self.private else None
            train_examples = tagger.prepare(read, owners(unit, read) if unit else None)
            self._held_out = ScoredNotes(tagger, notes.held_out, unit)
            self._train, self._read_for = train_examples, settings
        self._notes = None  # from here on numbers suffice
        return tagger, self._train, self._held_out


def derive_seed(seed: int, round_number: int, hospital: str) -> int:
    """A hospital's seed for one round, the same whenever the round is run again."""
    digest = hashlib.sha256(f"{seed}/{round_number}/{hospital}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _private_site(source: NoteSource, secure: SecureSums | None, budget: Budget | None) -> PrivateSite | None:
    if budget is None:
        return None
    if secure is None:
        raise FixSettings(
            "a privacy budget needs secure sums, which add the hospitals' noise up",
            where="budget",
            remedy="Provision this site.",
        )
    if source.partition is None and not source.by_chance:
        raise FixSettings(
            "patients are held out by rank, so one patient more may move another",
            where="by_chance",
            remedy="Set by_chance = true for this site's notes.",
        )
    return PrivateSite(budget, source.rule)


@lru_cache(maxsize=1)
def _network(settings: ModelSettings) -> Tagger:
    """One network a process: all agents of a local federation share it, each order brings its own weights."""
    return build_tagger(settings)
