"""The default recipe of each kind of model, as measured in `docs/results.md`."""

from typing import Any

from shared.models.settings import Kind, Trained
from shared.private import Noise
from shared.units import Unit

_BERT_LEARNING_RATE = {"full": 4e-4, "lora": 2e-3, "bitfit": 3e-3, "head": 2e-3}


def demo_size(kind: Kind, *, private: bool) -> tuple[int, int]:
    """Hospitals of the embedded federation, and patients of each.

    Args:
        kind: of model.
        private: whether noise must be outweighed, which takes many patients.
    """
    if private:
        return 10, 150
    return 4, 40 if kind == "birnn" else 16


def recipe_for(kind: Kind, trained: Trained, *, demo: bool = False) -> dict[str, Any]:
    """What a run does unless the user says otherwise.

    Args:
        kind: of model.
        trained: weights that learn.
        demo: for the embedded synthetic notes, which are fewer and simpler than abstracts.

    Returns:
        Fields of `RunSettings`, with those of `model`, `recipe` and `strategy` below them.
    """
    if kind == "birnn":
        small = {"hidden": 100, "window": 48, "word_dropout": 0.5}
        return {
            "rounds": 8 if demo else 20,
            "recipe": {"learning_rate": 3e-3, "batch_size": 8, "max_grad_norm": 5.0, "weight_decay": 0.0},
            "strategy": {"name": "FedAvgM", "server_momentum": 0.3 if demo else 0.5},
            "model": {"dropout": 0.5, "vectors": "bundled"} | (small if demo else {}),
        }
    return {
        "rounds": 10 if demo else 20 if trained == "head" else 12,
        "recipe": {"learning_rate": _BERT_LEARNING_RATE.get(trained, 4e-4), "batch_size": 4},
        "model": {"dropout": 0.1, "window": 128},
    }


def private_recipe_for(kind: Kind, unit: Unit, noise: Noise, *, demo: bool = False) -> dict[str, Any]:
    """What a private run does unless the user says otherwise, instead of `recipe_for`'s fields.

    Args:
        kind: of model.
        unit: of privacy.
        noise: who adds it.
        demo: for the embedded synthetic notes.

    Returns:
        Fields of `RunSettings`, and under `private` those of `server.private.choose_noise`.
    """
    finest = unit == "sentence"
    reading: dict[str, Any] = {"abbreviations": True} | ({"window": 0} if finest else {})
    if demo:
        reading |= {"window": 64, "windows_a_note": 1}  # many patients, and few words of each
    sampled = {
        "sample_rate": 0.19 if finest else 0.35,
        "max_grad_norm": 0.1 if finest else 0.5,
        "max_examples": 32,
    }
    counted = {"count_norm": 8.0 if finest else 16.0 if unit == "note" else 32.0}
    if noise == "local":
        return {
            "rounds": 16,
            "private": sampled | counted,
            "recipe": {"learning_rate": 0.01, "local_steps": 5, "weight_decay": 0.0},
            "strategy": {"name": "FedAvg"},
            "model": reading,
        }
    return {
        "rounds": 64 if finest else 72,
        "private": sampled | counted,
        "strategy": {
            "name": "FedAdam",
            "eta": 0.01,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "tau": 1e-8,
            "warmup": 0.1,
            "averaged": 0.4,
        },
        "model": reading,
    }
