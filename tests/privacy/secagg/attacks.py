"""Attacks on secure aggregation, each a plain function over what an aggregator holds.

Run on Flower's SecAgg+ they work, which shows that they are attacks; run on ours they must fail. Those that talk to
hospitals meet them as a `Victim`, whatever the protocol.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")  # what a hospital advertises
S = TypeVar("S")  # the private half of it

Words = NDArray[np.uint32]  # a masked vector, modulo 2^32
Combine = Callable[[list[bytes]], bytes]
Streams = Callable[[Words, int], Words]

MT_MIDDLE = 397  # words between those that the generator combines
MT_DEGREE = 19937  # of the linear recurrence that every bit of the generator's state follows


@dataclass(frozen=True)
class Revealed:
    """What one hospital gives away in the last phase: its shares, by owner."""

    seeds: dict[int, bytes]
    keys: dict[int, bytes]


class Victim(Protocol[K]):
    """A hospital as the aggregator meets it; a method raises where the hospital refuses."""

    number: int

    def advertise(self, hospitals: int, threshold: int) -> K:
        """Its public keys, once told how many take part and how many shares open a secret."""

    def share(self, keys: Mapping[int, K]) -> dict[int, bytes]:
        """Sealed shares by receiver; `keys` are everybody's, its own included."""

    def mask(self, sealed: Mapping[int, bytes]) -> Words:
        """Its masked vector; `sealed` are the shares meant for it, by sender."""

    def reveal(self, survivors: Collection[int], dropped: Collection[int]) -> Revealed:
        """Its shares of the survivors' seeds and of the dropped ones' keys."""


@dataclass(frozen=True)
class Round(Generic[K]):
    """What an aggregator holds when the masked vectors are in, by hospital."""

    keys: dict[int, K]
    masked: dict[int, Words]


@dataclass(frozen=True)
class Swapped(Generic[S, K]):
    """The victim's keys; by hospital, the private half that stands in for it, and the shares sealed for that."""

    own: K
    private: dict[int, S]
    sealed: dict[int, bytes]


def collect_masked(
    victims: Sequence[Victim[K]], threshold: int, *, hospitals: int = 0, silent: Collection[int] = ()
) -> Round[K]:
    """No attack: the protocol up to the masked vectors.

    Args:
        victims: that take part.
        threshold: shares that open a secret.
        hospitals: how many take part, as they are told; the truth if 0.
        silent: numbers of those that vanish before their masked vector.
    """
    keys = {victim.number: victim.advertise(hospitals or len(victims), threshold) for victim in victims}
    sealed = {victim.number: victim.share(keys) for victim in victims}
    masked = {}
    for victim in victims:
        if victim.number not in silent:
            inbox = {peer: sealed[peer][victim.number] for peer in sealed if peer != victim.number}
            masked[victim.number] = victim.mask(inbox)
    return Round(keys, masked)


# Passive: the aggregator keeps to the protocol and computes.


def mt19937_streams(seeds: Words, count: int) -> Words:
    """First outputs of MT19937 (Matsumoto and Nishimura 1998) for many 32-bit seeds at once.

    Args:
        seeds: `(seeds,)`.
        count: outputs of each, at most 227: of these the state is not yet mixed with its own new words.

    Returns:
        `(seeds, count)`.
    """
    low, middle = [seeds], []
    word = seeds
    for index in range(1, MT_MIDDLE + count):
        word = np.uint32(1812433253) * (word ^ (word >> np.uint32(30))) + np.uint32(index)
        if index <= count:
            low.append(word)
        if index >= MT_MIDDLE:
            middle.append(word)
    streams = np.empty((len(seeds), count), np.uint32)
    for index in range(count):
        mixed = (low[index] & np.uint32(0x80000000)) | (low[index + 1] & np.uint32(0x7FFFFFFF))
        value = middle[index] ^ (mixed >> np.uint32(1)) ^ ((mixed & np.uint32(1)) * np.uint32(0x9908B0DF))
        value ^= value >> np.uint32(11)
        value ^= (value << np.uint32(7)) & np.uint32(0x9D2C5680)
        value ^= (value << np.uint32(15)) & np.uint32(0xEFC60000)
        streams[:, index] = value ^ (value >> np.uint32(18))
    return streams


