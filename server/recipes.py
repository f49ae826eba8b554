"""The default recipe of each kind of model, as measured in `docs/results.md`."""

from typing import Any

from shared.models.settings import Kind, Trained

DEMO_PATIENTS = {"birnn": 40, "bert": 16}  # of each synthetic hospital

_BERT_LEARNING_RATE = {"full": 4e-4, "lora": 2e-3, "bitfit": 3e-3, "head": 2e-3}


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
