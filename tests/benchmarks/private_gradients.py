"""What a private step costs over the same step without privacy: CPU time, one thread, by turns.

A step without: forward, backward, one clip of the whole gradient, AdamW, as `shared.training` does. A private one:
every unit's gradient clipped, noise on the sum, AdamW. Both see the same micro-batches of the same examples. Opacus
stands beside: for `birnn` in `OpacusBirnn`, the same network of layers that it knows. Noise is the run's own, the
discrete Gaussian of `privacy.noise` on the grid of `privacy.quantise`.
"""

import copy
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from privacy.dpsgd import MOST_INPUTS, clipped_gradient, cut_by_unit, token_losses, unit_gradients
from privacy.generator import Generator
from privacy.noise import discrete_gaussian
from privacy.quantise import dequantise, quantise
from privacy.release import gradient_sum
from shared.examples import Batch, Example, collate, read_examples
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.private import PrivateRound
from shared.synthetic.clinic import make_notes
from tests.benchmarks.noise import measure_noise

MAX_GRAD_NORM, NOISE_MULTIPLIER, GRID = 1.0, 1.0, 1 << 16
SIZES = {"birnn": 128, "bert": 48}  # examples of a step, a unit each
WINDOW = {
    "birnn": 20,
    "bert": 32,
}  # so that examples are as long as sentences of NCBI-disease: 29 words, 48 subtokens
CASES: Mapping[str, Mapping[str, Any]] = {
    "MiniLM LoRA r=8": {"kind": "bert", "trained": "lora", "lora_rank": 8, "bf16": False},
    "MiniLM LoRA r=8, bfloat16": {"kind": "bert", "trained": "lora", "lora_rank": 8, "bf16": True},
    "MiniLM full": {"kind": "bert", "trained": "full", "bf16": False},
    "MiniLM full, bfloat16": {"kind": "bert", "trained": "full", "bf16": True},
    "MiniLM bitfit, bfloat16": {"kind": "bert", "trained": "bitfit", "bf16": True},
    "MiniLM head": {"kind": "bert", "trained": "head"},
    "BiLSTM": {"kind": "birnn"},
}
COMPARED = {"MiniLM LoRA r=8": "bert_lora", "MiniLM full": "bert_full", "BiLSTM": "birnn"}
"""Cases that have a ratio, and its name."""
NOISE_SIZE = 1 << 20  # coordinates, to time noise alone


@dataclass(frozen=True)
class Row:
    """One network's cost.

    Attributes:
        case: a name of `CASES`.
        weights: how many are trained.
        plain_seconds: of a step without privacy, median.
        private: cost of a private step by clipped sums over it, median of the turns.
        per_unit: the same where every unit's gradient is made, quantised and added up as integers, as before a secure
            sum; None where all of the encoder is trained.
        released: the same as a hospital does it (`privacy.release.gradient_sum`): in blocks, and without dropout.
        released_over_same: that over a step without privacy that has no dropout either.
        alone: as `released`, with every unit computed apart from all others.
        opacus: the same by Opacus's hooks.
    """

    case: str
    weights: int
    plain_seconds: float
    private: float
    per_unit: float | None
    released: float
    released_over_same: float
    alone: float | None
    opacus: float


