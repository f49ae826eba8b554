"""Notes to tensors: windows of whole sentences, their inputs and tags, grouped by patient and batched.

A window has a core, which is trained on and decoded, and context words on either side, which are only read. The
cores of a note's windows are all of its words, in order: nothing is cut off.
"""

import random
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from shared import tags
from shared.note import Note
from shared.sentences import sentences
from shared.tags import IGNORED, TagSet
from shared.tokenize import Token, words

CONTEXT_COST = 16  # read on either side of a piece of a sentence that is too long for one window


@dataclass(frozen=True)
class Example:
    """One window of one note, as tensors.

    Args:
        note: index of the note in the sequence that was read.
        patient_id: whose note it is.
        tokens: character offsets of every word of the window.
        inputs: what the extractor reads, by name; first dimension words or subtokens.
        tags: tag numbers, shape `(words,)`; `IGNORED` for context words.
        sentence: index in the note of the core's first sentence; pieces of one long sentence share it.
    """

    note: int
    patient_id: str
    tokens: tuple[Token, ...]
    inputs: dict[str, Tensor]
    tags: Tensor
    sentence: int = 0

    @property
    def cost(self) -> int:
        """Length of the longest input; examples of like cost are batched together."""
        return max(len(tensor) for tensor in self.inputs.values())


class TextReader(ABC):
    """Turns words into one extractor's inputs.

    Args:
        target: sentences are packed into a window until it costs this much; 0 gives one sentence a window.
        limit: what a window may cost at most; longer sentences are read in pieces.
    """

    def __init__(self, *, target: int, limit: int) -> None:
        self.target, self.limit = target, limit

    @abstractmethod
    def read(self, text: str, tokens: Sequence[Token]) -> "WordInputs":
        """Reads one note."""


class WordInputs(ABC):
    """The inputs of one note, word by word, ready to be cut into windows."""

    costs: Sequence[int]

    @abstractmethod
    def window(self, first: int, last: int) -> dict[str, Tensor]:
        """The inputs of the words `first` up to and without `last`."""


def read_examples(notes: Iterable[Note], tagset: TagSet, reader: TextReader) -> list[Example]:
    """Turns notes into examples.

    Args:
        notes: gold entities may be empty (prediction).
        tagset: the labels to tag.
        reader: the extractor's inputs.

    Returns:
        Examples in the order of the notes and of the text.
    """
    examples: list[Example] = []
    for index, note in enumerate(notes):
        tokens = tags.split_at(words(note.text), note.entities)
        if not tokens:
            continue
        gold = tags.encode(tagset, tokens, note.entities)
        inputs = reader.read(note.text, tokens)
        ends = _sentence_ends(note.text, tokens)
        for first, core, core_end, last in pack(ends, inputs.costs, reader.target, reader.limit):
            window_tags = torch.full((last - first,), IGNORED)
            window_tags[core - first : core_end - first] = torch.tensor(gold[core:core_end])
            examples.append(
                Example(
                    note=index,
                    patient_id=note.patient_id,
                    tokens=tuple(tokens[first:last]),
                    inputs=inputs.window(first, last),
                    tags=window_tags,
                    sentence=bisect_right(ends, core),
                )
            )
    return examples


def pack(
    sentence_ends: Sequence[int], costs: Sequence[int], target: int, limit: int
) -> list[tuple[int, int, int, int]]:
    """Packs a note's sentences into windows.

    Args:
        sentence_ends: one past the last word of each sentence, ascending.
        costs: of each word, at most `limit` each.
        target: pack until this cost is reached.
        limit: never more than this.

    Returns:
        `(first, core, core_end, last)` word indices, `first <= core < core_end <= last`; the cores follow one
        another without a gap.
    """
    windows: list[tuple[int, int, int, int]] = []
    start, cost = 0, 0  # the window being filled
    sentence = 0
    for end in sentence_ends:
        sentence_cost = sum(costs[sentence:end])
        if cost and (cost + sentence_cost > limit or cost >= target):
            windows.append((start, start, sentence, sentence))
            start, cost = sentence, 0
        if sentence_cost > limit:
            windows.extend(_pieces(sentence, end, costs, limit))
            start, cost = end, 0
        else:
            cost += sentence_cost
        sentence = end
    if start < sentence:
        windows.append((start, start, sentence, sentence))
    return windows