def find_seeds(noise: Words, candidates: Words, streams: Streams = mt19937_streams) -> list[int]:
    """Tries seeds until one explains a masked vector.

    The attacker has taken off every mask but one (after a drop-out it may), and knows the plain values at the first
    coordinates: a weight sent in the clear, rows of zeros.

    Args:
        noise: masked minus plain at those coordinates.
        candidates: seeds to try.
        streams: how a seed becomes a mask.

    Returns:
        The seeds whose mask begins with the noise.
    """
    begin = candidates[streams(candidates, 1)[:, 0] == noise[0]]
    matches = (streams(begin, len(noise)) == noise).all(axis=1)
    return [int(seed) for seed in begin[matches]]


def find_seed_pairs(
    noise: Words, candidates: Words, others: Words, streams: Streams = mt19937_streams
) -> list[tuple[int, int]]:
    """Tries pairs of seeds, meeting in the middle: the work of one sweep each, not of their product.

    The attacker knows what `find_seeds` needs, with two masks left: at three hospitals, without any drop-out.

    Args:
        noise: masked minus plain at the first coordinates, the sum of two masks.
        candidates: seeds of the first mask.
        others: seeds of the second.
        streams: how a seed becomes a mask.

    Returns:
        The pairs that explain the noise; over all seeds, each in both orders, which give the same sum.
    """
    wanted = noise[0] - streams(candidates, 1)[:, 0]
    begin = streams(others, 1)[:, 0]
    pairs = []
    for index in np.flatnonzero(np.isin(wanted, begin)):
        rest = noise - streams(candidates[index : index + 1], len(noise))[0]
        pairs += [
            (int(candidates[index]), other)
            for other in find_seeds(rest, others[begin == wanted[index]], streams)
        ]
    return pairs


def odd_parities(words: Words) -> float:
    """Tests whether the masks are sums of MT19937 streams, from one masked vector alone.

    The attacker knows nothing. The lowest bit of a sum is the exclusive or of the lowest bits, all of which follow
    the generator's one linear recurrence: it holds wherever the plain vector is even, at zeros for instance.

    Args:
        words: masked, more than 19937 in a row.

    Returns:
        Share of places where the recurrence fails: 0 for a vector of zeros under such masks, 0.5 for uniform words.
    """
    return float(_parities(words).mean())


def find_trained_rows(words: Words, width: int, most: int = 50) -> list[int]:
    """Tells which rows of an embedding a hospital trained, from its masked vector alone.

    The attacker knows the shape, and that most rows are zero. A place where MT19937's recurrence fails has a trained
    row among those that take part in it; where one does take part, the recurrence fails half of the time. So it names
    the likeliest row, leaves out the places that this explains, and goes on until the recurrence holds everywhere.

    Args:
        words: masked, rows one after another, more than 19937 altogether.
        width: of a row.
        most: rows to name at most.

    Returns:
        The rows, ascending.
    """
    odd = _parities(words).astype(np.float64)
    open_ = np.ones_like(odd)  # places not yet explained
    found: set[int] = set()
    while odd.any() and len(found) < most:
        rate = min(odd.sum() / open_.sum(), 0.49)
        failed, held = (_sum_by_row(places, len(words), width) for places in (odd, open_ - odd))
        likelihood = failed * np.log(0.5 / rate) + held * np.log(0.5 / (1 - rate))
        likelihood[list(found)] = -np.inf
        row = int(np.argmax(likelihood))
        found.add(row)
        explained = _places_of_row(row, len(words), width)
        odd[explained] = open_[explained] = 0
    return sorted(found)


def read_low_bits(words: Words) -> NDArray[np.uint8]:
    """Reads the lowest bit of every plain coordinate, from one masked vector alone.

    The attacker knows that the vector begins with 19937 even coordinates, say the zeros of a frozen layer: from there
    the recurrence goes on by itself.

    Args:
        words: masked.

    Returns:
        The plain bits; a row of an embedding was trained where they are not all 0.
    """
    bits = (words & 1).astype(np.uint8)
    stream, lags = bits.copy(), _recurrence()[1:]
    for start in range(MT_DEGREE, len(bits), lags[0]):
        stop = min(start + lags[0], len(bits))
        stream[start:stop] = np.bitwise_xor.reduce([stream[start - lag : stop - lag] for lag in lags])
    return bits ^ stream


# Active: the aggregator departs from the protocol.


def swap_keys(
    victim: Victim[K], hospitals: Sequence[int], threshold: int, forge: Callable[[], tuple[S, K]]
) -> Swapped[S, K]:
    """Hands the victim keys of the attacker's own in the name of all the others.

    The attacker knows nothing. If the victim does not notice, it seals its shares, and derives its masks, for the
    attacker.

    Args:
        victim: hospital under attack.
        hospitals: numbers of all that take part.
        threshold: shares that open a secret.
        forge: makes a private and a public half.
    """
    own = victim.advertise(len(hospitals), threshold)
    forged = {peer: forge() for peer in hospitals if peer != victim.number}
    keys = {peer: forged[peer][1] if peer in forged else own for peer in hospitals}
    return Swapped(own, {peer: private for peer, (private, _) in forged.items()}, victim.share(keys))


