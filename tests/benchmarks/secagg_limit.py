"""How near masking comes to what this core can do: make the keystream, add it, and nothing else.

The limit is the generator (AES-256 in GCM, over zeros) at its best rate, everything in cache, and then the additions:
one ready chunk of stream, added to every chunk of a vector of the same length as many times as there are masks. Both
take their time one after the other: `1 / (1 / generator + 1 / add)`. A program that makes the stream in one call and
adds it in another, and has no keys to set up, would be as fast.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from privacy.secagg.masks import KEY, add_masks

SAMPLE_SECONDS = 0.01  # behind every rate at least, so that no side is luckier than the other
CHUNKS = tuple(1 << exponent for exponent in range(15, 20))  # bytes
LINE = 64  # bytes of a cache line


def mask_rates(sizes: Sequence[tuple[int, int]], repeat: int) -> list[dict[str, Any]]:
    """Measures `add_masks` and the limit by turns, in CPU time, and keeps the best of each.

    Args:
        sizes: (hospitals, coordinates); a vector gets as many masks as there are hospitals, its own among them.
        repeat: turns.

    Returns:
        A row a size: rates in GB of mask a second, and `of_limit`, a fraction.
    """
    best: dict[Any, float] = {}

    def keep(key: Any, work: Callable[[], int]) -> None:
        started, spent, done = time.process_time(), 0.0, 0
        while spent < SAMPLE_SECONDS:
            done += work()
            spent = time.process_time() - started
        best[key] = max(best.get(key, 0.0), done / spent / 1e9)

    vectors = {length: _aligned(4 * length).view(np.uint32) for _, length in sizes}
    for _ in range(repeat):
        for chunk in CHUNKS:
            keep(("generator", chunk), _keystream(modes.GCM(bytes(12)), chunk))
            keep(("ctr", chunk), _keystream(modes.CTR(bytes(16)), chunk))
        for hospitals, length in sizes:
            for chunk in CHUNKS:
                keep(("add", hospitals, length), _additions(vectors[length], hospitals, chunk))
            keep((hospitals, length), _masking(vectors[length], hospitals))
    generator, ctr = (max(best[kind, chunk] for chunk in CHUNKS) for kind in ("generator", "ctr"))

    def row(hospitals: int, length: int) -> dict[str, Any]:
        mask, add = best[hospitals, length], best["add", hospitals, length]
        limit = 1 / (1 / generator + 1 / add)
        return {
            "masks": hospitals,
            "length": length,
            "mask_gb_s": round(mask, 2),
            "limit_gb_s": round(limit, 2),
            "of_limit": round(mask / limit, 3),
            "aes256_gcm_gb_s": round(generator, 2),
            "aes256_ctr_gb_s": round(ctr, 2),
            "add_gb_s": round(add, 2),
        }

    return [row(hospitals, length) for hospitals, length in sizes]


def _keystream(mode: modes.Mode, chunk: int) -> Callable[[], int]:
    """Fills one chunk over and over, from one cipher."""
    zeros, stream = bytes(chunk), _aligned(chunk)
    cipher: CipherContext = Cipher(algorithms.AES256(os.urandom(KEY)), mode).encryptor()

    def work() -> int:
        for _ in range(64):
            cipher.update_into(zeros, stream)  # type: ignore[arg-type]  # any writable buffer will do
        return 64 * chunk

    return work


def _additions(vector: NDArray[np.uint32], masks: int, chunk: int) -> Callable[[], int]:
    """Adds one chunk of stream to all of a vector, chunk by chunk, as often as there are masks."""
    stream = _aligned(chunk).view(np.uint32)

    def work() -> int:
        for start in range(0, vector.size, stream.size):
            part = vector[start : start + stream.size]
            for _ in range(masks):
                np.add(part, stream[: part.size], out=part)
        return masks * vector.nbytes

    return work


def _aligned(size: int) -> NDArray[np.uint8]:
    """Bytes that begin where a cache line does: an addition across lines takes a third longer."""
    room = np.zeros(size + LINE, dtype=np.uint8)
    start = -room.ctypes.data % LINE
    return room[start : start + size]


def _masking(vector: NDArray[np.uint32], masks: int) -> Callable[[], int]:
    """Masks one vector as a hospital in the middle of the roster does."""
    keys = [os.urandom(KEY) for _ in range(masks)]
    plus, minus = keys[: masks // 2 + 1], keys[masks // 2 + 1 :]

    def work() -> int:
        add_masks(vector, plus, minus)
        return masks * vector.nbytes

    return work
