"""The factorisation against a slow loop over pairs, and its vectors in gensim and in `birnn`."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from numpy.typing import NDArray

from server.glove import START, GloveSettings, WordVectors, factorise, write_vectors
from shared.cooccurrence import Counting, all_pairs, count_pairs
from shared.errors import FixSettings
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger, pin
from shared.models.settings import ModelSettings
from shared.models.vectors import read_vectors
from shared.vocabulary import Vocabulary, frequent_words

DRUGS, DISEASES = ("colchicine", "aspirin", "insulin"), ("gout", "pain", "diabetes")
SENTENCES = ("the patient with {1} takes {0} daily .", "{0} was given for {1} .", "no {1} on {0} .")


def texts() -> list[str]:
    draw = random.Random(3)  # noqa: S311
    return [
        " ".join(draw.choice(SENTENCES).format(DRUGS[kind], DISEASES[kind]) for _ in range(20))
        for kind in draw.choices(range(3), k=60)
    ]


def counted(most: int = 30, window: int = 5) -> tuple[Counting, NDArray[np.float64]]:
    vocabulary = frequent_words(texts(), most)
    counting = Counting(vocabulary, window, all_pairs(vocabulary))
    return counting, count_pairs(texts(), counting) / counting.steps


def slow_glove(
    counting: Counting, counts: NDArray[np.float64], settings: GloveSettings
) -> NDArray[np.float64]:
    """The same update pair by pair, in double precision."""
    size, width = len(counting.vocabulary.words), settings.dimensions
    generator = torch.Generator().manual_seed(settings.seed)
    words, contexts = (
        ((torch.rand((size, width), generator=generator) - 0.5) / width).double().numpy() for _ in range(2)
    )
    biases, context_biases = np.zeros(size), np.zeros(size)
    learned = [words, contexts, biases, context_biases]
    squares = [np.full_like(array, START) for array in learned]
    smaller, larger = counting.words_of(counting.pairs)
    table = {}
    for one, other, count in zip(smaller.tolist(), larger.tolist(), counts.tolist(), strict=True):
        if count > 0:
            table[one, other] = table[other, one] = count
    x_max = settings.x_max or float(np.quantile(counts[counts > 0], 0.98))
    blocks = math.ceil(size / settings.block)
    for _ in range(settings.epochs):
        for block in torch.randperm(blocks, generator=generator).tolist():
            own = range(block * settings.block, min(size, (block + 1) * settings.block))
            gradients = [np.zeros_like(array) for array in learned]
            for (i, j), count in table.items():
                if i in own:
                    error = words[i] @ contexts[j] + biases[i] + context_biases[j] - math.log(count)
                    step = min(1.0, count / x_max) ** settings.alpha * error
                    gradients[0][i] += step * contexts[j]
                    gradients[1][j] += step * words[i]
                    gradients[2][i] += step
                    gradients[3][j] += step
            for array, square, gradient in zip(learned, squares, gradients, strict=True):
                square += gradient**2
                array -= settings.learning_rate * gradient / np.sqrt(square)
    return words + contexts


@pytest.mark.parametrize("block", [1, 4, 7, 512])
@pytest.mark.parametrize("x_max", [None, 2.0])
@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_it_is_the_slow_loop(block: int, x_max: float | None, noise: float) -> None:
    counting, counts = counted(12)
    counts = counts + np.random.default_rng(1).normal(0, noise, counts.shape) if noise else counts
    settings = GloveSettings(dimensions=4, epochs=4, block=block, x_max=x_max, alpha=0.6, learning_rate=0.05)
    made = factorise(counting, counts, settings)
    slow = slow_glove(counting, counts, settings)
    rows = [counting.vocabulary.rows[word] for word in made.words]
    assert np.allclose(made.vectors, slow[rows], atol=2e-5)


def nearest(vectors: WordVectors, word: str, among: Sequence[str]) -> str:
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    row = {word: unit[place] for place, word in enumerate(vectors.words)}
    return max(among, key=lambda other: float(row[other] @ row[word]))


def test_words_that_stand_together_come_near() -> None:
    counting, counts = counted()
    losses: list[float] = []
    settings = GloveSettings(dimensions=8, epochs=60)
    made = factorise(counting, counts, settings, lambda epoch, loss: losses.append(loss))
    assert len(losses) == 60
    assert losses[-1] < losses[0] / 5
    for drug, disease in zip(DRUGS, DISEASES, strict=True):
        assert nearest(made, drug, DISEASES) == disease


def test_it_can_be_repeated_bit_for_bit_and_the_seed_matters() -> None:
    counting, counts = counted()
    first, second = (factorise(counting, counts, GloveSettings(dimensions=8, epochs=5)) for _ in range(2))
    other = factorise(counting, counts, GloveSettings(dimensions=8, epochs=5, seed=2))
    assert first.vectors.dtype == np.float32
    assert first.vectors.tobytes() == second.vectors.tobytes()
    assert first.vectors.tobytes() != other.vectors.tobytes()


def test_words_that_never_occur_get_no_vector() -> None:
    vocabulary = Vocabulary(("gout", "never", "fever", "lonely"))
    counting = Counting(vocabulary, 2, all_pairs(vocabulary))
    counts = count_pairs(["gout fever gout", "lonely"], counting) / counting.steps
    assert factorise(counting, counts, GloveSettings(dimensions=2)).words == ("gout", "fever")


def test_noise_below_zero_does_no_harm() -> None:
    counting, counts = counted()
    noised = np.where(counts > 0, counts, -5.0)
    plain, other = (factorise(counting, x, GloveSettings(dimensions=8, epochs=5)) for x in (counts, noised))
    assert plain.words == other.words
    assert np.array_equal(plain.vectors, other.vectors)
    assert np.isfinite(other.vectors).all()


@pytest.mark.parametrize("broken", ["shape", "nan", "infinite", "nothing above 0"])
def test_counts_that_cannot_be_are_refused(broken: str) -> None:
    counting, counts = counted()
    if broken == "shape":
        counts = counts[:-1]
    elif broken == "nothing above 0":
        counts = -counts
    else:
        counts[3] = math.nan if broken == "nan" else math.inf
    with pytest.raises(FixSettings, match="count"):
        factorise(counting, counts, GloveSettings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dimensions", 0),
        ("epochs", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("x_max", 0.0),
        ("x_max", math.inf),
        ("alpha", -1.0),
        ("block", 0),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(FixSettings) as refusal:
        GloveSettings(**{name: value})  # type: ignore[arg-type]
    assert refusal.value.where == name


def test_gensim_and_birnn_load_the_vectors(tmp_path: Path) -> None:
    counting, counts = counted()
    made = factorise(counting, counts, GloveSettings(dimensions=8, epochs=5))
    path = tmp_path / "vectors.bin"
    write_vectors(path, made)
    assert [file.name for file in tmp_path.iterdir()] == ["vectors.bin"]

    keyed = KeyedVectors.load_word2vec_format(str(path), binary=True)
    assert tuple(keyed.index_to_key) == made.words
    assert np.array_equal(keyed.vectors, made.vectors)

    words, vectors = read_vectors(path)
    assert tuple(words) == made.words
    assert np.array_equal(vectors.numpy(), made.vectors)

    settings = ModelSettings(kind="birnn", labels=("Disease",), vectors=str(path), word_rows=64, word_width=8)
    tagger = build_tagger(pin(settings))
    assert isinstance(tagger, BirnnTagger)
    assert tagger.word_list == made.words
    assert np.array_equal(tagger.vectors.weight[1:].numpy(), made.vectors)
    (row,) = {row for row in tagger.reader.pieces("Gout") if row}  # type: ignore[attr-defined]
    assert tagger.word_list[row - 1] == "gout"


def test_equal_vectors_make_equal_files(tmp_path: Path) -> None:
    counting, counts = counted()
    for name in ("a", "b"):
        write_vectors(tmp_path / name, factorise(counting, counts, GloveSettings(dimensions=8, epochs=2)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("hospitals", [2, 5])
def test_vectors_of_hospitals_are_those_of_the_pooled_notes(hospitals: int) -> None:
    counting, pooled = counted()
    every = texts()
    total = sum(count_pairs(every[site::hospitals], counting) for site in range(hospitals))
    assert isinstance(total, np.ndarray)
    settings = GloveSettings(dimensions=8, epochs=5)
    one, other = factorise(counting, pooled, settings), factorise(counting, total / counting.steps, settings)
    assert one.vectors.tobytes() == other.vectors.tobytes()
