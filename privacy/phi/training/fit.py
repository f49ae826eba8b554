"""Trains a tagger: softmax over a sum of weights, one per feature, with names hidden from the lexicon now and then.

Reproducible: one thread, seeded, no source of chance but the seed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.numpy import save_file

from privacy.phi.features import AROUND, COMMON_WORDS, RESERVED, columns, rows, table_size
from privacy.phi.findings import Profile
from privacy.phi.lexicon import NAME_OR_PLACE, is_usual, lexicon
from privacy.phi.normalise import normalise
from privacy.phi.reading import Reading, read
from privacy.phi.tagger import CLASSES
from privacy.phi.training.corpora import Marked, clinic_notes, log_lines, sentences

_HIDDEN = 0.3
_BATCH = 4096
_FORGOTTEN, _BLURRED = 0.4, 0.12


def corpus(profile: Profile, seed: int, scale: float = 1.0) -> list[Marked]:
    """The texts a profile's tagger learns from.

    Args:
        profile: which tagger.
        seed: other texts for another seed.
        scale: more or fewer of them.

    Returns:
        Texts and marks.
    """
    if profile == "notes":
        return list(
            chain(clinic_notes(seed, max(1, round(10 * scale))), sentences(seed, round(24000 * scale)))
        )
    return list(chain(log_lines(seed, round(45000 * scale)), sentences(seed, round(9000 * scale))))


def train(
    profile: Profile, path: Path, *, seed: int = 0, scale: float = 1.0, epochs: int = 3
) -> dict[str, float]:
    """Trains a tagger and writes it.

    Args:
        profile: which tagger.
        path: the safetensors file to write.
        seed: of the texts and of the order.
        scale: of the number of texts.
        epochs: passes over them.

    Returns:
        Figures of the last pass: loss, tokens.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = Random(f"fit {seed}")  # noqa: S311
    texts = corpus(profile, seed, scale)
    prepared = [_prepare(text, marks) for text, marks in texts]
    vocabulary = _vocabulary(reading.tokens for reading, _ in prepared)
    words = RESERVED + len(vocabulary)
    indices, labels = _examples(prepared, vocabulary, words, rng)
    size, classes = table_size(words), len(CLASSES)
    bag = torch.nn.EmbeddingBag(size + 1, classes, mode="sum", sparse=True, padding_idx=size)
    torch.nn.init.zeros_(bag.weight)
    bias = torch.nn.Parameter(torch.zeros(classes))
    optimizer = torch.optim.Adagrad(
        [{"params": bag.parameters(), "lr": 0.15}, {"params": [bias], "lr": 0.05}]
    )
    order = np.arange(len(labels))
    shuffle = np.random.default_rng(seed)
    loss_sum = 0.0
    for _ in range(epochs):
        shuffle.shuffle(order)
        loss_sum, batches = 0.0, 0
        for start in range(0, len(order), _BATCH):
            picked = order[start : start + _BATCH]
            scores = bag(torch.from_numpy(_forget(indices[picked], size, shuffle))) + bias
            loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels[picked]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum, batches = loss_sum + float(loss.detach()), batches + 1
        loss_sum /= batches
    weights = bag.weight.detach().numpy()[:size]
    scale_of = np.maximum(np.abs(weights).max(), 1e-9) / 127
    small = np.clip(np.round(weights / scale_of), -127, 127).astype(np.int8)
    save_file(
        {"weights": small, "scale": np.asarray([scale_of], np.float32), "bias": bias.detach().numpy()},
        str(path),
        metadata={"tagger": json.dumps({"classes": CLASSES, "vocabulary": vocabulary}, sort_keys=True)},
    )
    return {"loss": loss_sum, "tokens": float(len(labels))}


def _forget(table: np.ndarray, nothing: int, shuffle: np.random.Generator) -> np.ndarray:
    """Hides the words around some tokens, so that what the lexicon knows is learnt as well as the sentences are."""
    kept = table.astype(np.int64)
    hidden = shuffle.random((len(kept), 1)) < _FORGOTTEN
    blurred = shuffle.random((len(kept), len(AROUND))) < _BLURRED
    around = kept[:, AROUND]
    around[hidden | blurred] = nothing
    kept[:, AROUND] = around
    return kept


def _prepare(text: str, marks: list[tuple[int, int, int]]) -> tuple[Reading, list[int]]:
    """The text read, and the class of each token."""
    view = normalise(text)
    reading = read(view.text)
    classes = [0] * len(reading.tokens)
    mark = 0
    for index, start in enumerate(reading.starts):
        first, last = view.origin(start, reading.end(index))
        while mark < len(marks) and marks[mark][1] <= first:
            mark += 1
        if mark < len(marks) and marks[mark][0] < last:
            classes[index] = marks[mark][2]
    return reading, classes


def _vocabulary(texts: Iterable[Sequence[str]]) -> dict[str, int]:
    """The context words: frequent ones that are not names."""
    known = lexicon()
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update({token.lower() for token in tokens if token[0].isalpha()})
    usual = [
        word
        for word, count in counts.most_common()
        if count >= 8
        and (
            (is_usual(known.get(word, 0)) and word in known)
            or (len(word) < 4 and not known.get(word, 0) & NAME_OR_PLACE)
            or re.fullmatch("mrs?|ms|dr|st|mr", word)
        )
    ]
    return {word: RESERVED + index for index, word in enumerate(sorted(usual[:COMMON_WORDS]))}


def _examples(
    prepared: list[tuple[Reading, list[int]]], vocabulary: dict[str, int], words: int, rng: Random
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and classes of all tokens; now and then, the lexicon does not know a name."""
    tables, labels = [], []
    for reading, classes in prepared:
        if not classes:
            continue
        flags = list(reading.flags)
        hide = False
        for index, kind in enumerate(classes):
            if kind and (index == 0 or classes[index - 1] != kind):
                hide = rng.random() < _HIDDEN
            if (hide and kind) or (not kind and rng.random() < 0.01):
                flags[index] = -1
        made = columns(reading, vocabulary, flags=flags)
        tables.append(rows(made, words).astype(np.int32))
        labels.append(np.asarray(classes, dtype=np.int64))
    return np.concatenate(tables), np.concatenate(labels)
