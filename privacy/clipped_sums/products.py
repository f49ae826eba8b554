"""Matrix products in float32: oneDNN's where torch has them, which on some processors are twice as fast as BLAS.

torch sends a float32 product on a CPU to BLAS (MKL), whose fast kernels are for one maker's processors. The operator
used here is oneDNN's plain float32 one, which torch's own compiler calls; nothing is rounded to fewer bits.
None of these functions is recorded for a backward pass.
"""

from typing import Any

import torch
from torch import Tensor

_WORTH = 1 << 20  # multiplications of one matrix product from which a call of its own beats one batched call


def _find_onednn() -> Any:
    """OneDNN's `inputs @ weight.T + bias`; None where this build of torch lacks it."""
    if not torch.backends.mkldnn.is_available():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_ONEDNN = _find_onednn()
_HAS_BF16 = _ONEDNN is not None and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def linear(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`inputs @ weight.T + bias`.

    Args:
        inputs: shape `(rows, n)`, any strides.
        weight: shape `(m, n)`, any strides.
        bias: shape `(m,)`.

    Returns:
        Shape `(rows, m)`.
    """
    if _ONEDNN is None or not inputs.numel() or not weight.numel():
        return torch.nn.functional.linear(inputs, weight, bias)
    product: Tensor = _ONEDNN(_dense(inputs), _dense(weight), bias, "none", [], "")
    return product


def outer_sum(left: Tensor, right: Tensor) -> Tensor:
    """Sum over rows of `left[row] right[row]^T`.

    Args:
        left: shape `(rows, m)`.
        right: shape `(rows, n)`.

    Returns:
        Shape `(m, n)`.
    """
    if left.shape[1] <= right.shape[1]:  # the narrower one first is faster
        return linear(left.t(), right.t())
    return linear(right.t(), left.t()).t()


def outer_sums(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Sum over rows of `left[row] right[row]^T`, for each unit.

    Args:
        left: float32 or bfloat16, shape `(units, rows, m)`.
        right: of the same type, shape `(units, rows, n)`.
        out: float32, shape `(units, m, n)`, where to write them; None for a new tensor.

    Returns:
        Float32, shape `(units, m, n)`; rounded once to bfloat16 if `is_rounded(left)`.
    """
    units, rows, m = left.shape
    n = right.shape[2]
    if is_rounded(left) and is_rounded(right):
        rounded = torch.bmm(left.mT, right)
        return rounded.float() if out is None else out.copy_(rounded)
    left, right = left.float(), right.float()
    if _ONEDNN is not None and rows * m * n >= _WORTH and left.is_contiguous() and right.is_contiguous():
        sums = left.new_empty(units, m, n) if out is None else out
        for unit in range(units):
            sums[unit] = linear(left[unit].t(), right[unit].t())
        return sums
    return torch.bmm(left.mT, right) if out is None else torch.bmm(left.mT, right, out=out)


def gram(rows: Tensor) -> Tensor:
    """Inner products of all pairs of a unit's rows.

    Args:
        rows: float32 or bfloat16, shape `(units, rows, width)`.

    Returns:
        Float32, shape `(units, rows, rows)`; each rounded once to bfloat16 if `is_rounded(rows)`.
    """
    if is_rounded(rows):
        return torch.bmm(rows, rows.mT).float()
    rows = rows.float()
    units, count, width = rows.shape
    if _ONEDNN is not None and count * count * width >= _WORTH and rows.is_contiguous():
        products = rows.new_empty(units, count, count)
        for unit in range(units):
            products[unit] = linear(rows[unit], rows[unit])
        return products
    return torch.bmm(rows, rows.mT)


def is_rounded(rows: Tensor) -> bool:
    """Whether a sum is rounded: of bfloat16, where the processor multiplies these itself (and adds in float32)."""
    return rows.dtype == torch.bfloat16 and _HAS_BF16


def _dense(matrix: Tensor) -> Tensor:
    """The same, without gaps between rows or columns: with them, oneDNN is hundreds of times slower."""
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()
