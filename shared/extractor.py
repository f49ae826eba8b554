"""Text to entities: what every trained extractor is for."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from shared import scores
from shared.examples import Example, collate, read_examples
from shared.models.build import load_tagger
from shared.models.tagger import Tagger
from shared.models.viterbi import best_tags
from shared.note import Entity, Note
from shared.tags import IGNORED, decode
from shared.tokenize import Token

BATCH = 32


class Extractor:
    """Marks entities in text with one trained network.

    Args:
        tagger: the network.
    """

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger

    @classmethod
    def load(cls, folder: Path) -> "Extractor":
        """Loads a model folder.

        Raises:
            ReplaceModel: the folder is incomplete, altered, or not made by clinfed.
        """
        return cls(load_tagger(folder))

    def extract(self, texts: Iterable[str]) -> list[list[Entity]]:
        """Finds the entities of each text.

        Args:
            texts: any Unicode.

        Returns:
            For each text its entities, character offsets, sorted, not overlapping.
        """
        notes = [Note(note_id=str(index), patient_id="", text=text) for index, text in enumerate(texts)]
        examples = read_examples(notes, self.tagger.tagset, self.tagger.reader)
        return predict(self.tagger, self.tagger.prepare(examples), len(notes))


class ScoredNotes:
    """Notes with gold entities, read once and scored many times.

    Gold spans do not touch how the text is split into words: a model sees what it would see in use.

    Args:
        tagger: any network with the settings that will be scored; its inputs are prepared here.
        notes: with gold entities.
    """

    def __init__(self, tagger: Tagger, notes: Iterable[Note]) -> None:
        self.gold: list[tuple[Entity, ...]] = []

        def unmarked() -> Iterable[Note]:
            for note in notes:
                self.gold.append(note.entities)
                yield dataclasses.replace(note, entities=())

        self.examples = tagger.prepare(read_examples(unmarked(), tagger.tagset, tagger.reader))

    def count(self, tagger: Tagger) -> NDArray[np.int64]:
        """Counts gold, predicted and hit entities, shape `(labels, 4)`; see `shared.scores`."""
        predicted = predict(tagger, self.examples, len(self.gold))
        return scores.count(tagger.settings.labels, zip(self.gold, predicted, strict=True))


@torch.inference_mode()
def predict(tagger: Tagger, examples: Sequence[Example], notes: int) -> list[list[Entity]]:
    """Tags examples and puts each note together again.

    Args:
        tagger: the network.
        examples: prepared, in the order of notes and text.
        notes: how many notes they come from; a note without words has no example.

    Returns:
        Entities of each note.
    """
    tagger.eval()
    tag_scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(examples)
    order = sorted(range(len(examples)), key=lambda index: examples[index].cost)
    for at in range(0, len(order), BATCH):
        chosen = order[at : at + BATCH]
        batch = collate([examples[index] for index in chosen])
        for row, index in zip(tagger(batch), chosen, strict=True):  # row: (longest, tags)
            core = examples[index].tags != IGNORED
            tag_scores[index] = row[: len(core)][core].numpy()
    tokens: list[list[Token]] = [[] for _ in range(notes)]
    parts: list[list[NDArray[np.float32]]] = [[] for _ in range(notes)]
    for example, part in zip(examples, tag_scores, strict=True):
        inside: list[bool] = (example.tags != IGNORED).tolist()
        tokens[example.note].extend(token for token, kept in zip(example.tokens, inside, strict=True) if kept)
        parts[example.note].append(part)
    return [
        decode(tagger.tagset, own, best_tags(tagger.tagset, np.concatenate(pieces))) if pieces else []
        for own, pieces in zip(tokens, parts, strict=True)
    ]
