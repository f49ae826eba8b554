"""The default recipe of each kind of model, as measured in `docs/results.md`."""

from typing import Any

from shared.models.settings import Kind, Trained

_LEARNING_RATE = {"full": 4e-4, "lora": 2e-3, "bitfit": 3e-3, "head": 2e-3}


def recipe_for(kind: Kind, trained: Trained, *, demo: bool = False) -> dict[str, Any]:
    """Fields of `RunSettings` and of its `model` and `recipe`.

    Args:
        kind: of model.
        trained: weights that learn.
        demo: for the embedded synthetic notes, which are fewer and simpler.
    """
    if kind == "birnn":
        return {
            "rounds": 8 if demo else 20,
            "recipe": {"learning_rate": 3e-3, "batch_size": 8, "max_grad_norm": 5.0, "weight_decay": 0.0},
            "model": {"dropout": 0.5, "vectors": "bundled"},
        }
    return {
        "rounds": 3 if demo else 20 if trained == "head" else 8,
        "recipe": {"learning_rate": _LEARNING_RATE.get(trained, 4e-4), "batch_size": 4},
        "model": {"dropout": 0.1, "window": 128},
    }
