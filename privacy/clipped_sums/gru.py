"""`nn.GRU` (Cho et al. 2014, arXiv:1406.1078, in the form of torch's documentation): gates r, z, n."""

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from privacy.clipped_sums.products import linear
from privacy.clipped_sums.recurrent import RecurrentKind, Take, time_first


class GruKind(RecurrentKind):
    """One layer, one direction."""

    @override
    def run(self, module: nn.GRU, inputs: Tensor, anchor: Tensor, take: Take) -> tuple[Tensor, Tensor]:
        weights = module.all_weights[0]
        biases = (weights[2], weights[3]) if module.bias else (None, None)
        states, state = _Gru.apply(inputs, anchor, weights[0], weights[1], *biases, take)  # type: ignore[no-untyped-call]
        return states, state


class _Gru(torch.autograd.Function):
    """Below, B rows, T steps, n inputs and h units; time comes first."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        anchor: Tensor,
        ih: Tensor,
        hh: Tensor,
        bias_ih: Tensor | None,
        bias_hh: Tensor | None,
        take: Take,
    ) -> tuple[Tensor, Tensor]:
        read = time_first(inputs)  # (T, B, n)
        steps, rows, _ = read.shape
        units = hh.shape[1]
        gates = linear(read.flatten(0, 1), ih, bias_ih).view(steps, rows, 3 * units)
        states = read.new_zeros(steps + 1, rows, units)  # before each step, and after the last
        recalled = read.new_empty(steps, rows, units)  # what the state says to n, before r gates it
        for step in range(steps):
            gate = gates[step]
            heard = linear(states[step], hh, bias_hh)  # (B, 3h)
            gate[:, : 2 * units].add_(heard[:, : 2 * units]).sigmoid_()
            reset, keep, new = gate.chunk(3, dim=1)
            recalled[step] = heard[:, 2 * units :]
            new.addcmul_(reset, recalled[step]).tanh_()
            torch.lerp(new, states[step], keep, out=states[step + 1])
        ctx.save_for_backward(read, ih, hh, gates, states, recalled)
        ctx.take = take
        ctx.set_materialize_grads(False)
        return states[1:].transpose(0, 1).contiguous(), states[-1:].clone()

    @staticmethod
    def backward(ctx: Any, *of: Tensor | None) -> tuple[Tensor | None, ...]:
        read, ih, hh, gates, states, recalled = ctx.saved_tensors
        steps, rows, units = recalled.shape
        of_states, of_state = of
        outer = torch.zeros_like(recalled) if of_states is None else time_first(of_states)
        state = read.new_zeros(rows, units) if of_state is None else of_state[0].clone()
        reset, keep, new = gates.chunk(3, dim=2)  # (T, B, h) each
        # How far each gate moves the state, all steps at once; the loop turns these slopes into gradients in place.
        slopes = torch.empty_like(gates)
        by_reset, by_keep, by_new = slopes.chunk(3, dim=2)
        torch.mul(1 - keep, 1 - new * new, out=by_new)
        torch.mul(keep * (1 - keep), states[:-1] - new, out=by_keep)
        torch.mul(by_new * recalled, reset * (1 - reset), out=by_reset)
        heard = slopes.clone()
        heard[:, :, 2 * units :] *= reset
        for step in range(steps - 1, -1, -1):
            state += outer[step]
            slopes[step].view(rows, 3, units).mul_(state.unsqueeze(1))
            heard[step].view(rows, 3, units).mul_(state.unsqueeze(1))
            if step:
                state = linear(heard[step], hh.t()).addcmul_(state, keep[step])
        ctx.take(read, states[:-1], slopes, heard)
        below: Tensor | None = None
        if ctx.needs_input_grad[0]:
            below = linear(slopes.flatten(0, 1), ih.t()).view_as(read).transpose(0, 1)
        return below, None, None, None, None, None, None
