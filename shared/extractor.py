"""Text to entities: what every trained extractor is for."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from shared import scores
from shared.abbreviations import Abbreviation, find_abbreviations, spread
from shared.examples import Example, chunks, collate, read_examples
from shared.models.build import load_tagger
from shared.models.tagger import Tagger
from shared.models.viterbi import best_tags
from shared.note import Entity, Note
from shared.tags import IGNORED, decode
from shared.tokenize import Token
from shared.units import Unit, note_or_patient, owners

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
        predicted = predict(self.tagger, self.tagger.prepare(examples), len(notes))
        if not self.tagger.settings.abbreviations:
            return predicted
        return [
            spread(own, find_abbreviations(note.text)) for note, own in zip(notes, predicted, strict=True)
        ]


class ScoredNotes:
    """Notes with gold entities, read once and scored many times.

    Gold spans do not touch how the text is split into words: a model sees what it would see in use.

    Args:
        tagger: any network with the settings that will be scored; its inputs are prepared here.
        notes: with gold entities.
        unit: of privacy; nothing of one unit is then computed beside another. None: for speed, all together.
    """

    def __init__(self, tagger: Tagger, notes: Iterable[Note], unit: Unit | None = None) -> None:
        self.gold: list[tuple[Entity, ...]] = []
        self.abbreviations: list[list[Abbreviation]] = []
        self.patients: list[str] = []

        def unmarked() -> Iterable[Note]:
            for note in notes:
                self.gold.append(note.entities)
                if tagger.settings.abbreviations:
                    self.abbreviations.append(find_abbreviations(note.text))
                self.patients.append(note.patient_id)
                yield dataclasses.replace(note, entities=())

        read = read_examples(unmarked(), tagger.tagset, tagger.reader)
        self._apart = None if unit is None else owners(note_or_patient(unit), read)
        self.examples = tagger.prepare(read, self._apart)

    def count(self, tagger: Tagger) -> NDArray[np.int64]:
        """Counts gold, predicted and hit entities, shape `(labels, 4)`; see `shared.scores`."""
        predicted = self._predict(tagger)
        return scores.count(tagger.settings.labels, zip(self.gold, predicted, strict=True))

    def count_by_unit(self, tagger: Tagger, unit: Unit) -> NDArray[np.int64]:
        """The same counts for each unit of privacy; of a `sentence`, those of its note.

        Returns:
            Shape `(units, labels * 4)`.
        """
        predicted = self._predict(tagger)
        labels = tagger.settings.labels
        each = [scores.count(labels, [pair]).ravel() for pair in zip(self.gold, predicted, strict=True)]
        by_patient = note_or_patient(unit) == "patient"
        keys: list[str | int] = [*self.patients] if by_patient else [*range(len(each))]
        units: dict[str | int, NDArray[np.int64]] = {}
        for key, counts in zip(keys, each, strict=True):
            units[key] = units[key] + counts if key in units else counts
        width = len(labels) * scores.COUNTS_PER_LABEL
        return np.array(list(units.values()), dtype=np.int64).reshape(len(units), width)

    def _predict(self, tagger: Tagger) -> list[list[Entity]]:
        predicted = predict(tagger, self.examples, len(self.gold), self._apart)
        if not self.abbreviations:
            return predicted
        return [spread(own, defined) for own, defined in zip(predicted, self.abbreviations, strict=True)]


@torch.inference_mode()
def predict(
    tagger: Tagger, examples: Sequence[Example], notes: int, apart: Sequence[int] | None = None
) -> list[list[Entity]]:
    """Tags examples and puts each note together again.

    Args:
        tagger: the network.
        examples: prepared, in the order of notes and text.
        notes: how many notes they come from; a note without words has no example.
        apart: a group for each example, as for `Tagger.prepare`.

    Returns:
        Entities of each note, its abbreviations not looked at yet.
    """
    tagger.eval()
    tag_scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(examples)
    for chosen in chunks([example.cost for example in examples], BATCH, apart):
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
