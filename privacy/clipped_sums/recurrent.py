"""What `nn.LSTM` and `nn.GRU` have in common: the gradients of their gates, which torch's kernels keep to themselves.

With the gates' gradients at every step, both matrices' gradients are sums of outer products like any other. So the
pass is computed here, step by step, in place of the module's own: a hook lets the module run on a stub of one step
of one row, and puts this pass's result in place of what it returns.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from typing_extensions import override

from privacy.clipped_sums.layer import Kind, Layer, Tape
from privacy.clipped_sums.outer import Outer
from privacy.clipped_sums.terms import Sum, Term

Take = Callable[[Tensor, Tensor, Tensor, Tensor], None]
"""Takes, all with time first, `(steps, rows, ...)`: what was read, the state before each step, and the gradients of
what either matrix wrote."""


class RecurrentKind(Kind):
    """One layer, one direction, `batch_first`, started from zeros."""

    names = frozenset({"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"})

    @override
    def refusal(self, module: nn.RNNBase) -> str:
        if module.num_layers != 1 or module.bidirectional:
            return "it has several layers or directions"
        if module.proj_size:
            return "it projects its state"
        return "" if module.batch_first else "it reads time before examples"

    @abstractmethod
    def run(self, module: Any, inputs: Tensor, anchor: Tensor, take: Take) -> tuple[Tensor, Any]:
        """What the module would return, with a backward pass that calls `take`.

        Args:
            module: the layer.
            inputs: shape `(rows, steps, n)`, float32.
            anchor: a scalar that requires a gradient, so that the result does.
            take: called once, in the backward pass.
        """

    @override
    def attach(self, layer: Layer, tape: Tape) -> list[RemovableHandle]:
        read: list[Tensor] = []

        def stub(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            tape.ran(layer)
            if len(args) != 1 or kwargs or not isinstance(args[0], Tensor) or args[0].dim() != 3:
                raise layer.unfit("it was not called with one tensor of three dimensions")
            if args[0].dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
                raise layer.unfit("it runs in another precision than float32")
            if not args[0].numel():
                raise layer.unfit("it reads nothing")
            read.append(args[0])
            return (args[0].detach()[:1, :1],), {}

        def result(module: nn.RNNBase, _: Any, __: Any) -> Any:
            def take(inputs: Tensor, states: Tensor, of_inputs: Tensor, of_states: Tensor) -> None:
                same = of_states is of_inputs
                rows = tape.rows(layer, inputs.shape[1])
                inputs, states, of_inputs, of_states = (
                    tensor.transpose(0, 1) for tensor in (inputs, states, of_inputs, of_states)
                )
                terms: dict[str, Term] = {
                    "weight_ih_l0": Outer(inputs, of_inputs, rows, tape.grams),
                    "weight_hh_l0": Outer(states, of_states, rows, tape.grams),
                }
                if module.bias:
                    terms["bias_ih_l0"] = Sum(of_inputs, rows)
                    terms["bias_hh_l0"] = terms["bias_ih_l0"] if same else Sum(of_states, rows)
                tape.give(layer, terms)

            return self.run(module, read.pop(), torch.zeros((), requires_grad=True), take)

        return [
            layer.module.register_forward_pre_hook(stub, with_kwargs=True),
            layer.module.register_forward_hook(result, prepend=True),
        ]


def time_first(values: Tensor) -> Tensor:
    """`(rows, steps, n)` as `(steps, rows, n)`, contiguous."""
    return values.transpose(0, 1).contiguous()
