"""How sure a tagger is of each span it marks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.tags import OUTSIDE, TagSet


def span_confidences(tagset: TagSet, scores: NDArray[np.floating], tags: Sequence[int]) -> list[float]:
    """The probability that the network gives each span of a tag sequence: its words, its label and its end.

    Word by word, the softmax of the scores over the tags that BIO allows there, given the tag before; multiplied over
    the span, and with the probability that the next word does not continue it. It is what the network believes, not a
    calibrated chance of being right, and long spans get less than short ones.

    Args:
        tagset: the tags.
        scores: logits, shape `(words, tags)`.
        tags: one tag number for each word, as `best_tags` chose them.

    Returns:
        From 0 to 1, one for each span in the order of `shared.tags.decode`.
    """
    found: list[float] = []
    previous = OUTSIDE
    count = len(tags)
    for word, tag in enumerate(tags):
        if tag > OUTSIDE:
            chance = _chance(tagset, scores[word], previous, tag)
            if tag % 2 == 0 and tagset.may_follow(previous, tag):
                found[-1] *= chance
            else:
                found.append(chance)
            inside = tag if tag % 2 == 0 else tag + 1
            if word + 1 < count and tags[word + 1] != inside:
                found[-1] *= 1 - _chance(tagset, scores[word + 1], tag, inside)
        previous = tag
    return [min(1.0, max(0.0, one)) for one in found]


def _chance(tagset: TagSet, scores: NDArray[np.floating], previous: int, tag: int) -> float:
    """Softmax over the tags that may follow `previous`."""
    allowed = [other for other in range(len(scores)) if other == tag or tagset.may_follow(previous, other)]
    own = scores[allowed].astype(np.float64)
    weights = np.exp(own - own.max())
    return float(weights[allowed.index(tag)] / weights.sum())