def list_twice(victims: Sequence[Victim[K]], target: int, combine: Combine) -> tuple[bytes, bytes]:
    """Names the target both as a survivor and as dropped; run after `collect_masked`.

    The attacker knows the masked vectors. Either secret alone hides the target's vector; the two together open it.

    Args:
        victims: that are asked for shares.
        target: number of the hospital under attack.
        combine: puts shares together.

    Returns:
        The target's own seed, and its key.
    """
    numbers = [victim.number for victim in victims]
    replies = [victim.reveal(numbers, [target]) for victim in victims]
    return combine([r.seeds[target] for r in replies]), combine([r.keys[target] for r in replies])


def split_survivors(victims: Sequence[Victim[K]], target: int, combine: Combine) -> tuple[bytes, bytes]:
    """Tells half of the hospitals that the target survived, the others that it dropped; else as `list_twice`."""
    half = len(victims) // 2
    numbers = [victim.number for victim in victims]
    without = [number for number in numbers if number != target]
    seeds = [victim.reveal(numbers, []).seeds[target] for victim in victims[:half]]
    keys = [victim.reveal(without, [target]).keys[target] for victim in victims[half:]]
    return combine(seeds), combine(keys)


def split_ring(victims: Sequence[Victim[K]], size: int, threshold: int) -> list[Round[K]]:
    """Shows hospitals that were told of all the others only a few of them; each few are a sum of their own.

    Args:
        victims: all that take part, and that are told so.
        size: of each part.
        threshold: shares that open a secret.

    Returns:
        A round for each part.
    """
    parts = [victims[start : start + size] for start in range(0, len(victims), size)]
    return [collect_masked(part, threshold, hospitals=len(victims)) for part in parts]


def isolate(victims: Sequence[Victim[K]], combine: Combine) -> tuple[Round[K], bytes, dict[int, bytes]]:
    """Dictates a tiny ring and a threshold of 1, then asks the first of it alone, as if the others had dropped.

    Args:
        victims: the ring.
        combine: puts shares together.

    Returns:
        The round, the first one's own seed, and the keys of the others in the ring.
    """
    done = collect_masked(victims, threshold=1)
    target = victims[0]
    reply = target.reveal([target.number], [victim.number for victim in victims[1:]])
    return done, combine([reply.seeds[target.number]]), {peer: combine([s]) for peer, s in reply.keys.items()}


def _parities(words: Words) -> NDArray[np.uint8]:
    bits = (words & 1).astype(np.uint8)
    odd = np.zeros(len(bits) - MT_DEGREE, np.uint8)
    for lag in _recurrence():
        odd ^= bits[MT_DEGREE - lag : len(bits) - lag]
    return odd


def _sum_by_row(places: NDArray[np.float64], length: int, width: int) -> NDArray[np.float64]:
    """For each row, the places that its coordinates take part in, `(rows,)`."""
    total = np.zeros(length)
    for lag in _recurrence():
        total[MT_DEGREE - lag : length - lag] += places
    starts = np.arange(0, length, width)
    return np.add.reduceat(total, starts)


def _places_of_row(row: int, length: int, width: int) -> NDArray[np.intp]:
    coordinates = np.arange(row * width, min((row + 1) * width, length))
    lags: NDArray[np.intp] = np.array(_recurrence(), np.intp)
    places: NDArray[np.intp] = (coordinates + lags[:, None]).ravel() - MT_DEGREE  # (lags * width,)
    return np.compress((places >= 0) & (places < length - MT_DEGREE), places)


@cache
def _recurrence() -> tuple[int, ...]:
    """Lags whose lowest bits add up to 0, by Berlekamp and Massey (Massey 1969) on a stream that anyone can make."""
    stream = np.random.RandomState(1).randint(0, 2**32, 2 * MT_DEGREE, dtype=np.uint32)
    connection = previous = 1  # polynomials as integers
    length, age, seen = 0, 1, 0
    for place, bit in enumerate((stream & 1).tolist()):
        seen = seen << 1 | bit
        if (seen & connection).bit_count() % 2 == 0:
            age += 1
        elif 2 * length <= place:
            previous, connection = connection, connection ^ previous << age
            length, age = place + 1 - length, 1
        else:
            connection ^= previous << age
            age += 1
    return tuple(lag for lag in range(connection.bit_length()) if connection >> lag & 1)
