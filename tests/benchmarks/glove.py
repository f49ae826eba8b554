"""Federated GloVe on one thread: how fast it counts, what an epoch costs, and whether the secure sum is exact.

An epoch of ours is all counting, from text, and one pass of the factorisation. Beside it stands one epoch of gensim's
Word2Vec over the same words, which it is given as lists, made beforehand: the same vocabulary, window and width, and
for the rest its own defaults. Both are measured by turns, in CPU time.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from privacy.secagg.fixed_point import FixedPoint, Segment
from server.glove import GloveSettings, factorise
from shared import synthetic
from shared.cooccurrence import Counting, count_pairs, frequent_pairs
from shared.digits import digit_bits, from_digits, to_digits
from shared.formats import read_notes
from shared.tokenize import words
from shared.vocabulary import frequent_words
from tests.privacy.secagg.rehearsal import Rehearsal

WINDOW, DIMENSIONS, WORDS, PAIRS, HOSPITALS = 10, 100, 5000, 1_000_000, 4


def synthetic_texts(patients: int, hospitals: int = HOSPITALS) -> list[str]:
    """Notes of the embedded clinic, hospital after hospital."""
    return [
        note.text
        for index in range(hospitals)
        for note in synthetic.make_notes(1, index, hospitals=hospitals, patients=patients)
    ]


def public_texts(path: Path) -> list[str]:
    """Notes of a file or folder."""
    return [note.text for note in read_notes(path, labels=())]


def measure(texts: Sequence[str], repeat: int, most_words: int = WORDS) -> list[dict[str, Any]]:
    """Measures by turns, and keeps the best of each.

    Args:
        texts: of notes.
        repeat: turns.
        most_words: of the vocabulary.

    Returns:
        One row: sizes, rates, CPU seconds of each part, and whether the secure sum over `HOSPITALS` shards of the
        notes equals the pooled counts, bit for bit.
    """
    torch.set_num_threads(1)
    vocabulary = frequent_words(texts, most_words)
    counting = Counting(vocabulary, WINDOW, frequent_pairs(texts, vocabulary, WINDOW, PAIRS))
    said = [[text[start:end].lower() for start, end in words(text)] for text in texts]
    tokens = sum(map(len, said))
    pooled = count_pairs(texts, counting)
    occurrences = pooled / counting.steps
    cbow, skip_gram = (_word2vec(said, most_words, skip_gram=skip_gram) for skip_gram in (False, True))
    once, again = (GloveSettings(dimensions=DIMENSIONS, epochs=epochs) for epochs in (1, 3))
    sides: dict[str, Callable[[], object]] = {
        "count": lambda: count_pairs(texts, counting),
        "start_and_1_epoch": lambda: factorise(counting, occurrences, once),
        "start_and_3_epochs": lambda: factorise(counting, occurrences, again),
        "cbow": cbow,
        "skip_gram": skip_gram,
    }
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(repeat):
        for name, work in sides.items():
            started = time.process_time()
            work()
            best[name] = min(best[name], time.process_time() - started)
    return [
        {
            "tokens": tokens,
            "words": len(vocabulary.words),
            "pairs": pooled.size,
            "count_s": round(best["count"], 6),
            "factorise_first_epoch_s": round(best["start_and_1_epoch"], 6),
            "factorise_epoch_s": round((best["start_and_3_epochs"] - best["start_and_1_epoch"]) / 2, 6),
            "gensim_cbow_epoch_s": round(best["cbow"], 6),
            "gensim_skip_gram_epoch_s": round(best["skip_gram"], 6),
            "sum_equals_pooled": int(np.array_equal(secure_counts(texts, counting, HOSPITALS), pooled)),
        }
    ]


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of the last row; an epoch of ours is counting and the first epoch, with all that goes before it."""
    row = rows[-1]
    ours = row["count_s"] + row["factorise_first_epoch_s"]
    return {
        "sum_equals_pooled": row["sum_equals_pooled"],
        "count_mtokens_per_second": round(row["tokens"] / row["count_s"] / 1e6, 2),
        "epoch_cost_gensim_word2vec": round(ours / row["gensim_cbow_epoch_s"], 2),
        "epoch_cost_gensim_skip_gram": round(ours / row["gensim_skip_gram_epoch_s"], 2),
    }


def secure_counts(texts: Sequence[str], counting: Counting, hospitals: int) -> NDArray[np.int64]:
    """Counts of the notes, dealt to hospitals one by one, masked, added up and unmasked."""
    digits = {
        f"h{site:03}": to_digits(count_pairs(texts[site::hospitals], counting), hospitals).astype(np.int32)
        for site in range(hospitals)
    }
    size = len(next(iter(digits.values())))
    sums = Rehearsal(hospitals, coordinates=size, bits=32)
    whole = Segment(size, (1 << digit_bits(hospitals)) - 1, 1.0)
    sums.terms = replace(sums.terms, encoding=FixedPoint((whole,), hospitals, 32))
    total = sums.terms.encoding.decode(sums.run(digits))
    return from_digits(total.astype(np.int64), hospitals)


def _word2vec(said: list[list[str]], most_words: int, *, skip_gram: bool) -> Callable[[], object]:
    """One epoch of gensim's Word2Vec, its vocabulary made beforehand."""
    from gensim.models import Word2Vec
    from gensim.models.word2vec import FAST_VERSION

    if FAST_VERSION < 0:
        raise RuntimeError("gensim has no compiled Word2Vec here, so there is nothing to compare with")
    model = Word2Vec(
        vector_size=DIMENSIONS,
        window=WINDOW,
        min_count=1,
        max_final_vocab=most_words,
        workers=1,
        sg=int(skip_gram),
        seed=1,
    )
    model.build_vocab(said)
    return lambda: model.train(said, total_examples=len(said), epochs=1)
