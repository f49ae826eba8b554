"""Spans that rules propose, and how overlapping ones become findings."""

from collections.abc import Iterable

Span = tuple[int, int, str, float]
"""First character, one past the last, entity, score in 0..1."""


def merge(spans: Iterable[Span]) -> list[Span]:
    """Joins spans that overlap.

    Args:
        spans: in any order.

    Returns:
        Sorted, not overlapping; a joined span bears the entity of the surest, then longest, part, and covers all.
    """
    merged: list[Span] = []
    best = (0.0, 0)
    for start, end, entity, score in sorted(spans):
        if merged and start < merged[-1][1]:
            last = merged[-1]
            rank = (score, end - start)
            if rank > best:
                best, kept = rank, (entity, score)
            else:
                kept = last[2], last[3]
            merged[-1] = (last[0], max(last[1], end), *kept)
        else:
            merged.append((start, end, entity, score))
            best = (score, end - start)
    return merged
