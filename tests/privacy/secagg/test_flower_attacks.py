"""The attacks work: each of them, against Flower's SecAgg+ as installed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.app.message_type import MessageType
from flwr.common import bytes_to_ndarray
from flwr.common.secure_aggregation.crypto.shamir import combine_shares
from flwr.common.secure_aggregation.crypto.symmetric_encryption import decrypt, encrypt, generate_shared_key
from flwr.common.secure_aggregation.secaggplus_constants import (
    RECORD_KEY_CONFIGS,
    RECORD_KEY_STATE,
    Key,
    Stage,
)
from flwr.common.secure_aggregation.secaggplus_utils import (
    pseudo_rand_gen,
    share_keys_plaintext_concat,
    share_keys_plaintext_separate,
)
from flwr.supercore.primitives.asymmetric import (
    bytes_to_private_key,
    bytes_to_public_key,
    generate_key_pairs,
    private_key_to_bytes,
    public_key_to_bytes,
)
from flwr.supercore.task_identity import TaskIdentity
from numpy.typing import NDArray

from tests.benchmarks.flower_secagg import QUANTIZATION_RANGE, Hospital
from tests.privacy.secagg import attacks

Keys = tuple[bytes, bytes]  # for masks, for shares; PEM

LENGTH, CLIP, MODULUS = 64, 8.0, 2**32
WEIGHT = QUANTIZATION_RANGE  # first coordinate of each masked vector: the number of examples, sent in the clear too
LIVE_BITS = 0x7F7F7F7F


class FlowerVictim:
    """Flower's client mod, asked one stage after the other."""

    def __init__(self, number: int, vector: NDArray[np.float32]) -> None:
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
        self.number = number
        self.plain = np.append(WEIGHT, np.rint((vector + CLIP) * QUANTIZATION_RANGE / (2 * CLIP)))
        self._hospital = Hospital(number, vector)

    def advertise(self, hospitals: int, threshold: int) -> Keys:
        reply = self._ask(
            Stage.SETUP,
            {
                Key.SAMPLE_NUMBER: hospitals,
                Key.SHARE_NUMBER: hospitals,
                Key.THRESHOLD: threshold,
                Key.CLIPPING_RANGE: CLIP,
                Key.TARGET_RANGE: QUANTIZATION_RANGE,
                Key.MOD_RANGE: MODULUS,
                Key.MAX_WEIGHT: 1.0,
            },
        )
        return reply[Key.PUBLIC_KEY_1], reply[Key.PUBLIC_KEY_2]

    def share(self, keys: Mapping[int, Keys]) -> dict[int, bytes]:
        reply = self._ask(Stage.SHARE_KEYS, {str(peer): list(pair) for peer, pair in keys.items()})
        return dict(zip(reply[Key.DESTINATION_LIST], reply[Key.CIPHERTEXT_LIST], strict=True))

    def mask(self, sealed: Mapping[int, bytes]) -> attacks.Words:
        reply = self._ask(
            Stage.COLLECT_MASKED_VECTORS,
            {Key.SOURCE_LIST: list(sealed), Key.CIPHERTEXT_LIST: list(sealed.values())},
        )
        return np.concatenate([bytes_to_ndarray(data) for data in reply[Key.MASKED_PARAMETERS]]).astype(
            np.uint32
        )

    def reveal(self, survivors: Collection[int], dropped: Collection[int]) -> attacks.Revealed:
        order = {Key.ACTIVE_NODE_ID_LIST: list(survivors), Key.DEAD_NODE_ID_LIST: list(dropped)}
        shares = self._ask(Stage.UNMASK, order)[Key.SHARE_LIST]
        return attacks.Revealed(
            dict(zip(survivors, shares, strict=False)),
            dict(zip(dropped, shares[len(survivors) :], strict=True)),
        )

    def pair_seed(self, peer: Keys) -> bytes:
        """What a test may read and an attacker must find."""
        key = cast(bytes, self._hospital.context.state.config_records[RECORD_KEY_STATE]["sk1"])
        return shared(key, peer[0])

    def _ask(self, stage: str, order: Mapping[str, Any]) -> Any:
        content = RecordDict({RECORD_KEY_CONFIGS: ConfigRecord({Key.STAGE: stage, **order})})
        reply = self._hospital.answer(Message(content, self.number, MessageType.TRAIN, group_id="1"))
        return reply.content.config_records[RECORD_KEY_CONFIGS]


Meet = Callable[..., list[FlowerVictim]]


@pytest.fixture
def meet() -> Meet:
    """Hospitals whose vectors lie on the grid, so that nothing is rounded, and begin with zeros."""

    def make(count: int, *vectors: NDArray[np.float32]) -> list[FlowerVictim]:
        draw = np.random.default_rng(0)
        grid = 2 * CLIP / QUANTIZATION_RANGE
        own = [draw.integers(-(10**4), 10**4, LENGTH) * grid * (np.arange(LENGTH) >= 8) for _ in range(count)]
        given = vectors or [vector.astype(np.float32) for vector in own]
        return [FlowerVictim(number, vector) for number, vector in enumerate(given, start=1)]

    return make


