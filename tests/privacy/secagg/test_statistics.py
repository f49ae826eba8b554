"""A masked vector looks uniform, whatever is in it and whatever it is laid beside; bounds fail once in 10^6 runs.

Each statistic is also shown something that it must reject, for one that accepts everything tells nothing.
"""

import math
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.secagg.masks import SEGMENT
from privacy.secagg.packing import RING_BITS
from tests.privacy.secagg.rehearsal import Rehearsal

Words = NDArray[np.uint32]

COORDINATES = 300_000  # of 24, 28 or 32 bits, at four hospitals, in two attempts
HOSPITALS = 4
CHANCE = 1e-9  # that one comparison fails although all is well; no test makes a thousand without dividing it


class Recording:
    """What an aggregator sees in two attempts: zeros in the first, a constant in the second."""

    def __init__(self, bits: int) -> None:
        rehearsal = Rehearsal(HOSPITALS, coordinates=COORDINATES, bits=bits)
        most = rehearsal.terms.encoding.segments[0].steps
        self.attempts: list[dict[str, Words]] = []
        for value in (0, most):
            total = rehearsal.run(dict.fromkeys(rehearsal.names, np.full(COORDINATES, value, dtype=np.int32)))
            assert (total == HOSPITALS * value).all()
            self.attempts.append(dict(rehearsal.masked))
            rehearsal.retry()
        self.all = [words for attempt in self.attempts for words in attempt.values()]


@pytest.fixture(scope="module", params=RING_BITS)
def recording(request: pytest.FixtureRequest) -> Recording:
    made = Recording(request.param)
    assert sum(words.nbytes for words in made.all) >= 7_000_000
    return made


def columns(words: Words) -> list[NDArray[np.uint8]]:
    """Bytes by their place in the word."""
    return list(words.astype("<u4").view(np.uint8).reshape(-1, 4).T)


def bits_of(words: Words) -> NDArray[np.float32]:
    """Bits as -1 and 1, shape (words, 32)."""
    flat = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").reshape(-1, 32)
    return flat.astype(np.float32) * 2 - 1


def bytes_are_uniform(column: NDArray[np.uint8]) -> bool:
    """Pearson's chi-square over the 256 values, against its tail bound by Laurent and Massart (2000, lemma 1)."""
    counts = np.bincount(column, minlength=256)
    expected = len(column) / 256
    statistic = float(((counts - expected) ** 2).sum() / expected)
    x = math.log(1 / CHANCE)
    return statistic <= 255 + 2 * math.sqrt(255 * x) + 2 * x


def mean_is_uniform(column: NDArray[np.uint8]) -> bool:
    """The mean of bytes, against Hoeffding's bound."""
    return abs(float(column.mean()) - 127.5) <= 255 * math.sqrt(math.log(2 / CHANCE) / (2 * len(column)))


def bits_are_unrelated(one: Words, other: Words) -> bool:
    """All 32 x 32 pairs of a bit of one and a bit of the other at one place, against Hoeffding's bound."""
    products = bits_of(one).T @ bits_of(other)  # sums of -1 and 1, exact in float32 up to 2^24
    return bool((np.abs(products) <= math.sqrt(2 * len(one) * math.log(2 * 1024 / CHANCE))).all())


def linear_complexity(bits: NDArray[np.uint8]) -> int:
    """Length of the shortest linear recurrence that makes the bits (Massey 1969); of random ones, half as long."""
    connection = before = 1
    length = window = 0
    changed = -1
    for place, bit in enumerate(bits.tolist()):
        window = window << 1 | bit
        if (connection & window).bit_count() & 1:
            connection, kept = connection ^ before << place - changed, connection
            if 2 * length <= place:
                length, before, changed = place + 1 - length, kept, place
    return length


def no_recurrence(words: Words, count: int = 44_000) -> bool:
    """Whether the lowest bits follow no linear recurrence; random ones fail with a chance of 2^-40."""
    return abs(linear_complexity((words[:count] & 1).astype(np.uint8)) - count / 2) <= 20


def test_every_byte_of_every_masked_vector_is_uniform(recording: Recording) -> None:
    """Of zeros as of a constant, at each place in the word, at each hospital."""
    assert all(bytes_are_uniform(column) for words in recording.all for column in columns(words))


def test_sums_over_any_hospitals_are_uniform(recording: Recording) -> None:
    """Masks of pairs cancel in a sum; each hospital's own mask does not, until it is taken away."""
    for attempt in recording.attempts:
        vectors = list(attempt.values())
        for size in range(2, HOSPITALS + 1):
            for chosen in combinations(vectors, size):
                total = np.add.reduce(chosen)
                assert all(bytes_are_uniform(column) for column in columns(total))


