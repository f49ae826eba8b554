"""Gradients of a batch, clipped by unit of privacy (patient, note or sentence), without one gradient per example.

    clipped_sum(model, named_parameters, loss_of, microbatches, unit_of, max_grad_norm) -> ClippedSum
    per_unit_gradients(model, named_parameters, loss_of, microbatches, unit_of) -> iterator of (unit, vector)

One forward and one backward pass give what every trained layer read and the gradient of what it wrote; of these alone
follow the norm of each unit's gradient and the weighted sum over units (book-keeping, Bu et al. 2023,
arXiv:2210.00038). All examples of a unit count as one. The model is any `nn.Module` whose examples do not mix; hooks
watch it, nothing in it is replaced, and between two micro-batches and after an error it is as it was.

Which path guarantees what:

| | `clipped_sum` | `per_unit_gradients` | `privacy.block_sum`, on `Term.bounds` |
|---|---|---|---|
| gives | the sum, clipped in floating point | each unit's vector, not clipped | the sum, in integers |
| a unit moves it by | C (1 + 1e-6) and float32 rounding of the others | its own vector alone | at most the grid |
| proved by | nothing: a float bound | counting integers, if units run alone | bounds of all rounding |
| memory | no gradient of a unit, but for one spread over micro-batches | a block of units' gradients | no unit's |
| for | choosing C, comparisons | what does not fit into blocks | all that leaves a hospital |

Layers: `Linear` (so LoRA's A and B), `LayerNorm`, `Embedding`, `EmbeddingBag`, `Conv1d`, `LSTM` and `GRU` (one layer,
one direction, `batch_first`); what Opacus knows besides goes through its samplers, row by row. Refused, as
`FixSettings`: any other layer, one that runs twice or not at all in a forward pass, a weight that two layers share.

The first dimension of what a layer reads must be the examples, or a fixed number of rows for each, one example after
another. That cannot be seen from a tensor; `privacy.dpsgd.check_gradients` compares with autograd beforehand.

In bfloat16 (autocast) a unit's norm may be an upper estimate by a per cent or two: inner products are rounded, and
what rounding may hide is added.
"""

from privacy.clipped_sums.sums import ClippedSum, clipped_sum, per_unit_gradients

__all__ = ["ClippedSum", "clipped_sum", "per_unit_gradients"]