def test_a_pair_seed_has_28_bits_and_is_found_from_one_masked_vector(meet: Meet) -> None:
    """Three hospitals, one drops: an aggregator that keeps to the protocol recovers a survivor's vector."""
    victims = meet(3)
    done = attacks.collect_masked(victims, threshold=2, silent=[3])
    replies = [victim.reveal([1, 2], [3]) for victim in victims[:2]]
    seed = combine_shares([reply.seeds[1] for reply in replies])
    pair = shared(combine_shares([reply.keys[3] for reply in replies]), done.keys[1][0])
    stripped = strip(done.masked[1], 1, seed, {3: pair})

    secret = fold(victims[0].pair_seed(done.keys[2]))
    found = attacks.find_seeds(zeros() - stripped[:8], candidates(secret, bits=16))

    assert found == [secret]
    assert secret & ~LIVE_BITS == 0
    opened = strip(stripped, 1, None, {2: found[0].to_bytes(4, "little")})
    assert opened.tolist() == victims[0].plain.tolist()


def test_at_three_hospitals_two_pair_seeds_are_found_by_meeting_in_the_middle(meet: Meet) -> None:
    """Three hospitals, none drops: an aggregator that keeps to the protocol recovers a hospital's vector."""
    victims = meet(3)
    done = attacks.collect_masked(victims, threshold=2)
    seed = combine_shares([victim.reveal([1, 2, 3], []).seeds[1] for victim in victims])
    stripped = strip(done.masked[1], 1, seed, {})

    secrets = [fold(victims[0].pair_seed(done.keys[peer])) for peer in (2, 3)]
    first, second = (candidates(secret, bits=14) for secret in secrets)
    found = attacks.find_seed_pairs(zeros() - stripped[:8], first, second)

    assert tuple(secrets) in found
    pairs = {peer: secret.to_bytes(4, "little") for peer, secret in zip((2, 3), found[0], strict=True)}
    assert strip(stripped, 1, None, pairs).tolist() == victims[0].plain.tolist()


@pytest.mark.parametrize("hospitals", [3, 5])
def test_the_parity_of_the_masks_tells_zeros_from_an_update(meet: Meet, hospitals: int) -> None:
    """One masked vector of zeros follows the generator's recurrence everywhere, a dense one half of the time."""
    length = 40_000
    dense = np.random.default_rng(1).normal(0, 0.01, length).astype(np.float32)
    victims = meet(hospitals, dense, *(np.zeros(length, np.float32) for _ in range(hospitals - 1)))

    masked = attacks.collect_masked(victims, threshold=2).masked

    assert attacks.odd_parities(masked[2]) == 0
    assert attacks.odd_parities(masked[1]) == pytest.approx(0.5, abs=0.03)
    assert attacks.odd_parities(uniform(length)) == pytest.approx(0.5, abs=0.03)


def test_the_parity_of_the_masks_tells_which_rows_were_trained(meet: Meet) -> None:
    """The few trained rows of an embedding table are read off one masked vector, and not off uniform words."""
    rows, width, trained = 1200, 50, [170, 171, 420, 640, 900, 1030]
    table = np.zeros((rows, width), np.float32)
    table[trained] = np.random.default_rng(2).normal(0, 0.01, (len(trained), width))
    victims = meet(4, *(table.ravel(),) * 4)

    masked = attacks.collect_masked(victims, threshold=3).masked

    assert attacks.find_trained_rows(masked[1][1:], width) == trained
    assert attacks.find_trained_rows(uniform(rows * width), width, most=len(trained)) != trained


def test_a_frozen_layer_opens_the_lowest_bit_of_every_coordinate(meet: Meet) -> None:
    """Behind 20,000 zeros the lowest bit of each coordinate of a dense update is read off one masked vector."""
    draw = np.random.default_rng(4)
    dense = draw.integers(-1000, 1000, 10_000) * (2 * CLIP / QUANTIZATION_RANGE)
    vector = np.append(np.zeros(20_000), dense).astype(np.float32)
    victims = meet(4, *(vector,) * 4)

    masked = attacks.collect_masked(victims, threshold=3).masked

    bits = victims[0].plain.astype(int) % 2
    assert attacks.read_low_bits(masked[1]).tolist() == bits.tolist()
    guessed = attacks.read_low_bits(uniform(len(bits)))[20_000:] == bits[20_000:]
    assert guessed.mean() == pytest.approx(0.5, abs=0.03)


