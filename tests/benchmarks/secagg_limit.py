"""How near masking comes to what this core can do: make the keystream, add it, and nothing else.

The limit is one pass of the generator (AES-256 in GCM, over zeros) and one addition, each at its best rate with
everything in cache, one after the other: `1 / (1 / generator + 1 / add)`. No program that makes the stream in one
call and adds it in another is faster; what a real vector costs on top is its way from memory to the cache and back.
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

    vectors = {length: np.zeros(length, dtype=np.uint32) for _, length in sizes}
    for _ in range(repeat):
        for chunk in CHUNKS:
            keep(("generator", chunk), _keystream(modes.GCM(bytes(12)), chunk))
            keep(("ctr", chunk), _keystream(modes.CTR(bytes(16)), chunk))
            keep(("add", chunk), _addition(chunk))
        for hospitals, length in sizes:
            keep((hospitals, length), _masking(vectors[length], hospitals))
    generator, ctr, add = (max(best[kind, chunk] for chunk in CHUNKS) for kind in ("generator", "ctr", "add"))
    limit = 1 / (1 / generator + 1 / add)
    return [
        {
            "masks": hospitals,
            "length": length,
            "mask_gb_s": round(best[hospitals, length], 2),
            "limit_gb_s": round(limit, 2),
            "of_limit": round(best[hospitals, length] / limit, 3),
            "aes256_gcm_gb_s": round(generator, 2),
            "aes256_ctr_gb_s": round(ctr, 2),
            "add_gb_s": round(add, 2),
        }
        for hospitals, length in sizes
    ]


def _keystream(mode: modes.Mode, chunk: int) -> Callable[[], int]:
    """Fills one chunk over and over, from one cipher."""
    zeros, stream = bytes(chunk), _aligned(chunk)
    cipher: CipherContext = Cipher(algorithms.AES256(os.urandom(KEY)), mode).encryptor()

    def work() -> int:
        for _ in range(64):
            cipher.update_into(zeros, stream)  # type: ignore[arg-type]  # any writable buffer will do
        return 64 * chunk

    return work


def _addition(chunk: int) -> Callable[[], int]:
    """Adds one chunk to another over and over."""
    stream, part = _aligned(chunk).view(np.uint32), _aligned(chunk).view(np.uint32)

    def work() -> int:
        for _ in range(64):
            np.add(part, stream, out=part)
        return 64 * chunk

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
