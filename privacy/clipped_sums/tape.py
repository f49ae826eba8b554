"""One micro-batch, forward and backward, with every trained layer watched; afterwards the model is as it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from privacy.clipped_sums.distinct_words import find_speller, tell_words_apart
from privacy.clipped_sums.kinds import find_layers
from privacy.clipped_sums.layer import Layer
from privacy.clipped_sums.outer import Grams
from privacy.clipped_sums.terms import Term
from privacy.clipped_sums.units import Present, Roll, UnitRows
from shared.errors import FixSettings
from shared.models.birnn import BirnnTagger

M = TypeVar("M")


@dataclass(frozen=True)
class Part:
    """What one micro-batch gave.

    Args:
        present: its units.
        terms: the units' gradients, by name of the trained weight; a weight that the losses do not depend on is
            left out.
        squares: squared norms of the units' gradients over all weights, float64, shape `(units,)`; of the units that
            are whole only, and zeros if none is. With `most_units`, no less than they are (`Bounds`).
        slips: as `squares`, of `Bounds`; zeros without `most_units`.
        loss: sum of the losses.
        end: examples up to and with this micro-batch.
    """

    present: Present
    terms: Mapping[str, Term]
    squares: Tensor
    slips: Tensor
    loss: float
    end: int


def backward_passes(
    model: nn.Module,
    named_parameters: Mapping[str, nn.Parameter],
    loss_of: Callable[[M], Tensor],
    microbatches: Iterable[M],
    roll: Roll,
    *,
    norms: bool,
    most_units: int | None = None,
) -> Iterator[Part]:
    """Runs micro-batch after micro-batch; between two, and after an exception, the model is as it was.

    Args:
        model: the network.
        named_parameters: the trained weights.
        loss_of: the loss of each example of a micro-batch, shape `(examples,)`.
        microbatches: what `loss_of` takes; none is looked at here.
        roll: the units of all examples.
        norms: whether norms are wanted.
        most_units: of a micro-batch, to have proved bounds in place of norms.

    Raises:
        FixSettings: see `clipped_sum`.
    """
    layers, weights, speller = (
        find_layers(model, named_parameters),
        list(model.parameters()),
        find_speller(model),
    )
    start = 0
    for microbatch in microbatches:
        tape = _Tape(layers, roll, start, norms=norms, most_units=most_units)
        with _watched(weights, speller, layers, tape):
            losses = loss_of(microbatch)
            tape.end_forward(losses)
            losses.sum().backward()
        start += len(losses)
        part = Part(tape.present, tape.terms, tape.squares, tape.slips, float(losses.detach().sum()), start)
        del losses, tape  # and the graph, before the next one is built
        yield part
        del part
    if start != roll.examples:
        raise FixSettings(
            f"{start} examples came, but {roll.examples} unit ids were given",
            where="unit_of",
            remedy="Give one unit id for each example.",
        )


class _Tape:
    """The `layer.Tape` of one micro-batch."""

    def __init__(
        self, layers: Sequence[Layer], roll: Roll, start: int, *, norms: bool, most_units: int | None
    ) -> None:
        self.grams = Grams()
        self.terms: dict[str, Term] = {}
        self.squares = self.slips = torch.zeros(0, dtype=torch.float64)
        self._most_units = most_units
        self._layers, self._roll, self._start, self._norms = layers, roll, start, norms
        self._present: Present | None = None
        self._ran: set[str] = set()
        self._own_rows: dict[str, UnitRows] = {}
        self._rows: dict[int, UnitRows] = {}

    @property
    def present(self) -> Present:
        """The units of the micro-batch, once its examples are counted."""
        if self._present is None:
            raise FixSettings(
                "a gradient came before the losses", where="loss_of", remedy="Return the losses."
            )
        return self._present

    def count(self, examples: int) -> Present:
        """Notes how many examples the micro-batch holds."""
        if self._present is None:
            self._present = self._roll.present(self._start, examples)
        elif len(self._present.owner) != examples:
            raise FixSettings(
                f"{examples} losses for {len(self._present.owner)} examples", where="loss_of", remedy=_LOSSES
            )
        return self._present

    def set_rows(self, names: Iterable[str], owner: Tensor) -> None:
        """Says whose rows some layers read, where these are not examples or a fixed number for each."""
        rows = UnitRows(owner, len(self.present.units))
        self._own_rows |= dict.fromkeys(names, rows)

    def end_forward(self, losses: Tensor) -> None:
        """Checks what the forward pass left."""
        if losses.dim() != 1 or not len(losses):
            raise FixSettings(f"losses of shape {tuple(losses.shape)}", where="loss_of", remedy=_LOSSES)
        for layer in self._layers:
            if layer.name not in self._ran:
                raise layer.unfit("it did not run as a module of its own")
        if not losses.requires_grad:
            raise FixSettings("the losses have no gradient", where="loss_of", remedy=_LOSSES)
        present = self.count(len(losses))
        self.squares = torch.zeros(len(present.units), dtype=torch.float64)
        self.slips = torch.zeros_like(self.squares)
        self._norms = self._norms and bool(present.whole.any())

    def ran(self, layer: Layer) -> None:
        if layer.name in self._ran:
            raise layer.unfit("it ran more than once in one pass")
        self._ran.add(layer.name)

    def rows(self, layer: Layer, count: int) -> UnitRows:
        own = self._own_rows.get(layer.name)
        if own is not None and len(own.owner) == count:
            return own
        if own is not None or count % len(self.present.owner):
            raise layer.unfit(f"it read {count} rows for {len(self.present.owner)} examples")
        if count not in self._rows:
            each = count // len(self.present.owner)
            self._rows[count] = UnitRows(self.present.owner.repeat_interleave(each), len(self.present.units))
        return self._rows[count]

    def give(self, layer: Layer, terms: Mapping[str, Term]) -> None:
        for own, name in layer.weights.items():
            self.terms[name] = terms[own]
            if self._norms and self._most_units is not None:
                bounds = terms[own].bounds(self._most_units)
                self.squares += bounds.squares
                self.slips += bounds.slips
            elif self._norms:
                self.squares += terms[own].squared_norms()


_LOSSES = "Return one loss for each example, shape (examples,), that the trained weights lead to."


@contextmanager
def _watched(
    weights: Sequence[nn.Parameter], speller: BirnnTagger | None, layers: Sequence[Layer], tape: _Tape
) -> Iterator[None]:
    """Hooks on, weights frozen: the backward pass then forms no gradient of a weight, only what our hooks ask for."""
    learning = [weight for weight in weights if weight.requires_grad]
    handles: list[RemovableHandle] = []
    try:
        for weight in learning:
            weight.requires_grad_(False)
        handles += tell_words_apart(speller, layers, tape.count, tape.set_rows)
        for layer in layers:
            handles += layer.kind.attach(layer, tape)
        with torch.enable_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()
        for weight in learning:
            weight.requires_grad_()
