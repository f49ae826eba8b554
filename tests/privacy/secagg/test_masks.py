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
    """Segments of 64 coordinates in chunks of 16: their borders are crossed quickly."""
    monkeypatch.setattr(masks, "SEGMENT", 64)
    monkeypatch.setattr(masks, "_CHUNK", 16)
    monkeypatch.setattr(masks, "_ZEROS", bytes(64))
    return 64


def stream_by_blocks(key: bytes, coordinates: int, segment: int) -> list[int]:
    """The mask of a key: each block of 16 bytes enciphered by itself, each word put together from its bytes."""
    words: list[int] = []
    for number, start in enumerate(range(0, coordinates, segment)):
        count = min(segment, coordinates - start)
        blocks = b""
        for block in range(-(-count // 4)):
            counter = number.to_bytes(12, "big") + (2 + block).to_bytes(4, "big")
            blocks += Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(counter)  # noqa: S305
        words += [sum(blocks[4 * i + j] << 8 * j for j in range(4)) for i in range(count)]
    return words


def stream_by_counter(key: bytes, coordinates: int) -> NDArray[np.uint32]:
    """The mask of a key, from plain counter mode."""
    words = np.empty(coordinates, dtype="<u4")
    for number, start in enumerate(range(0, coordinates, SEGMENT)):
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


def random_vector(coordinates: int) -> NDArray[np.uint32]:
    return np.random.default_rng(coordinates).integers(0, 2**32, coordinates, dtype=np.uint32)


@pytest.mark.parametrize(
    ("coordinates", "threads"),
    list(product((0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 128, 129, 300), (1, 2, 3))),
)
@pytest.mark.parametrize(("plus", "minus"), [(1, 0), (0, 1), (2, 3), (0, 0)])
def test_a_mask_is_counter_mode(small: int, coordinates: int, threads: int, plus: int, minus: int) -> None:
    vector = random_vector(coordinates)
    wanted = masked_by_blocks(vector, KEYS[:plus], KEYS[plus : plus + minus], small)
    add_masks(vector, KEYS[:plus], KEYS[plus : plus + minus], threads=threads)
    assert vector.tolist() == wanted


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("coordinates", [SEGMENT - 1, SEGMENT, SEGMENT + 5, 2 * SEGMENT + 70_001])
def test_a_mask_is_counter_mode_at_its_real_size(coordinates: int, threads: int) -> None:
    vector = random_vector(coordinates)
    wanted = vector + stream_by_counter(KEYS[1], coordinates) - stream_by_counter(KEYS[2], coordinates)
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
        streams.append(vector)
    blocks = np.concatenate(streams).view([("low", "<u8"), ("high", "<u8")])
    assert len(np.unique(blocks)) == len(blocks) == SEGMENT
    assert SEGMENT * 4 // 16 + 2 < 2**32  # counters of one nonce


def test_the_vector_is_changed_in_place_and_nothing_beside_it(small: int) -> None:
    around = np.zeros(100, dtype=np.uint32)
    add_masks(around[10:90], [KEYS[0]], [])
    assert not around[:10].any()
    assert not around[90:].any()
    assert around[10:90].tolist() == stream_by_blocks(KEYS[0], 80, small)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="key"):
        add_masks(np.zeros(4, dtype=np.uint32), [os.urandom(length)], [])
