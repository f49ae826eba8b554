"""The best tag sequence among those that BIO allows (Viterbi, 1967)."""

import numpy as np
from numpy.typing import NDArray

from shared.tags import OUTSIDE, TagSet


def best_tags(tagset: TagSet, scores: NDArray[np.floating]) -> list[int]:
    """Finds the sequence with the highest sum of scores in which every `I-` continues its own label.

    Args:
        tagset: the tags.
        scores: log-probabilities or logits, shape `(words, tags)`.

    Returns:
        Tag numbers, as many as words.
    """
    words, tags = scores.shape
    path: list[int] = scores.argmax(axis=1).tolist()
    if all(map(tagset.may_follow, [OUTSIDE, *path], path)):
        return path  # best at every word and allowed: nothing can beat it
    forbidden = np.array(
        [
            [0.0 if tagset.may_follow(before, tag) else -np.inf for tag in range(tags)]
            for before in range(tags)
        ]
    )
    scores = scores.astype(np.float64)  # sums over a whole note would lose the last digits in float32
    best = scores[0] + forbidden[OUTSIDE]
    came_from = np.zeros((words, tags), dtype=np.int64)
    for word in range(1, words):
        paths = best[:, None] + forbidden  # (before, tag)
        came_from[word] = paths.argmax(axis=0)
        best = paths.max(axis=0) + scores[word]
    path = [int(best.argmax())]
    for word in range(words - 1, 0, -1):
        path.append(int(came_from[word, path[-1]]))
    return path[::-1]
