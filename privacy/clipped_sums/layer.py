"""How a layer is watched for one micro-batch: what goes in is kept, and the gradient of what comes out is taken."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from privacy.clipped_sums.outer import Grams
from privacy.clipped_sums.terms import Term
from privacy.clipped_sums.units import UnitRows
from shared.errors import FixSettings


class Tape(Protocol):
    """What a layer tells of one micro-batch."""

    @property
    def grams(self) -> Grams:
        """Shared by all layers of the micro-batch."""

    def ran(self, layer: "Layer") -> None:
        """Notes that the layer ran.

        Raises:
            FixSettings: for the second time.
        """

    def rows(self, layer: "Layer", count: int) -> UnitRows:
        """The units of the layer's rows, once the losses are there.

        Raises:
            FixSettings: that many rows cannot be told apart by example.
        """

    def give(self, layer: "Layer", terms: Mapping[str, Term]) -> None:
        """Hands over the gradients, by the module's own name of the weight."""


@dataclass(frozen=True)
class Layer:
    """A module that is watched.

    Args:
        name: in the model.
        module: itself.
        weights: the trained weights' names in the model, by the module's own names (`weight`, `bias`).
        kind: how its gradients come about.
    """

    name: str
    module: nn.Module
    weights: Mapping[str, str]
    kind: "Kind"

    def unfit(self, what: str) -> FixSettings:
        """The error that names this layer."""
        return FixSettings(
            f"{what}, so its gradient cannot be told apart by unit",
            where=self.name or type(self.module).__name__,
            remedy="Freeze its weights, or train another set of weights.",
        )


class Kind(ABC):
    """Layers of one type."""

    names: frozenset[str] = frozenset({"weight", "bias"})
    """The weights it knows, as a module names them; others (a weight's norm, a mask) mean another layer."""

    @abstractmethod
    def refusal(self, module: Any) -> str:
        """What of this module's settings stands against it, without a final full stop; empty if nothing."""

    @abstractmethod
    def attach(self, layer: Layer, tape: Tape) -> list[RemovableHandle]:
        """Registers the hooks of one micro-batch; whoever calls removes them."""


class PlainKind(Kind):
    """Layers that make one tensor from one tensor, whose gradients follow from both."""

    @abstractmethod
    def terms(
        self,
        module: Any,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        """The gradients of the wanted weights.

        Args:
            module: the layer.
            inputs: what it read, shape `(rows, ...)`.
            gradient: of what it wrote, shape `(rows, ...)`.
            rows: their units.
            wanted: the module's own names of its trained weights.
            grams: shared by the micro-batch.
        """

    def needs_inputs(self, wanted: Collection[str]) -> bool:
        """Whether what goes in must be kept."""
        return True

    @override
    def attach(self, layer: Layer, tape: Tape) -> list[RemovableHandle]:
        keep = self.needs_inputs(layer.weights)

        def ran(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Tensor:
            tape.ran(layer)
            tensors = len(args) == 1 and isinstance(args[0], Tensor) and isinstance(output, Tensor)
            if kwargs or not tensors:
                raise layer.unfit("it was not called with one tensor")
            if not torch.is_grad_enabled():
                raise layer.unfit("it ran where gradients are off")
            inputs = args[0].detach() if keep else None
            version = args[0]._version
            if not output.requires_grad:  # nothing below it learns: a leaf for the backward pass to end at
                output = output.detach().requires_grad_().clone()

            def take(gradient: Tensor) -> None:
                nonlocal inputs
                read, inputs = inputs, None
                if read is not None and read._version != version:
                    raise layer.unfit("what it read was changed in place afterwards")
                rows = tape.rows(layer, len(gradient))
                gradient = gradient.detach()
                read = gradient if read is None else read
                tape.give(layer, self.terms(module, read, gradient, rows, layer.weights, tape.grams))

            watched: Tensor = output
            watched.register_hook(take)
            return watched

        return [layer.module.register_forward_hook(ran, prepend=True, with_kwargs=True)]


def by_position(values: Tensor) -> Tensor:
    """`(rows, ..., width)` as `(rows, positions, width)`."""
    if values.dim() == 3:
        return values
    flat: Tensor = values.unsqueeze(1) if values.dim() == 2 else values.flatten(1, -2)
    return flat
