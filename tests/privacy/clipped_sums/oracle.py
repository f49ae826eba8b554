"""What a sum of clipped gradients is, done the slow and obvious way: one unit after another, by autograd.

Beside it small networks, one for each kind of layer, on sequences that are padded.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from privacy.clipped_sums import ClippedSum, clipped_sum, per_unit_gradients
from shared.tags import IGNORED

Vector = NDArray[np.float64]
MicroBatch = tuple[Tensor, Tensor]  # ids, 0 pads, (examples, words); tags, (examples, words)

EXAMPLES, WORDS, IDS, TAGS = 9, 5, 12, 3

GROUPINGS: dict[str, tuple[int, ...]] = {
    "one example each": (0, 1, 2, 3, 4, 5, 6, 7, 8),
    "several each, ids in no order": (7, 7, 2, 2, 2, 9, 4, 4, 4),
    "taking turns": (1, 2, 3, 1, 2, 3, 1, 2, 3),
    "all of one": (5,) * 9,
    "one large, the rest alone": (0, 0, 0, 0, 0, 0, 1, 2, 3),
}


@dataclass(frozen=True)
class Case:
    """A network that scores each word's tag, and examples of 1 to `WORDS` words; `trims` if padding has no say."""

    model: nn.Module
    ids: Tensor
    tags: Tensor
    trims: bool = True

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        return {name: w for name, w in sorted(self.model.named_parameters()) if w.requires_grad}

    def loss_of(self, microbatch: MicroBatch) -> Tensor:
        ids, tags = microbatch
        scores = 3.0 * self.model(ids)
        each = cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=IGNORED, reduction="none")
        return each.view(tags.shape).sum(1) / (tags != IGNORED).sum(1)

    def cut(self, sizes: Sequence[int]) -> list[MicroBatch]:
        """Micro-batches of these sizes, which add up to all; padded no further than needed if padding has no say."""
        pieces: list[MicroBatch] = []
        for ids, tags in zip(self.ids.split(list(sizes)), self.tags.split(list(sizes)), strict=True):
            longest = int((ids != 0).sum(1).max()) if self.trims else WORDS
            pieces.append((ids[:, :longest], tags[:, :longest]))
        return pieces

    def microbatches(self, size: int) -> list[MicroBatch]:
        """Micro-batches of one size, the last one of what is left."""
        return self.cut([min(size, len(self.ids) - at) for at in range(0, len(self.ids), size)])

    def sum(self, unit_of: Sequence[int], bound: float, size: int = 3) -> ClippedSum:
        return clipped_sum(self.model, self.weights, self.loss_of, self.microbatches(size), unit_of, bound)

    def units(self, unit_of: Sequence[int], size: int = 3, **settings: Any) -> dict[int, Vector]:
        found = per_unit_gradients(
            self.model, self.weights, self.loss_of, self.microbatches(size), unit_of, **settings
        )
        return {unit: gradient.astype(np.float64) for unit, gradient in found}

    def only(self, rows: Sequence[int]) -> "Case":
        """Some of the examples."""
        return replace(self, ids=self.ids[list(rows)], tags=self.tags[list(rows)])


def make_case(model: nn.Module, *, seed: int = 0, examples: int = EXAMPLES) -> Case:
    """Examples for a model, some ids twice in one."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, WORDS + 1, (examples,), generator=generator)
    lengths[0] = WORDS
    padding = torch.arange(WORDS) >= lengths.unsqueeze(1)
    ids = torch.randint(1, IDS, (examples, WORDS), generator=generator).masked_fill(padding, 0)
    ids[0, 1] = ids[0, 0]
    tags = torch.randint(0, TAGS, (examples, WORDS), generator=generator).masked_fill(padding, IGNORED)
    return Case(model, ids, tags)


def by_autograd(case: Case, unit_of: Sequence[int]) -> dict[int, Vector]:
    """Each unit's gradient, from its own examples alone, in float64."""
    exact = replace(case, model=copy.deepcopy(case.model).double())
    found: dict[int, Vector] = {}
    for unit in dict.fromkeys(unit_of):
        rows = [row for row, owner in enumerate(unit_of) if owner == unit]
        weights = list(exact.weights.values())
        loss = exact.loss_of((exact.ids[rows], exact.tags[rows])).sum()
        gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
        found[unit] = flat(gradients)
    return found


