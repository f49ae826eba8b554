"""The task of a sum: what exactly every hospital is asked to compute, as one digest that all of them check."""

from pydantic import BaseModel

from privacy.secagg.terms import Purpose
from privacy.secagg.transcript import task_digest
from shared.models.tagger import Weights


def digest_task(purpose: Purpose, order: BaseModel, weights: Weights) -> bytes:
    """Digest of order and global model.

    It enters every key of the sum: an aggregator that gave one hospital another model or recipe than the others, so
    that the others' updates say nothing and the sum is that hospital's own, would find that no share opens.

    Args:
        purpose: train, evaluate or count.
        order: recipe, model, round; or vocabulary and window.
        weights: the global model's trained weights, or the list of pairs; float32.

    Returns:
        32 bytes.
    """
    arrays = (
        (name, ",".join(map(str, weights[name].shape)).encode(), weights[name].astype("<f4").tobytes())
        for name in sorted(weights)
    )
    return task_digest(f"{purpose}\n{order.model_dump_json()}".encode(), arrays)
