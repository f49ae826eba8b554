"""The benchmark of private steps measures what it says, at sizes that take no time; it holds no timing."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger, get_weights
from tests.benchmarks import private_gradients as work
from tests.benchmarks.commands import app

TINY = {
    "MiniLM LoRA r=8": {"kind": "bert", "trained": "lora", "lora_rank": 2, "bf16": False},
    "MiniLM full": {"kind": "bert", "trained": "full", "bf16": False},
    "BiLSTM": {"kind": "birnn", "word_rows": 64, "hidden": 8},
}

SIDES = ("", "_released", "_released_over_same", "_opacus")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CASES", TINY)
    monkeypatch.setattr(work, "SIZES", {"birnn": 5, "bert": 2})
    monkeypatch.setattr(work, "NOISE_SIZE", 100)
    monkeypatch.setattr(work, "measure_noise", lambda size: {"rows": [{"sigma": 65536.0, "ns": 1.0}]})


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints(as_json: bool) -> None:
    done = CliRunner().invoke(app, ["dp", "--quick", "--repeat", "1", *(["--json"] if as_json else [])])
    assert done.exit_code == 0, done.output
    if not as_json:
        assert "birnn_speedup_opacus" in done.stdout
        return
    result = json.loads(done.stdout)
    assert list(result) == ["bench", "machine", "date", "rows", "ratios"]
    assert [row["case"] for row in result["rows"]] == list(work.COMPARED)
    assert set(result["ratios"]) == {
        *(f"{name}_cost{side}" for name in ("bert_lora", "bert_full", "birnn") for side in SIDES),
        "birnn_speedup_opacus",
        "noise_ns_per_coordinate",
    }
    assert all(ratio > 0 for ratio in result["ratios"].values())


@pytest.mark.parametrize("step", [work._private, work._per_unit, work._released])
def test_a_private_step_is_a_plain_one_where_nothing_is_clipped_or_noised(
    step: Callable[..., Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So both do the same work; AdamW is left out, for it blows up what rounding leaves."""
    monkeypatch.setattr(work, "MAX_GRAD_NORM", 1e3)
    monkeypatch.setattr(work, "GRID", 1 << 24)
    monkeypatch.setattr(work, "discrete_gaussian", lambda _, size, __: np.zeros(size, dtype=np.int32))
    monkeypatch.setattr(work, "_optimizer", lambda weights: torch.optim.SGD(weights, lr=0.1))
    moved = []
    for make in (work._plain, step):
        tagger = _tagger()
        before = get_weights(tagger)
        make(tagger, work._examples(tagger, 5))()
        moved.append({name: weight - before[name] for name, weight in get_weights(tagger).items()})
    plain, private = moved
    for name, change in plain.items():
        assert np.allclose(private[name], change, rtol=1e-3, atol=1e-5)
    assert any(change.any() for change in plain.values())


def _tagger() -> Tagger:
    torch.manual_seed(0)
    settings = {"labels": ("Disease",), "dropout": 0.0, "word_dropout": 0.0, **TINY["BiLSTM"]}
    return build_tagger(ModelSettings.model_validate(settings))