def test_zeros_and_a_constant_have_the_same_mean_in_every_byte(recording: Recording) -> None:
    zeros, constants = ([columns(words) for words in attempt.values()] for attempt in recording.attempts)
    for hospital in range(HOSPITALS):
        for one, other in zip(zeros[hospital], constants[hospital], strict=True):
            assert mean_is_uniform(one)
            assert mean_is_uniform(other)
            assert mean_is_uniform(one - other)  # modulo 256


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8, 1024, 37_500, 65_536, 75_000])
def test_bits_of_one_word_say_nothing_of_another(recording: Recording, lag: int) -> None:
    """Among them words that share an integer: 75,000 apart in 24 bits, 37,500 apart in 28."""
    words = recording.all[0]
    assert bits_are_unrelated(words[:-lag], words[lag:])


def test_segments_of_a_mask_say_nothing_of_each_other() -> None:
    """A vector long enough for two of them."""
    rehearsal = Rehearsal(3, coordinates=SEGMENT + COORDINATES, bits=32)
    rehearsal.run(dict.fromkeys(rehearsal.names, np.zeros(SEGMENT + COORDINATES, dtype=np.int32)))
    for words in rehearsal.masked.values():
        assert bits_are_unrelated(words[:COORDINATES], words[SEGMENT:])
        assert all(bytes_are_uniform(column) for column in columns(words))


def test_bits_within_a_word_say_nothing_of_each_other(recording: Recording) -> None:
    for words in recording.all:
        bits = bits_of(words)
        products = bits.T @ bits
        np.fill_diagonal(products, 0)
        assert (np.abs(products) <= math.sqrt(2 * len(words) * math.log(2 * 1024 / CHANCE))).all()


def test_bits_of_one_vector_say_nothing_of_another_hospitals_or_attempts(recording: Recording) -> None:
    for one, other in combinations(recording.all, 2):
        assert bits_are_unrelated(one, other)


def test_the_masks_follow_no_linear_recurrence(recording: Recording) -> None:
    """Sums of Mersenne Twisters do, in their lowest bits, and so show where the plain vector is zero."""
    assert no_recurrence(recording.all[0])


def test_what_is_not_masked_is_rejected() -> None:
    plain = np.random.default_rng(0).normal(0, 1000, COORDINATES).astype(np.int32).view(np.uint32)
    assert not any(bytes_are_uniform(column) for column in columns(plain)[1:])
    assert not any(mean_is_uniform(column) for column in columns(np.zeros(COORDINATES, dtype=np.uint32)))
    assert not bits_are_unrelated(plain[1:], plain[1:])
    assert not no_recurrence(np.arange(COORDINATES, dtype=np.uint32))


def random_words(seed: int) -> Words:
    return np.random.default_rng(seed).integers(0, 2**32, COORDINATES, dtype=np.uint32)


def test_random_words_are_accepted() -> None:
    one, other = random_words(0), random_words(1)
    assert all(bytes_are_uniform(column) and mean_is_uniform(column) for column in columns(one))
    assert bits_are_unrelated(one, other)
    assert no_recurrence(one)


def test_small_defects_are_rejected() -> None:
    """A byte that is zero in one of a hundred places, a bit that is set in 52 of 100, a mask used twice."""
    words = random_words(0)
    few = words.copy()
    few[: COORDINATES // 100] &= np.uint32(0xFFFFFF00)
    assert not bytes_are_uniform(columns(few)[0])
    set_more = words | (random_words(1) % 25 == 0).astype(np.uint32) << np.uint32(7)
    assert not mean_is_uniform(columns(set_more)[0])
    assert not bits_are_unrelated(words, words + np.uint32(12_345))


@pytest.mark.parametrize("masks", [1, 3])
def test_mersenne_twisters_are_rejected_though_their_bytes_are_uniform(masks: int) -> None:
    """Sums of streams of `numpy.random.RandomState`, which is what Flower's SecAgg+ masks with."""
    streams = [
        np.random.RandomState(seed).randint(0, 2**32, COORDINATES, dtype=np.uint32) for seed in range(masks)
    ]
    words = np.add.reduce(streams)
    assert all(bytes_are_uniform(column) for column in columns(words))
    assert linear_complexity((words[:44_000] & 1).astype(np.uint8)) == 19_937
    assert not no_recurrence(words)
