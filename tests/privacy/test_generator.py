"""The generator against AES-256 put together from single blocks, and Poisson sampling at the border of its rate."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from privacy import generator
from privacy.generator import KEY, SEGMENT, Generator, poisson_sample
from shared.errors import FixSettings

SEED = bytes(range(KEY))


class Scripted(Generator):
    """Draws the words it was given."""

    def __init__(self, words: list[int]) -> None:
        super().__init__(SEED)
        self._words = words

    def words(self, n: int) -> NDArray[np.uint64]:
        drawn, self._words = self._words[:n], self._words[n:]
        return np.array(drawn, dtype=np.uint64)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Segments of 96 bytes in chunks of 40: their borders are crossed quickly."""
    monkeypatch.setattr(generator, "SEGMENT", 96)
    monkeypatch.setattr(generator, "_CHUNK", 40)
    return 96


def stream_by_blocks(seed: bytes, count: int, segment: int) -> bytes:
    """Each block of 16 bytes enciphered by itself."""
    stream = b""
    for number in range(-(-count // segment)):
        for block in range(segment // 16):
            counter = number.to_bytes(12, "big") + (2 + block).to_bytes(4, "big")
            stream += Cipher(algorithms.AES256(seed), modes.ECB()).encryptor().update(counter)  # noqa: S305
    return stream[:count]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 39, 40, 41, 95, 96, 97, 192, 193, 500])
def test_the_stream_is_counter_mode(small: int, count: int) -> None:
    assert Generator(SEED).bytes(count) == stream_by_blocks(SEED, count, small)


def test_words_are_little_endian(small: int) -> None:
    stream = stream_by_blocks(SEED, 800, small)
    wanted = [int.from_bytes(stream[i : i + 8], "little") for i in range(0, 800, 8)]
    assert Generator(SEED).words(100).tolist() == wanted


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 70), max_size=12))
def test_pieces_change_nothing(pieces: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "SEGMENT", 96)
        drawn = Generator(SEED)
        parts = [
            drawn.words(count // 8).tobytes() + drawn.bytes(count % 8) if count % 2 else drawn.bytes(count)
            for count in pieces
        ]
        assert b"".join(parts) == stream_by_blocks(SEED, sum(pieces), 96)


def test_the_stream_at_its_real_size() -> None:
    count = 3 * generator._CHUNK + 5
    mode = modes.CTR(bytes(12) + (2).to_bytes(4, "big"))
    assert Generator(SEED).bytes(count) == Cipher(algorithms.AES256(SEED), mode).encryptor().update(
        bytes(count)
    )


def test_no_block_comes_twice(small: int) -> None:
    """Neither within a segment nor in two segments nor under two seeds: the counters never meet."""
    streams = Generator(SEED).bytes(960) + Generator(SEED[::-1]).bytes(960)
    assert len({streams[i : i + 16] for i in range(0, len(streams), 16)}) == 120
    assert SEGMENT % 16 == 0
    assert SEGMENT // 16 + 2 < 2**32  # counters of one nonce


def test_frozen_answers() -> None:
    assert Generator(SEED).words(2).tolist() == [13655807654754630670, 11065674241917167624]
    assert Generator(SEED).fork().bytes(4).hex() == "5f6cd194"
    assert poisson_sample(100, 0.1, Generator(SEED)).tolist() == [4, 51, 56, 61, 79, 90]


def test_filling_overwrites_an_array_and_nothing_beside_it() -> None:
    around = np.zeros((10, 7), dtype="<u2")
    Generator(SEED).fill(around[3:6])
    assert around[3:6].tobytes() == Generator(SEED).bytes(42)
    assert not around[:3].any()
    assert not around[6:].any()
    with pytest.raises(ValueError, match="contiguous"):
        Generator(SEED).fill(around[:, ::2][:, 1])


def test_a_fork_goes_its_own_way() -> None:
    parent, twin = Generator(SEED), Generator(SEED)
    child = parent.fork()
    assert child.bytes(64) == Generator(twin.bytes(KEY)).bytes(64)
    assert parent.bytes(64) == twin.bytes(64)


def test_without_a_seed_no_two_are_alike() -> None:
    assert len({Generator().bytes(16) for _ in range(100)}) == 100


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_seed_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="key"):
        Generator(bytes(length))


def test_a_generator_is_not_copied_by_accident() -> None:
    """Two copies would give the same noise to two vectors, whose difference then holds none."""
    with pytest.raises(TypeError):
        pickle.dumps(Generator(SEED))


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0, 1, exclude_max=True)
    | st.floats(0, 2.0**-50)
    | st.integers(0, 2**64).map(lambda i: i / 2**65)
)
def test_a_unit_is_chosen_with_the_charged_probability_rounded_down(rate: float) -> None:
    """Words below the border are taken, the border's own is not: there are `border` of 2^64 words."""
    border = math.floor(Fraction(rate) * 2**64)
    assert 0 <= Fraction(rate) - Fraction(border, 2**64) < Fraction(1, 2**64)
    words = [word for word in (0, border - 1, border, border + 1, 2**64 - 1) if 0 <= word < 2**64]
    chosen = poisson_sample(len(words), rate, Scripted(words))
    assert chosen.tolist() == [i for i, word in enumerate(words) if word < border]


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 1 / 3, 0.5, 0.9])
def test_units_are_chosen_at_their_rate_and_independently(rate: float) -> None:
    """The number chosen, how it varies, and how often two neighbours in steps or in units are chosen together."""
    units, steps = 2000, 200
    drawn = Generator(SEED)
    chosen = np.zeros((steps, units), dtype=bool)
    for step in range(steps):
        chosen[step, poisson_sample(units, rate, drawn)] = True
    trials = units * steps
    assert stats.binomtest(int(chosen.sum()), trials, rate).pvalue > 1e-3
    for both in (chosen[1:] & chosen[:-1], chosen[:, 1:] & chosen[:, :-1]):
        assert stats.binomtest(int(both.sum()), both.size, rate**2).pvalue > 1e-3
    for counts, size in ((chosen.sum(1), units), (chosen.sum(0), steps)):
        spread = ((counts - size * rate) ** 2).sum() / (size * rate * (1 - rate))
        assert 1e-3 < stats.chi2.sf(spread, len(counts)) < 1 - 1e-3


def test_rates_of_none_and_all() -> None:
    for units in (0, 1, 1000):
        assert poisson_sample(units, 0.0, Generator()).tolist() == []
        everybody = poisson_sample(units, 1.0, Generator())
        assert everybody.tolist() == list(range(units))
        assert everybody.dtype == np.int64
    nearly = math.nextafter(1.0, 0)
    assert poisson_sample(2, nearly, Scripted([2**64 - 1, 0])).tolist() == [1]


@pytest.mark.parametrize("rate", [-1e-300, -1.0, 1.0000000000000002, math.inf, math.nan])
def test_a_rate_that_is_no_probability_is_refused(rate: float) -> None:
    with pytest.raises(FixSettings, match="sampling rate"):
        poisson_sample(10, rate, Generator())
