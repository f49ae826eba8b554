"""Entities to BIO tags and back, over words with character offsets.

Tag 0 is `O`; label `k` has `B-` at `1 + 2 * k` and `I-` at `2 + 2 * k`. Gold spans that start or end inside a word
split that word (`split_at`), so that text -> spans -> tags -> spans loses nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.errors import FixFederation
from shared.note import Entity
from shared.tokenize import Token

OUTSIDE = 0
IGNORED = -100  # words that are context only: neither trained on nor decoded


@dataclass(frozen=True)
class TagSet:
    """The BIO tags of a list of labels.

    Args:
        labels: entity labels, at least one, in the order that fixes the tag numbers.

    Raises:
        FixFederation: no label, or one label twice.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise FixFederation(
                f"{len(self.labels)} labels, {len(set(self.labels))} of them different",
                where="labels",
                remedy="Name each entity label once, and at least one.",
            )

    def __len__(self) -> int:
        return 1 + 2 * len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """Tag names in the order of their numbers, such as `("O", "B-Disease", "I-Disease")`."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    def begin(self, label: str) -> int:
        """The number of the label's `B-` tag; its `I-` tag is one more."""
        return 1 + 2 * self.labels.index(label)

    def may_follow(self, previous: int, tag: int) -> bool:
        """Whether BIO allows `tag` right after `previous`: an `I-` continues its own label only."""
        inside = tag > 0 and tag % 2 == 0
        return not inside or previous in (tag - 1, tag)


def split_at(tokens: Iterable[Token], entities: Iterable[Entity]) -> list[Token]:
    """Splits every word that a span's border cuts, so that each span is a run of whole words.

    Args:
        tokens: `(start, end)` offsets, ascending.
        entities: spans over the same text.

    Returns:
        The words, ascending, covering the same characters.
    """
    borders = sorted({offset for entity in entities for offset in (entity.start, entity.end)})
    pieces: list[Token] = []
    at = 0
    for start, end in tokens:
        while at < len(borders) and borders[at] <= start:
            at += 1
        while at < len(borders) and borders[at] < end:
            pieces.append((start, borders[at]))
            start = borders[at]
            at += 1
        pieces.append((start, end))
    return pieces


def encode(tagset: TagSet, tokens: Sequence[Token], entities: Iterable[Entity]) -> list[int]:
    """One tag number for each word; entities with a label outside the tag set are left out.

    Args:
        tagset: the labels that are trained.
        tokens: words, already split at the spans' borders.
        entities: spans, sorted, not overlapping.

    Returns:
        Tag numbers, as many as `tokens`.
    """
    tags = [OUTSIDE] * len(tokens)
    at = 0
    for entity in entities:
        if entity.label not in tagset.labels:
            continue
        while at < len(tokens) and tokens[at][0] < entity.start:
            at += 1
        tag = tagset.begin(entity.label)
        while at < len(tokens) and tokens[at][1] <= entity.end:
            tags[at] = tag
            tag = tagset.begin(entity.label) + 1
            at += 1
    return tags


def decode(tagset: TagSet, tokens: Sequence[Token], tags: Sequence[int]) -> list[Entity]:
    """The spans that a tag sequence marks; an `I-` without its `B-` begins a span of its own.

    Args:
        tagset: the labels behind the tag numbers.
        tokens: words with character offsets.
        tags: one tag number for each word.

    Returns:
        Entities with character offsets, ascending, not overlapping.
    """
    spans: list[Entity] = []
    previous = OUTSIDE
    for (start, end), tag in zip(tokens, tags, strict=True):
        if tag > OUTSIDE:  # neither `O` nor context
            label = tagset.labels[(tag - 1) // 2]
            if tag % 2 == 0 and tagset.may_follow(previous, tag):
                spans[-1] = Entity(spans[-1].start, end, label)
            else:
                spans.append(Entity(start, end, label))
        previous = tag
    return spans