def test_a_hospital_shares_its_secrets_with_keys_that_the_aggregator_made(meet: Meet) -> None:
    """With swapped keys the aggregator reads the shares, computes every mask and recovers the vector, all alone."""
    victim, numbers = meet(1)[0], [1, 2, 3, 4]
    swap = attacks.swap_keys(victim, numbers, 3, forge)

    sealing = {peer: shared(private[1], swap.own[1]) for peer, private in swap.private.items()}
    opened = [share_keys_plaintext_separate(decrypt(sealing[peer], box)) for peer, box in swap.sealed.items()]
    inbox = {
        peer: encrypt(key, share_keys_plaintext_concat(peer, victim.number, b"", b""))
        for peer, key in sealing.items()
    }
    masked = victim.mask(inbox)

    seed = combine_shares([share for _, _, share, _ in opened])
    pairs = {peer: shared(private[0], swap.own[0]) for peer, private in swap.private.items()}
    assert strip(masked, victim.number, seed, pairs).tolist() == victim.plain.tolist()


@pytest.mark.parametrize("attack", [attacks.list_twice, attacks.split_survivors])
@pytest.mark.parametrize("target", [1, 4])
def test_hospitals_give_away_both_secrets_of_another(
    meet: Meet,
    attack: Callable[[Sequence[FlowerVictim], int, attacks.Combine], tuple[bytes, bytes]],
    target: int,
) -> None:
    """Named as survivor and as dropped, to all or to one half each, a hospital loses its vector."""
    victims = meet(4)
    done = attacks.collect_masked(victims, threshold=2)

    seed, key = attack(victims, target, combine_shares)

    pairs = {peer: shared(key, keys[0]) for peer, keys in done.keys.items() if peer != target}
    assert strip(done.masked[target], target, seed, pairs).tolist() == victims[target - 1].plain.tolist()


@pytest.mark.parametrize("size", [1, 2])
def test_a_hospital_accepts_any_ring_and_threshold(meet: Meet, size: int) -> None:
    """In a ring of one or two with threshold 1 a hospital's own reply opens its vector."""
    victims = meet(size)
    done, seed, keys = attacks.isolate(victims, combine_shares)

    pairs = {peer: shared(key, done.keys[1][0]) for peer, key in keys.items()}
    assert strip(done.masked[1], 1, seed, pairs).tolist() == victims[0].plain.tolist()


def test_hospitals_that_were_told_of_four_answer_in_rings_of_two(meet: Meet) -> None:
    """Different views of who takes part go unnoticed, and the aggregator gets the sum of each two."""
    victims = meet(4)
    rounds = attacks.split_ring(victims, size=2, threshold=2)

    for done in rounds:
        part = [victim for victim in victims if victim.number in done.keys]
        replies = [victim.reveal(list(done.keys), []) for victim in part]
        total = np.zeros(LENGTH + 1, np.uint32)
        for victim in part:
            seed = combine_shares([reply.seeds[victim.number] for reply in replies])
            total += strip(done.masked[victim.number], victim.number, seed, {})
        assert total.tolist() == (part[0].plain + part[1].plain).tolist()


def forge() -> tuple[Keys, Keys]:
    """Private and public halves of a pair for masks and one for shares."""
    made = [generate_key_pairs() for _ in range(2)]
    private, public = zip(*((private_key_to_bytes(s), public_key_to_bytes(p)) for s, p in made), strict=True)
    return cast(Keys, private), cast(Keys, public)


def shared(private: bytes, public: bytes) -> bytes:
    """The secret of two keys, as Flower derives it."""
    return generate_shared_key(bytes_to_private_key(private), bytes_to_public_key(public))


def fold(seed: bytes) -> int:
    """What Flower keeps of a seed."""
    return int(np.bitwise_xor.reduce(np.frombuffer(seed, "<u4")))


def candidates(secret: int, bits: int) -> attacks.Words:
    """Seeds that agree with the secret but for some of the 28 bits: the search in little."""
    guess: NDArray[np.int64] = np.arange(2**bits)
    spread = guess & 0x7F | (guess >> 7 & 0x7F) << 8 | (guess >> 14 & 0x7F) << 16
    return np.asarray(spread | secret & ~spread[-1], np.uint32)


def zeros() -> attacks.Words:
    """What the aggregator knows of a hospital's plain words: its weight, then zeros."""
    return np.array([WEIGHT] + [QUANTIZATION_RANGE // 2] * 7, np.uint32)


def uniform(length: int) -> attacks.Words:
    """What a masked vector should look like."""
    return np.random.default_rng(3).integers(0, MODULUS, length, np.uint32)


def strip(words: attacks.Words, own: int, seed: bytes | None, pairs: Mapping[int, bytes]) -> attacks.Words:
    """Takes off a hospital's own mask, if its seed is known, and those of some pairs."""
    words = words if seed is None else words - mask(seed, len(words))
    for peer, pair in pairs.items():
        words = words - mask(pair, len(words)) if own > peer else words + mask(pair, len(words))
    return words


def mask(seed: bytes, length: int) -> attacks.Words:
    """Flower's mask of a seed."""
    words = np.concatenate(pseudo_rand_gen(seed, MODULUS, [(1,), (length - 1,)]))
    return words.astype(np.uint32)