def by_opacus(case: Case, unit_of: Sequence[int]) -> dict[int, Vector]:
    """Each unit's gradient, from Opacus's gradients of single examples."""
    from opacus.grad_sample import GradSampleModule  # type: ignore[import-untyped]

    model = copy.deepcopy(case.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Opacus's hooks warn of inputs without gradients
        wrapped = GradSampleModule(model, batch_first=True, loss_reduction="sum")
        replace(case, model=wrapped).loss_of((case.ids, case.tags)).sum().backward()
    samples = [cast(Any, w).grad_sample for _, w in sorted(model.named_parameters()) if w.requires_grad]
    each = torch.cat([sample.flatten(1) for sample in samples], dim=1).double()
    return {
        unit: each[[row for row, owner in enumerate(unit_of) if owner == unit]].sum(0).numpy()
        for unit in dict.fromkeys(unit_of)
    }


def flat(tensors: Sequence[Tensor]) -> Vector:
    """All one after another, float64."""
    vector: Vector = torch.cat([tensor.detach().double().flatten() for tensor in tensors]).numpy()
    return vector


def flat_sum(gradients: Mapping[str, NDArray[np.float32]]) -> Vector:
    """A sum's gradients one after another."""
    return np.concatenate([gradient.astype(np.float64).ravel() for gradient in gradients.values()])


def clip(vector: Vector, bound: float) -> Vector:
    """Scaled down to the bound."""
    norm = np.linalg.norm(vector)
    return vector if norm <= bound else vector * (bound / norm)


def clipped(units: Mapping[int, Vector], bound: float) -> Vector:
    """The sum of clipped vectors."""
    total: Vector = np.sum([clip(vector, bound) for vector in units.values()], axis=0)
    return total


def middle(units: Mapping[int, Vector]) -> float:
    """A bound that clips some units and spares others; the least norm's half if there is one unit."""
    norms = sorted(float(np.linalg.norm(vector)) for vector in units.values())
    return norms[len(norms) // 2] * (0.99 if len(norms) > 1 else 0.5)


def apart(found: Vector, expected: Vector) -> float:
    """Distance over length."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


class Words(nn.Module):
    """Ids to vectors that do not learn, `(examples, words, 6)`."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.table = nn.Embedding(IDS, width, padding_idx=0).requires_grad_(False)

    def forward(self, ids: Tensor) -> Tensor:
        vectors: Tensor = self.table(ids)
        return vectors


class Chain(nn.Module):
    """Words, then layers one after another."""

    def __init__(self, *layers: nn.Module, width: int = 6) -> None:
        super().__init__()
        self.words = Words(width)
        self.layers = nn.ModuleList(layers)

    def forward(self, ids: Tensor) -> Tensor:
        values = self.words(ids)
        for layer in self.layers:
            values = layer(values)
        result: Tensor = values
        return result


class Turned(nn.Module):
    """A convolution over words, with words last while it runs."""

    def __init__(self, channels: int, filters: int, kernel: int, **more: Any) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, filters, kernel, **more)

    def forward(self, values: Tensor) -> Tensor:
        places = self.convolution(values.transpose(1, 2)).transpose(1, 2)
        (stride,) = self.convolution.stride
        words: Tensor = places.repeat_interleave(stride, dim=1)[:, : values.shape[1]]
        return words


class States(nn.Module):
    """A recurrent layer's states; with `ends`, what it ends with is added to each."""

    def __init__(self, recurrent: nn.Module, *, ends: bool = False) -> None:
        super().__init__()
        self.recurrent, self.ends = recurrent, ends

    def forward(self, values: Tensor) -> Tensor:
        states, last = self.recurrent(values)
        if self.ends:
            for end in last if isinstance(last, tuple) else (last,):
                states = states + 0.3 * end.transpose(0, 1)
        result: Tensor = states
        return result


class Learnt(nn.Module):
    """A table of vectors that learns, then tags."""

    def __init__(self, table: nn.Module) -> None:
        super().__init__()
        self.table, self.out = table, nn.Linear(4, TAGS).requires_grad_(False)

    def forward(self, ids: Tensor) -> Tensor:
        result: Tensor = self.out(torch.tanh(self.table(ids)))
        return result


class Bags(nn.Module):
    """Each word's vector from a bag of its own id and two others."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.bags = nn.EmbeddingBag(2 * IDS, 4, mode=mode, padding_idx=0)

    def forward(self, ids: Tensor) -> Tensor:
        more = torch.stack(
            [ids, (ids * 5) % IDS, torch.where(ids > 3, ids, 0)], dim=-1
        )  # (examples, words, 3)
        vectors: Tensor = self.bags(more.view(-1, 3)).view(*ids.shape, -1)
        return vectors


class Pooled(nn.Module):
    """One vector for each example, `(examples, n)`, added to each word's."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.each = nn.Linear(6, TAGS), nn.Linear(6, TAGS)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.each(values) + self.one(values.sum(1)).unsqueeze(1)
        return result


class Squares(nn.Module):
    """Words as a picture of one channel, for layers that only Opacus knows."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = nn.Conv2d(1, 4, (1, 3), padding=(0, 1))
        self.groups = nn.GroupNorm(2, 4)

    def forward(self, values: Tensor) -> Tensor:
        # Each word is normalised by itself: over an example, padding would have a say.
        rows = values.flatten(0, 1)[:, None, None]  # (examples * words, 1, 1, 6)
        pictures = self.groups(self.pictures(rows))  # (examples * words, 4, 1, 6)
        result: Tensor = pictures.sum(dim=(2, 3)).view(*values.shape[:2], 4)
        return result


def lora(base: nn.Linear) -> nn.Module:
    """Peft's adapters on a linear layer, B no longer zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(nn.Sequential(base), LoraConfig(r=2, lora_alpha=4, target_modules=["0"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3)
    return cast(nn.Module, cast(Any, model).base_model.model[0])


OUT = 4
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: Chain(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, TAGS, bias=False)),
    "linear, wide": lambda: Chain(
        nn.Linear(6, 60), nn.Tanh(), nn.Linear(60, 50), nn.Tanh(), nn.Linear(50, TAGS)
    ),
    "linear, in place after": lambda: Chain(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, TAGS)),
    "linear, one row an example": lambda: Chain(Pooled()),
    "lora": lambda: Chain(lora(nn.Linear(6, 7)), nn.Tanh(), lora(nn.Linear(7, TAGS))),
    "layer norm": lambda: Chain(nn.LayerNorm(6), nn.Linear(6, TAGS).requires_grad_(False)),
    "embedding": lambda: Learnt(nn.Embedding(IDS, 4, padding_idx=0)),
    "embedding, padding learns": lambda: Learnt(nn.Embedding(IDS, 4)),
    "embedding bag, sum": lambda: Learnt(Bags("sum")),
    "embedding bag, mean": lambda: Learnt(Bags("mean")),
    "convolution": lambda: Chain(Turned(6, TAGS, 3, padding=1)),
    "convolution, dilated": lambda: Chain(Turned(6, TAGS, 3, padding=2, dilation=2, bias=False)),
    "convolution, in strides": lambda: Chain(Turned(6, TAGS, 3, padding=1, stride=2)),
    "convolution, same": lambda: Chain(Turned(6, TAGS, 4, padding="same")),
    "lstm": lambda: Chain(States(nn.LSTM(6, TAGS, batch_first=True))),
    "lstm, no bias": lambda: Chain(States(nn.LSTM(6, TAGS, batch_first=True, bias=False))),
    "lstm, last states": lambda: Chain(States(nn.LSTM(6, TAGS, batch_first=True), ends=True)),
    "lstm on what learns": lambda: Chain(nn.Linear(6, 5), States(nn.LSTM(5, TAGS, batch_first=True))),
    "gru": lambda: Chain(States(nn.GRU(6, TAGS, batch_first=True))),
    "gru, no bias": lambda: Chain(States(nn.GRU(6, TAGS, batch_first=True, bias=False))),
    "gru, last states": lambda: Chain(States(nn.GRU(6, TAGS, batch_first=True), ends=True)),
    "gru on what learns": lambda: Chain(nn.Linear(6, 5), States(nn.GRU(5, TAGS, batch_first=True))),
    "by Opacus": lambda: Chain(Squares(), nn.Linear(OUT, TAGS)),
}
OPACUS = tuple(
    name
    for name in LAYERS
    if not any(part in name for part in ("lstm", "gru", "in place", "bag", "by Opacus"))
)
"""What Opacus does by itself: its recurrent layers are of its own making, it wants bags with offsets, its hooks
forbid work in place, and it takes rows for examples."""


def layer_case(name: str, *, seed: int = 0) -> Case:
    """The network of one kind of layer, weights drawn anew."""
    torch.manual_seed(seed)
    return replace(make_case(LAYERS[name]()), trims="last states" not in name)
