"""Masks against AES-256 in counter mode put together from single blocks; threads change nothing."""

import os
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from privacy.secagg import masks
from privacy.secagg.masks import KEY, SEGMENT, add_masks

KEYS = [bytes([i]) * KEY for i in range(5)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Segments of 64 words in chunks of 16: their borders are crossed quickly."""
    monkeypatch.setattr(masks, "SEGMENT", 64)
    monkeypatch.setattr(masks, "_CHUNK", 16)
    monkeypatch.setattr(masks, "_ZEROS", bytes(64))
    return 64


def stream_by_blocks(key: bytes, length: int, segment: int) -> list[int]:
    """The mask of a key: each block of 16 bytes enciphered by itself, each word put together from its bytes."""
    words: list[int] = []
    for number, start in enumerate(range(0, length, segment)):
        count = min(segment, length - start)
        blocks = b""
        for block in range(-(-count // 4)):
            counter = number.to_bytes(12, "big") + (2 + block).to_bytes(4, "big")
            blocks += Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(counter)  # noqa: S305
        words += [sum(blocks[4 * i + j] << 8 * j for j in range(4)) for i in range(count)]
    return words


def stream_by_counter(key: bytes, length: int) -> NDArray[np.uint32]:
    """The mask of a key, from plain counter mode."""
    words = np.empty(length, dtype="<u4")
    for number, start in enumerate(range(0, length, SEGMENT)):
        part = words[start : start + SEGMENT]
        mode = modes.CTR(number.to_bytes(12, "big") + (2).to_bytes(4, "big"))
        part[:] = np.frombuffer(
            Cipher(algorithms.AES256(key), mode).encryptor().update(bytes(part.nbytes)), "<u4"
        )
    return words


def masked_by_blocks(
    vector: NDArray[np.uint32], plus: Sequence[bytes], minus: Sequence[bytes], segment: int
) -> list[int]:
    total = vector.tolist()
    for sign, keys in ((1, plus), (-1, minus)):
        for key in keys:
            words = stream_by_blocks(key, len(total), segment)
            total = [(value + sign * word) % 2**32 for value, word in zip(total, words, strict=True)]
    return total


def random_vector(length: int) -> NDArray[np.uint32]:
    return np.random.default_rng(length).integers(0, 2**32, length, dtype=np.uint32)


@pytest.mark.parametrize(
    ("length", "threads"),
    list(product((0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 128, 129, 300), (1, 2, 3))),
)
@pytest.mark.parametrize(("plus", "minus"), [(1, 0), (0, 1), (2, 3), (0, 0)])
def test_a_mask_is_counter_mode(small: int, length: int, threads: int, plus: int, minus: int) -> None:
    vector = random_vector(length)
    wanted = masked_by_blocks(vector, KEYS[:plus], KEYS[plus : plus + minus], small)
    add_masks(vector, KEYS[:plus], KEYS[plus : plus + minus], threads=threads)
    assert vector.tolist() == wanted


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("length", [SEGMENT - 1, SEGMENT, SEGMENT + 5, 2 * SEGMENT + 70_001])
def test_a_mask_is_counter_mode_at_its_real_size(length: int, threads: int) -> None:
    vector = random_vector(length)
    wanted = vector + stream_by_counter(KEYS[1], length) - stream_by_counter(KEYS[2], length)
    add_masks(vector, [KEYS[1]], [KEYS[2]], threads=threads)
    assert np.array_equal(vector, wanted)


@pytest.mark.parametrize("threads", [1, 3])
def test_masks_cancel_in_whatever_order(small: int, threads: int) -> None:
    vector = random_vector(200)
    masked = vector.copy()
    add_masks(masked, KEYS[:2], KEYS[2:], threads=threads)
    assert not np.array_equal(masked, vector)
    add_masks(masked, KEYS[:1:-1], [KEYS[1]], threads=threads)
    add_masks(masked, [], [KEYS[0]], threads=threads)
    assert np.array_equal(masked, vector)


def test_no_block_comes_twice() -> None:
    """Neither within a segment nor in two segments nor under two keys: the counters never meet."""
    streams = []
    for key in KEYS[:2]:
        vector = np.zeros(2 * SEGMENT, dtype=np.uint32)
        add_masks(vector, [key], [])
        streams.append(vector.view(np.uint64)[::2])
    halves = np.sort(np.concatenate(streams))  # of each block the first; no two of these agree either
    assert len(halves) == SEGMENT
    assert (halves[1:] != halves[:-1]).all()
    assert SEGMENT * 4 // 16 + 2 < 2**32  # counters of one nonce


@pytest.mark.parametrize("before", [*range(18), 25, 40])
@pytest.mark.parametrize("length", [3, 80, 130])
def test_the_vector_is_changed_in_place_and_nothing_beside_it(small: int, before: int, length: int) -> None:
    """Wherever in a cache line it begins, for chunks are laid by lines."""
    around = np.zeros(200, dtype=np.uint32)
    add_masks(around[before : before + length], [KEYS[0]], [KEYS[1]])
    assert not around[:before].any()
    assert not around[before + length :].any()
    wanted = masked_by_blocks(np.zeros(length, np.uint32), [KEYS[0]], [KEYS[1]], small)
    assert around[before : before + length].tolist() == wanted


@pytest.mark.parametrize("before", range(1, 9))
def test_words_may_lie_across_the_machines_own(small: int, before: int) -> None:
    """Words that begin at any byte, as those of a message may."""
    memory = np.zeros(4 * 130 + 16, dtype=np.uint8)
    words = memory[before : before + 4 * 130].view(np.uint32)
    add_masks(words, [KEYS[0]], [])
    assert words.tolist() == stream_by_blocks(KEYS[0], 130, small)


@pytest.mark.parametrize("before", [0, 1, 4, 15])
def test_chunks_at_their_real_size_begin_at_a_line(before: int) -> None:
    """So the first is shorter, unless the vector does too; the mask is the same."""
    length = 3 * masks._CHUNK + 5
    around = np.zeros(length + 32, dtype=np.uint32)
    line = -around.ctypes.data % masks._LINE // 4
    part = around[line + before : line + before + length]
    add_masks(part, [KEYS[3]], [])
    assert np.array_equal(part, stream_by_counter(KEYS[3], length))
    assert not around[: line + before].any()
    assert not around[line + before + length :].any()


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="key"):
        add_masks(np.zeros(4, dtype=np.uint32), [os.urandom(size)], [])
