"""What everyone in a sum agrees on, as hashes that enter every key and every signature.

A domain label goes into each hash with its length, and so does every part: no two different inputs run together.
"""

import hashlib
from collections.abc import Iterable, Sequence

DIGEST = 32


def tagged_hash(label: str, *parts: bytes) -> bytes:
    """SHA-256 of a label and parts, each preceded by its length in eight bytes."""
    state = hashlib.sha256()
    for part in (b"HSA1/" + label.encode("ascii"), *parts):
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def view(terms: bytes, task: bytes, adverts: Iterable[bytes]) -> bytes:
    """What a hospital saw when it shared its seeds: terms, task, and the adverts of all who share.

    It salts every key derived afterwards, so hospitals that were shown different views cannot read each other's
    shares (`tr1` in the design).
    """
    return tagged_hash("view", terms, task, *adverts)


def survivor_statement(view_digest: bytes, sharers: Sequence[int], survivors: Sequence[int]) -> bytes:
    """What a hospital signs before it helps to unmask: who shared seeds and whose vectors are in the sum."""
    return tagged_hash("survivors", view_digest, _listed(sharers), _listed(survivors))


def task_digest(order: bytes, arrays: Iterable[tuple[str, bytes, bytes]]) -> bytes:
    """The task of a sum: the order as bytes, and the global model as (name, shape, values) in order of names."""
    return tagged_hash(
        "task", order, *(part for name, shape, data in arrays for part in (name.encode(), shape, data))
    )


def _listed(indices: Sequence[int]) -> bytes:
    return b"".join(index.to_bytes(2, "big") for index in indices)
