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
from shared.files import sha256
from shared.models.build import load_tagger
from shared.models.confidence import span_confidences
from shared.models.folder import MANIFEST
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
        version: names the model: SHA-256 of its folder's manifest; empty for a network without a folder.
    """

    def __init__(self, tagger: Tagger, version: str = "") -> None:
        self.tagger = tagger
        self.version = version

    @property
    def model(self) -> str:
        """What kind of extractor this is, such as `clinfed birnn`."""
        return f"clinfed {self.tagger.settings.kind}"

    @classmethod
    def load(cls, folder: Path) -> "Extractor":
        """Loads a model folder.

        Raises:
            ReplaceModel: the folder is incomplete, altered, or not made by clinfed.
        """
        return cls(load_tagger(folder), sha256(folder / MANIFEST))

    def extract(self, texts: Iterable[str]) -> list[list[Entity]]:
        """Finds the entities of each text.

        Args:
            texts: any Unicode.

        Returns:
            For each text its entities, character offsets, sorted, not overlapping.
        """
        return [[entity for entity, _ in found] for found in self.extract_scored(texts)]

    def extract_scored(self, texts: Iterable[str]) -> list[list[tuple[Entity, float]]]:
        """Finds the entities of each text, and how sure the network is of each.

        Args:
            texts: any Unicode.

        Returns:
            For each text its entities as `extract` gives them, each with `shared.models.confidence.span_confidences`;
            a short form that was marked because its long form is has the long form's.
        """
        notes = [Note(note_id=str(index), patient_id="", text=text) for index, text in enumerate(texts)]
        examples = self.tagger.prepare(read_examples(notes, self.tagger.tagset, self.tagger.reader))
        found: list[list[tuple[Entity, float]]] = []
        for note, (tokens, logits) in zip(notes, _tag_scores(self.tagger, examples, len(notes)), strict=True):
            tags = best_tags(self.tagger.tagset, logits) if tokens else []
            own = decode(self.tagger.tagset, tokens, tags)
            sure = span_confidences(self.tagger.tagset, logits, tags)
            scored = dict(zip(own, sure, strict=True))
            if self.tagger.settings.abbreviations:
                defined = find_abbreviations(note.text)
                scored = {one: _of_long_form(one, scored, defined) for one in spread(own, defined)}
            found.append(list(scored.items()))
        return found


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
    return [
        decode(tagger.tagset, tokens, best_tags(tagger.tagset, logits)) if tokens else []
        for tokens, logits in _tag_scores(tagger, examples, notes, apart)
    ]


@torch.inference_mode()
def _tag_scores(
    tagger: Tagger, examples: Sequence[Example], notes: int, apart: Sequence[int] | None = None
) -> list[tuple[list[Token], NDArray[np.float32]]]:
    """Each note's words and their tag scores, shape `(words, tags)`."""
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
    nothing = np.empty((0, len(tagger.tagset)), np.float32)
    return [
        (own, np.concatenate(pieces) if pieces else nothing)
        for own, pieces in zip(tokens, parts, strict=True)
    ]


def _of_long_form(entity: Entity, scored: dict[Entity, float], defined: Iterable[Abbreviation]) -> float:
    """How sure the network is of an entity, or of the long form that it abbreviates."""
    if entity in scored:
        return scored[entity]
    spans = [one.long for one in defined if (entity.start, entity.end) in one.places]
    return max(
        (sure for own, sure in scored.items() for start, end in spans if own.start < end and own.end > start),
        default=0.0,
    )
