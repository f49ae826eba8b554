"""`nn.LSTM` (Hochreiter & Schmidhuber 1997, in the form of torch's documentation): gates i, f, g, o."""

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from privacy.clipped_sums.products import linear
from privacy.clipped_sums.recurrent import RecurrentKind, Take, time_first

_sigmoid_slope = torch.ops.aten.sigmoid_backward.grad_input
_tanh_slope = torch.ops.aten.tanh_backward.grad_input


class LstmKind(RecurrentKind):
    """One layer, one direction."""

    @override
    def run(
        self, module: nn.LSTM, inputs: Tensor, anchor: Tensor, take: Take
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        weights = module.all_weights[0]
        bias = weights[2] + weights[3] if module.bias else None
        states, state, cell = _Lstm.apply(inputs, anchor, weights[0], weights[1], bias, take)  # type: ignore[no-untyped-call]
        return states, (state, cell)


class _Lstm(torch.autograd.Function):
    """Below, B rows, T steps, n inputs and h units; time comes first."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, anchor: Tensor, ih: Tensor, hh: Tensor, bias: Tensor | None, take: Take
    ) -> tuple[Tensor, Tensor, Tensor]:
        read = time_first(inputs)  # (T, B, n)
        steps, rows, _ = read.shape
        units = hh.shape[1]
        # tanh(x) = 2 sigmoid(2x) - 1: with the rows of gate g doubled, one sigmoid serves all four gates.
        ih_doubled, hh_doubled = _doubled(ih), _doubled(hh)
        bias_doubled = None if bias is None else _doubled(bias)
        gates = linear(read.flatten(0, 1), ih_doubled, bias_doubled).view(steps, rows, 4 * units)
        states = read.new_zeros(steps + 1, rows, units)  # before each step, and after the last
        cells = read.new_zeros(steps + 1, rows, units)
        bounded = read.new_empty(steps, rows, units)  # tanh of the cells
        views = [tensor.unbind(0) for tensor in (gates, *gates.chunk(4, dim=2), bounded)]
        state, cell = states.unbind(0), cells.unbind(0)
        for step, (gate, enter, keep, new, leave, bound) in enumerate(zip(*views, strict=True)):
            if step:
                gate += linear(state[step], hh_doubled)
            gate.sigmoid_()
            new.mul_(2.0).sub_(1.0)
            torch.mul(keep, cell[step], out=cell[step + 1]).addcmul_(enter, new)
            torch.mul(cell[step + 1], 2.0, out=bound).sigmoid_().mul_(2.0).sub_(1.0)
            torch.mul(leave, bound, out=state[step + 1])
        ctx.save_for_backward(read, ih, hh, gates, states, cells, bounded)
        ctx.take = take
        ctx.set_materialize_grads(False)
        written = states[1:].transpose(0, 1)  # (B, T, h)
        return written.contiguous(), states[-1:].clone(), cells[-1:].clone()

    @staticmethod
    def backward(ctx: Any, *of: Tensor | None) -> tuple[Tensor | None, ...]:
        read, ih, hh, gates, states, cells, bounded = ctx.saved_tensors
        _, rows, units = bounded.shape
        of_states, of_state, of_cell = of
        outer = torch.zeros_like(bounded) if of_states is None else time_first(of_states)
        state = read.new_zeros(rows, units) if of_state is None else of_state[0].clone()
        cell = read.new_zeros(rows, units) if of_cell is None else of_cell[0].clone()
        # How far each gate moves the cell (i, f, g) or the state (o), all steps at once; the loop below turns these
        # slopes into the gates' gradients in place.
        enter, keep, new, leave = gates.chunk(4, dim=2)  # (T, B, h) each
        slopes = torch.empty_like(gates)
        by_enter, by_keep, by_new, by_leave = slopes.chunk(4, dim=2)
        _sigmoid_slope(new, enter, grad_input=by_enter)
        _sigmoid_slope(cells[:-1], keep, grad_input=by_keep)
        _tanh_slope(enter, new, grad_input=by_new)
        _sigmoid_slope(bounded, leave, grad_input=by_leave)
        through = torch.ops.aten.tanh_backward(leave, bounded)  # from the state to the cell
        move = slopes.unflatten(2, (4, units))[:, :, :3].unbind(0)
        slope, show, late, forget = (tensor.unbind(0) for tensor in (slopes, by_leave, through, keep))
        hh_turned = hh.t()
        for step, written in reversed(list(enumerate(outer.unbind(0)))):
            state += written
            cell.addcmul_(state, late[step])
            move[step].mul_(cell.unsqueeze(1))
            show[step].mul_(state)
            cell.mul_(forget[step])
            if step:
                state = linear(slope[step], hh_turned)
        ctx.take(read, states[:-1], slopes, slopes)
        below: Tensor | None = None
        if ctx.needs_input_grad[0]:
            below = linear(slopes.flatten(0, 1), ih.t()).view_as(read).transpose(0, 1)
        return below, None, None, None, None, None


def _doubled(weight: Tensor) -> Tensor:
    """A copy with the rows of gate g, the third of four, twice as large."""
    doubled = weight.clone()
    doubled.unflatten(0, (4, -1))[2].mul_(2.0)
    return doubled