def _pieces(start: int, end: int, costs: Sequence[int], limit: int) -> list[tuple[int, int, int, int]]:
    """A sentence too long for a window: cores with context on either side."""
    context = min(CONTEXT_COST, limit // 4)
    room = max(1, limit - 2 * context)
    pieces = []
    core = start
    while core < end:
        core_end, spent = core + 1, costs[core]
        while core_end < end and spent + costs[core_end] <= room:
            spent += costs[core_end]
            core_end += 1
        before = after = max(0, (limit - spent) // 2) if spent > room else context
        first, last = core, core_end
        while first > start and costs[first - 1] <= before:
            first -= 1
            before -= costs[first]
        while last < end and costs[last] <= after:
            after -= costs[last]
            last += 1
        pieces.append((first, core, core_end, last))
        core = core_end
    return pieces


def _sentence_ends(text: str, tokens: Sequence[Token]) -> list[int]:
    ends: list[int] = []
    at = 0
    for _, end in sentences(text):
        while at < len(tokens) and tokens[at][0] < end:
            at += 1
        if at > (ends[-1] if ends else 0):
            ends.append(at)
    return ends


def thin(examples: Sequence[Example], windows_a_note: int | None) -> list[Example]:
    """Keeps some windows of each note.

    Args:
        examples: of one hospital, in the order of its notes.
        windows_a_note: how many at most; None for all.

    Returns:
        In the same order. Which ones are kept depends on the note itself and nothing else.
    """
    if windows_a_note is None:
        return list(examples)
    kept: list[Example] = []
    for _, group in groupby(examples, key=lambda example: example.note):
        windows = list(group)
        ends = [(window.tokens[0][0], window.tokens[-1][1]) for window in windows]
        draw = random.Random(f"{windows[0].patient_id}/{ends}")  # noqa: S311 - hides nothing
        chosen = draw.sample(range(len(windows)), min(windows_a_note, len(windows)))
        kept += [windows[index] for index in sorted(chosen)]
    return kept


@dataclass(frozen=True)
class Batch:
    """Examples padded to one length.

    Args:
        inputs: by name, padded with zeros, shape `(examples, longest, ...)`.
        tags: shape `(examples, words)`, padded with `IGNORED`.
        lengths: words of each example, shape `(examples,)`.
    """

    inputs: dict[str, Tensor]
    tags: Tensor
    lengths: Tensor


def collate(examples: Sequence[Example]) -> Batch:
    """Pads examples into one batch."""
    pad = torch.nn.utils.rnn.pad_sequence
    return Batch(
        inputs={
            name: pad([example.inputs[name] for example in examples], batch_first=True)
            for name in examples[0].inputs
        },
        tags=pad([example.tags for example in examples], batch_first=True, padding_value=IGNORED),
        lengths=torch.tensor([len(example.tags) for example in examples]),
    )


def batches(costs: Sequence[int], batch_size: int, generator: torch.Generator) -> list[list[int]]:
    """One epoch in random batches of like length, so that little is padded.

    Args:
        costs: length of each example.
        batch_size: examples a batch; the last of an epoch may be smaller.
        generator: of the order.

    Returns:
        Indices into `costs`; each exactly once.
    """
    jitter = torch.rand(len(costs), generator=generator) * 8
    order = sorted(range(len(costs)), key=lambda index: costs[index] + float(jitter[index]))
    chunks = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    return [chunks[index] for index in torch.randperm(len(chunks), generator=generator).tolist()]


def chunks(costs: Sequence[int], size: int, apart: Sequence[int] | None = None) -> list[list[int]]:
    """All examples once, in batches of like length, for a pass without training.

    Args:
        costs: length of each example.
        size: examples a batch, at most.
        apart: a group for each; a batch holds one group only. None: one group.

    Returns:
        Indices into `costs`.
    """
    groups = apart or [0] * len(costs)
    order = sorted(range(len(costs)), key=lambda index: (groups[index], costs[index]))
    found: list[list[int]] = []
    for index in order:
        if not found or len(found[-1]) == size or groups[found[-1][0]] != groups[index]:
            found.append([])
        found[-1].append(index)
    return found