def measure(
    cases: Sequence[str] = tuple(CASES),
    turns: int = 5,
    *,
    on_done: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Times the steps of each case by turns.

    Args:
        cases: names of `CASES`.
        turns: of each step, after one that is not counted.
        on_done: called with each case that is done.

    Returns:
        A `Row` a case, as a dict.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = []
        for case in cases:
            rows.append(asdict(_row(case, turns)))
            on_done(case)
        return rows
    finally:
        torch.set_num_threads(threads)


def ratios(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Costs of a private step over one without, ours and Opacus's; how much faster we are; and what noise takes.

    Args:
        rows: of `measure`, all of `COMPARED` among them.

    Returns:
        `bert_lora_cost`, `bert_full_cost`, `birnn_cost`, each also with `_released`, `_released_over_same` and
        `_opacus`;
        `birnn_speedup_opacus`, above 1 where we are faster; `noise_ns_per_coordinate`.
    """
    row_of = {COMPARED[row["case"]]: row for row in rows if row["case"] in COMPARED}
    found = {f"{name}_cost": round(row["private"], 3) for name, row in row_of.items()}
    found |= {f"{name}_cost_released": round(row["released"], 3) for name, row in row_of.items()}
    found |= {
        f"{name}_cost_released_over_same": round(row["released_over_same"], 3) for name, row in row_of.items()
    }
    found |= {f"{name}_cost_opacus": round(row["opacus"], 3) for name, row in row_of.items()}
    found["birnn_speedup_opacus"] = round(row_of["birnn"]["opacus"] / row_of["birnn"]["private"], 2)
    noise = measure_noise(NOISE_SIZE)["rows"]
    found["noise_ns_per_coordinate"] = next(
        row["ns"] for row in noise if row["sigma"] == NOISE_MULTIPLIER * GRID
    )
    return found


def _row(case: str, turns: int) -> Row:
    kind = str(CASES[case]["kind"])
    torch.manual_seed(0)
    tagger = build_tagger(
        ModelSettings.model_validate({"labels": ("Disease",), "window": WINDOW[kind], **CASES[case]})
    )
    examples = _examples(tagger, SIZES[kind])
    steps: dict[str, Callable[[], None]] = {
        "plain": _plain(tagger, examples),
        "same": _plain(tagger, examples, dropout=False),
        "private": _private(tagger, examples),
        "released": _released(tagger, examples),
        "opacus": _opacus(tagger, examples),
    }
    if "full" not in case:  # as many gradients as units, each as large as the network
        steps["per unit"] = _per_unit(tagger, examples)
        steps["alone"] = _per_unit(tagger, examples, alone=True)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(turns + 1):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if turn:
                seconds[name].append(time.process_time() - started)

    def ratio(name: str, over: str = "plain") -> float:
        pairs = zip(seconds[name], seconds[over], strict=True)
        return statistics.median(mine / plain for mine, plain in pairs)

    return Row(
        case=case,
        weights=sum(weight.numel() for weight in tagger.trained().values()),
        plain_seconds=statistics.median(seconds["plain"]),
        private=ratio("private"),
        per_unit=ratio("per unit") if "per unit" in steps else None,
        released=ratio("released"),
        released_over_same=ratio("released", "same"),
        alone=ratio("alone") if "alone" in steps else None,
        opacus=ratio("opacus"),
    )


def _examples(tagger: Tagger, count: int) -> list[Example]:
    notes = make_notes(0, 0, hospitals=1, patients=200)
    read: Iterator[Example] = (
        example for note in notes for example in read_examples([note], tagger.tagset, tagger.reader)
    )
    return list(tagger.prepare(list(islice(read, count))))


def _batches(examples: Sequence[Example]) -> list[Batch]:
    cut = cut_by_unit(examples, range(len(examples)), MOST_INPUTS)
    return [collate([examples[index] for index in chosen]) for chosen in cut]


def _optimizer(weights: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights, lr=1e-5, fused=True)


def _plain(tagger: Tagger, examples: Sequence[Example], *, dropout: bool = True) -> Callable[[], None]:
    weights, loss_of = list(tagger.trained().values()), token_losses(tagger)
    optimizer = _optimizer(weights)

    def step() -> None:
        tagger.train(dropout)
        optimizer.zero_grad(set_to_none=True)
        for batch in _batches(examples):
            (loss_of(batch).sum() / len(examples)).backward()
        torch.nn.utils.clip_grad_norm_(weights, MAX_GRAD_NORM)
        optimizer.step()

    return step


def _private(tagger: Tagger, examples: Sequence[Example]) -> Callable[[], None]:
    take = _taker(tagger, len(examples))

    def step() -> None:
        tagger.train()
        found = clipped_gradient(tagger, examples, range(len(examples)), MAX_GRAD_NORM)
        take(found.gradients)

    return step


def _per_unit(tagger: Tagger, examples: Sequence[Example], *, alone: bool = False) -> Callable[[], None]:
    size = sum(weight.numel() for weight in tagger.trained().values())

    def add_up() -> NDArray[np.int64]:
        total = np.zeros(size, dtype=np.int64)
        for _, gradient in unit_gradients(tagger, examples, range(len(examples)), alone=alone):
            total += quantise(gradient, MAX_GRAD_NORM, GRID)
        return total

    return _integers(tagger, len(examples), add_up, dropout=True)


def _released(tagger: Tagger, examples: Sequence[Example]) -> Callable[[], None]:
    asked = PrivateRound(
        unit="sentence",
        sample_rate=1.0,
        noise_multiplier=NOISE_MULTIPLIER,
        max_grad_norm=MAX_GRAD_NORM,
        grid=GRID,
        count_noise_multiplier=NOISE_MULTIPLIER,
    )
    units = range(len(examples))

    def add_up() -> NDArray[np.int64]:
        return gradient_sum(tagger, examples, units, asked, Generator())

    return _integers(tagger, len(examples), add_up, dropout=False)


def _integers(
    tagger: Tagger, units: int, add_up: Callable[[], NDArray[np.int64]], *, dropout: bool
) -> Callable[[], None]:
    """A step on the integers that a secure sum would hold."""
    take = _taker(tagger, units)
    shapes = {name: weight.shape for name, weight in tagger.trained().items()}
    ends = list(accumulate(shape.numel() for shape in shapes.values()))

    def step() -> None:
        tagger.train(dropout)
        parts = np.split(dequantise(add_up(), MAX_GRAD_NORM, GRID), ends[:-1])
        take({name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)})

    return step


def _taker(tagger: Tagger, units: int) -> Callable[[Mapping[str, NDArray[np.float32]]], None]:
    """Adds noise to a sum of gradients and steps."""
    weights, generator = tagger.trained(), Generator()
    optimizer = _optimizer(list(weights.values()))
    ends = list(accumulate(weight.numel() for weight in weights.values()))

    def take(gradients: Mapping[str, NDArray[np.float32]]) -> None:
        draws = discrete_gaussian(NOISE_MULTIPLIER * GRID, ends[-1], generator)
        noise = torch.from_numpy(draws).mul(MAX_GRAD_NORM / GRID)  # float32
        for (name, weight), part in zip(weights.items(), noise.tensor_split(ends[:-1]), strict=True):
            weight.grad = part.view_as(weight).add_(torch.from_numpy(gradients[name])).div_(units)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return take


def _opacus(tagger: Tagger, examples: Sequence[Example]) -> Callable[[], None]:
    """Opacus on a network of its own, whose hooks stay."""
    from opacus.grad_sample import GradSampleModule  # type: ignore[import-untyped]
    from opacus.optimizers import DPOptimizer  # type: ignore[import-untyped]

    from tests.privacy.clipped_sums.opacus_birnn import OpacusBirnn

    network = OpacusBirnn(tagger) if isinstance(tagger, BirnnTagger) else copy.deepcopy(tagger)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = GradSampleModule(network.train(), batch_first=True, loss_reduction="sum")
    loss_of = token_losses(wrapped)
    optimizer = DPOptimizer(
        _optimizer([weight for weight in network.parameters() if weight.requires_grad]),
        noise_multiplier=NOISE_MULTIPLIER,
        max_grad_norm=MAX_GRAD_NORM,
        expected_batch_size=len(examples),
    )

    def step() -> None:
        wrapped.train()
        batches = _batches(examples)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of inputs that have no gradient
            for index, batch in enumerate(batches):
                optimizer.signal_skip_step(do_skip=index + 1 < len(batches))
                loss_of(batch).sum().backward()
                optimizer.step()
                optimizer.zero_grad()

    return step
