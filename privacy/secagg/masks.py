"""Masks: pseudo-random vectors that hospitals add and that cancel in the sum.

A mask is the keystream of AES-256 in counter mode, taken from GCM over zeros (NIST SP 800-38D, section 6.5): the
GCM of OpenSSL uses the wide AES instructions and is two to three times as fast as its plain counter mode. The
stream of a key is cut into segments of 16 MiB with the segment's number as nonce, so that threads can begin anywhere
and the counter of a nonce never comes near its end.

Guarantees: each key is used for one vector; under it the mask cannot be told from uniformly random coordinates as
long as AES-256 is a pseudo-random permutation.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, mmap

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

KEY = 32  # bytes
SEGMENT = 1 << 22  # words of four bytes under one nonce
_CHUNK = 1 << 16  # words: accumulator and stream stay in the second-level cache; measured best
_LINE = 64  # bytes
_ZEROS = memoryview(
    mmap(-1, 4 * _CHUNK, MAP_PRIVATE | MAP_ANONYMOUS, PROT_READ)
)  # one page of zeros, many times

Ring = NDArray[np.uint32]


def add_masks(words: Ring, plus: Sequence[bytes], minus: Sequence[bytes], *, threads: int = 1) -> None:
    """Adds the masks of some keys in place and takes away those of others, modulo 2^32.

    Args:
        words: shape (words,), contiguous.
        plus: keys of 32 bytes.
        minus: keys of 32 bytes.
        threads: that share the work by segment; the result is the same.
    """
    starts = range(0, words.size, SEGMENT)
    if threads == 1 or len(starts) == 1:
        for start in starts:
            _mask_segment(words[start : start + SEGMENT], start // SEGMENT, plus, minus)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(
            pool.map(
                lambda s: _mask_segment(words[s : s + SEGMENT], s // SEGMENT, plus, minus),
                starts,
            )
        )


def _mask_segment(part: Ring, number: int, plus: Sequence[bytes], minus: Sequence[bytes]) -> None:
    """Chunk by chunk, all streams on one chunk before the next: the words are read from memory once."""
    added = [_stream(key, number) for key in plus]
    subtracted = [_stream(key, number) for key in minus]
    aligned = _aligned_buffer()
    start, end = (
        0,
        min(part.size, _CHUNK - part.ctypes.data % _LINE // 4),
    )  # from then on, chunks begin at a line
    while start < part.size:
        chunk = part[start:end]
        buffer, zeros = aligned[: chunk.nbytes], _ZEROS[: chunk.nbytes]
        mask = buffer.view(np.uint32)
        for stream in added:
            stream.update_into(zeros, buffer)  # type: ignore[arg-type]  # any writable buffer will do
            np.add(chunk, mask, out=chunk)
        for stream in subtracted:
            stream.update_into(zeros, buffer)  # type: ignore[arg-type]
            np.subtract(chunk, mask, out=chunk)
        start, end = end, min(part.size, end + _CHUNK)


def _aligned_buffer() -> NDArray[np.uint8]:
    """Room for a chunk that begins at a cache line, where adding is half as fast again."""
    raw = np.empty(4 * _CHUNK + _LINE, dtype=np.uint8)
    begin = -raw.ctypes.data % _LINE
    return raw[begin : begin + 4 * _CHUNK]


def _stream(key: bytes, segment: int) -> CipherContext:
    return Cipher(algorithms.AES256(key), modes.GCM(segment.to_bytes(12, "big"))).encryptor()
