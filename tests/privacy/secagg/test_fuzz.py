"""Whatever bytes come in, only `RefuseRound` comes out: every parser, every step, whole sums; and memory stays small.

The inputs are mutations of real messages, drawn from a seeded generator, some of them signed anew as a hospital that
departs from the protocol would. Each test counts what it tried; `test_enough_is_tried` adds the counts up.
"""

import copy
import hashlib
import random
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.secagg.client import ClientSum, Step
from privacy.secagg.identity import SIGNATURE, Identity
from privacy.secagg.keys import PublicKeys, check_keys
from privacy.secagg.messages import (
    Advert,
    Encapsulated,
    Inbox,
    Masked,
    Revealed,
    Shared,
    ShareOrder,
    read_adverts_order,
    read_confirmed,
    read_survivors_order,
    read_unmask_order,
    sum_of,
)
from privacy.secagg.packing import RING_BITS, Accumulator, check_packed, pack
from privacy.secagg.server import ServerSum
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.rehearsal import PHASES, KeptInMemory, Rehearsal

T = TypeVar("T")

HOSPITALS = 4
HEAD = 4 + 1 + 4 + 4  # bytes that every message but the terms begins with
ENOUGH = 200_000

PARSERS = {
    "terms": 20_000,
    "advert": 8_000,
    "adverts order": 20_000,
    "encapsulated": 20_000,
    "share order": 20_000,
    "shared": 20_000,
    "inbox": 20_000,
    "masked": 20_000,
    "masked, verified": 8_000,
    "survivors order": 20_000,
    "confirmed": 8_000,
    "unmask order": 20_000,
    "revealed": 20_000,
    "sum": 10_000,
    "public keys": 2_000,
}
STEPS = {
    "begin": 4_000,
    "encapsulate": 2_000,
    "share": 2_000,
    "receive": 2_000,
    "confirm": 2_000,
    "unmask": 2_000,
}
ANSWERS = dict.fromkeys(PHASES, 2_000)
ARRAYS = 5_000
SUMS = 250
SIGNED = {"advertise": "advert", "mask": "masked"}


def test_enough_is_tried() -> None:
    """Each test below tries as many as its table says, without and with the hybrid, and asserts it."""
    assert 2 * (sum(PARSERS.values()) + sum(STEPS.values()) + sum(ANSWERS.values())) >= ENOUGH


def clone(state: T) -> T:
    """A copy that can go on by itself; keys, which do not change, are common."""
    twin = copy.copy(state)
    for name, value in vars(twin).items():
        if isinstance(value, Accumulator):
            apart = Accumulator(value.coordinates, value.bits)
            apart.words[:] = value.words
            setattr(twin, name, apart)
        elif isinstance(value, KeptInMemory):
            setattr(twin, name, copy.deepcopy(value))
        elif isinstance(value, dict | list):
            setattr(twin, name, copy.copy(value))
    return twin


@dataclass
class Scene:
    """What was there when one order or answer came in."""

    hospital: str
    message: bytes
    client: ClientSum | None
    server: ServerSum


class Recorded:
    """A sum that went well, and the state of its players before each of its messages."""

    def __init__(self, hybrid: bool) -> None:
        self.rehearsal = rehearsal = Rehearsal(HOSPITALS, coordinates=5, bits=24, hybrid=hybrid)
        self.orders: dict[str, list[Scene]] = {phase: [] for phase in PHASES}
        self.answers: dict[str, list[Scene]] = {phase: [] for phase in PHASES}

        def ordered(phase: str, hospital: str, order: bytes) -> bytes:
            client = rehearsal.clients.get(hospital)
            scene = Scene(hospital, order, client and clone(client), clone(rehearsal.server))
            self.orders[phase].append(scene)
            return order

        def answered(phase: str, hospital: str, message: bytes) -> bytes:
            self.answers[phase].append(Scene(hospital, message, None, clone(rehearsal.server)))
            return message

        vectors = rehearsal.vectors()
        total = rehearsal.run(vectors, drops={"mask": ["h003"]}, tamper=ordered, answer=answered)
        assert np.array_equal(total, sum(vectors[name].astype(np.int64) for name in rehearsal.names[:3]))
        self.terms = rehearsal.terms
        self.valid = [
            self.terms.to_bytes(),
            *dict.fromkeys(
                scene.message
                for scenes in (*self.orders.values(), *self.answers.values())
                for scene in scenes
            ),
        ]

    def identity(self, hospital: str) -> Identity:
        return self.rehearsal.identities[self.rehearsal.names.index(hospital)]


@cache
def recorded(hybrid: bool) -> Recorded:
    return Recorded(hybrid)


hybrids = pytest.mark.parametrize("hybrid", [False, True], ids=["X25519", "hybrid"])


class Mutator:
    """Alters messages in the ways in which parsers are known to break."""

    def __init__(self, seed: str, valid: Sequence[bytes]) -> None:
        self.draw = random.Random(seed)  # noqa: S311
        self.valid = valid
        self.tried = 0

    def __call__(self, data: bytes) -> bytes:
        """One to three alterations, most of them behind the head, for one in it is found at once."""
        self.tried += 1
        for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
            data = self.draw.choice(self.WAYS)(self, data)
        return data

    def _place(self, data: bytes) -> int:
        begin = HEAD if len(data) > HEAD and self.draw.random() < 0.85 else 0
        return self.draw.randrange(begin, len(data)) if len(data) > begin else 0

    def _flip(self, data: bytes) -> bytes:
        altered = bytearray(data)
        for _ in range(self.draw.choice((1, 1, 2, 8))):
            if altered:
                altered[self._place(data)] ^= 1 << self.draw.randrange(8)
        return bytes(altered)

    def _overwrite(self, data: bytes) -> bytes:
        """A field becomes an extreme, a small number or anything."""
        width, at = self.draw.choice((1, 2, 2, 2, 4, 8, 16, 32)), self._place(data)
        field = self.draw.choice(
            (
                bytes(width),
                b"\xff" * width,
                b"\x7f" + b"\xff" * (width - 1),
                b"\x80" + bytes(width - 1),
                self.draw.randrange(HOSPITALS + 2).to_bytes(width, "big"),
                self.draw.randbytes(width),
            )
        )
        return data[:at] + field[: len(data) - at] + data[at + width :]

    def _truncate(self, data: bytes) -> bytes:
        return data[: self.draw.choice((self._place(data), max(0, len(data) - self.draw.randrange(1, 5))))]

    def _extend(self, data: bytes) -> bytes:
        length = self.draw.choice((1, 2, 64, 1000))
        return data + self.draw.choice((bytes(length), self.draw.randbytes(length), data[-length:], data))

    def _splice(self, data: bytes) -> bytes:
        """The beginning of one message, the end of another."""
        other = self.draw.choice(self.valid)
        at = self._place(data)
        return data[:at] + other[self.draw.choice((at, self._place(other))) :]

    def _swap(self, data: bytes) -> bytes:
        """Two fields change places."""
        width = self.draw.choice((1, 2, 32, 64))
        one, other = sorted((self._place(data), self._place(data)))
        if other - one < width:
            return data
        fields = data[other : other + width], data[one + width : other], data[one : one + width]
        return data[:one] + b"".join(fields) + data[other + width :]

    def _repeat(self, data: bytes) -> bytes:
        """A piece comes twice, or not at all."""
        one, other = sorted((self._place(data), self._place(data)))
        return data[:other] + data[one:] if self.draw.random() < 0.5 else data[:one] + data[other:]

    def _huge_count(self, data: bytes) -> bytes:
        """Two bytes that may be a count are the largest there is, and some of what they promise follows."""
        at = self.draw.choice((HEAD, HEAD + 32, 63, 81, self._place(data)))
        return data[:at] + b"\xff\xff" + data[at + 2 :] + bytes(self.draw.choice((0, 0, 100, 5_000)))

    def _random(self, data: bytes) -> bytes:
        keep = self.draw.choice((0, HEAD, self._place(data)))
        return data[:keep] + self.draw.randbytes(self.draw.choice((0, 1, 40, max(0, len(data) - keep))))

    WAYS = (
        _flip,
        _flip,
        _overwrite,
        _overwrite,
        _truncate,
        _extend,
        _splice,
        _swap,
        _repeat,
        _huge_count,
        _random,
    )

    def array(self, words: int) -> NDArray[np.generic]:
        """What may arrive in the place of a packed vector."""
        self.tried += 1
        kind = self.draw.choice(
            (
                "<u4",
                "<u4",
                "<u4",
                ">u4",
                "<i4",
                "<u8",
                "<u2",
                "u1",
                "?",
                "<f4",
                "<f8",
                "<c8",
                "S4",
                "U1",
                "M8[s]",
                "V4",
            )
        )
        shape = self.draw.choice(
            (
                (words,),
                (words,),
                (words - 1,),
                (words + 1,),
                (0,),
                (),
                (1, words),
                (words, 1),
                (words, 0),
                (1,) * 32,
            )
        )
        made = np.zeros(shape, dtype=kind)
        if made.nbytes and made.dtype.kind in "uif":
            made = np.frombuffer(self.draw.randbytes(made.nbytes), dtype=kind).reshape(shape)
        return made[::-1] if made.ndim and self.draw.random() < 0.2 else made


def refuses(work: Callable[[Any], object], data: object) -> bool:
    """Whether it is refused; fails if anything else comes out than a value or `RefuseRound`."""
    try:
        work(data)
    except RefuseRound:
        return True
    except Exception as error:
        told = data.hex() if isinstance(data, bytes) else repr(data)
        pytest.fail(f"{type(error).__name__} ({error}) came out, not RefuseRound; the input: {told}")
    return False


def parsers(hybrid: bool) -> Mapping[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """Every parser with the real messages it takes."""
    run = recorded(hybrid)
    terms, roster, server = run.terms, run.rehearsal.roster, run.rehearsal.server
    everyone, survivors = [0, 1, 2, 3], [0, 1, 2]

    def sent(phase: str) -> list[bytes]:
        return [scene.message for scene in run.answers[phase]]

    def ordered(phase: str) -> list[bytes]:
        return [scene.message for scene in run.orders[phase]]

    return {
        "terms": (Terms.from_bytes, [terms.to_bytes()]),
        "advert": (lambda data: Advert.from_bytes(data, terms, roster), sent("advertise")),
        "adverts order": (lambda data: read_adverts_order(data, terms), ordered("encapsulate")),
        "encapsulated": (lambda data: Encapsulated.from_bytes(data, terms, everyone), sent("encapsulate")),
        "share order": (lambda data: ShareOrder.from_bytes(data, terms, 1), ordered("share")[1:2]),
        "shared": (lambda data: Shared.from_bytes(data, terms, everyone), sent("share")),
        "inbox": (lambda data: Inbox.from_bytes(data, terms), ordered("mask")),
        "masked": (lambda data: Masked.from_bytes(data, terms, everyone), sent("mask")),
        "masked, verified": (
            lambda data: Masked.from_bytes(data, terms, everyone).verify(data, server._view, roster),
            sent("mask"),
        ),
        "survivors order": (lambda data: read_survivors_order(data, terms), ordered("confirm")),
        "confirmed": (
            lambda data: read_confirmed(data, terms, server._statement, survivors, roster),
            sent("confirm"),
        ),
        "unmask order": (lambda data: read_unmask_order(data, terms), ordered("unmask")),
        "revealed": (lambda data: Revealed.from_bytes(data, terms, everyone, survivors), sent("unmask")),
        "sum": (sum_of, run.valid[1:]),
        "public keys": (
            lambda data: check_keys(PublicKeys(data[:32], data[32:])),
            [data[HEAD + 2 : -SIGNATURE - 2 * 32] for data in sent("advertise")],
        ),
    }


@hybrids
@pytest.mark.parametrize("name", list(PARSERS))
def test_a_parser_reads_or_refuses(name: str, hybrid: bool) -> None:
    read, valid = parsers(hybrid)[name]
    assert not any(refuses(read, data) for data in valid)
    mutate = Mutator(f"{name} {hybrid}", recorded(hybrid).valid)
    refused = sum(refuses(read, mutate(mutate.draw.choice(valid))) for _ in range(PARSERS[name]))
    assert mutate.tried == PARSERS[name]
    assert refused > PARSERS[name] // (50 if name == "sum" else 3)  # that one looks at a few bytes only


@hybrids
@pytest.mark.parametrize("name", [name for name in PARSERS if name != "public keys"])
@pytest.mark.parametrize("data", [None, "HSA1", bytearray(b"HSA1"), memoryview(b"HSA1"), 4, [72], b""])
def test_what_is_no_bytes_is_refused(name: str, hybrid: bool, data: object) -> None:
    assert refuses(parsers(hybrid)[name][0], data)


@hybrids
@pytest.mark.parametrize("name", list(PARSERS))
def test_a_parser_takes_no_more_memory_than_its_input_justifies(name: str, hybrid: bool) -> None:
    """Counts up to the largest at every place of the first 120 bytes, with little behind them, and mutations."""
    read, valid = parsers(hybrid)[name]
    mutate = Mutator(f"memory {name} {hybrid}", recorded(hybrid).valid)
    inputs = [
        data[:at] + b"\xff" * width + data[at + width :] + more
        for data in valid[:2]
        for at in range(min(len(data), 120))
        for width in (1, 2, 4, 8)
        for more in (b"", bytes(20_000))
    ]
    inputs += [mutate(mutate.draw.choice(valid)) for _ in range(300)]
    tracemalloc.start()
    try:
        for data in inputs:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            refuses(read, data)
            assert tracemalloc.get_traced_memory()[1] - before < 200_000 + 40 * len(data), data.hex()
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bits", RING_BITS)
def test_a_sum_takes_packed_vectors_or_refuses(bits: int) -> None:
    """Sums are those of the words, whatever these are; and of integers, if they are packings of integers in range."""
    mutate, accumulator = Mutator(f"arrays {bits}", []), Accumulator(16, bits)
    words = {24: 12, 28: 14, 32: 16}[bits]
    total = np.zeros(words, dtype=np.uint32)
    accepted = 0
    for _ in range(ARRAYS):
        packed = mutate.array(words)
        if refuses(accumulator.add, packed):
            assert refuses(lambda given: check_packed(given, 16, bits), packed)
            assert np.array_equal(accumulator.words, total)
            continue
        accepted += 1
        assert packed.dtype == np.uint32
        total = total + packed.astype(np.uint32)
        alone = Accumulator(16, bits)
        alone.add(packed)
        assert np.array_equal(pack(alone.unpack(), bits), packed)
    assert np.array_equal(accumulator.words, total)
    assert np.array_equal(pack(accumulator.unpack(), bits), total)
    assert mutate.tried == ARRAYS
    assert accepted > ARRAYS // 100


def fresh_memory(client: ClientSum) -> ClientSum:
    twin = clone(client)
    twin._memory = KeptInMemory()
    return twin


@hybrids
@pytest.mark.parametrize("name", list(STEPS))
def test_a_hospital_answers_or_leaves(name: str, hybrid: bool) -> None:
    """After whatever it refuses it has left the sum for good."""
    run = recorded(hybrid)
    phase = {"begin": "advertise", "receive": "mask"}.get(name, name)
    scenes = run.orders[phase]
    mutate = Mutator(f"{name} {hybrid}", run.valid)
    refused = 0
    for _ in range(STEPS[name]):
        scene = mutate.draw.choice(scenes)
        order = mutate(scene.message)
        if name == "begin":
            refused += refuses(lambda data, scene=scene: begin(run, scene.hospital, data), order)
            continue
        assert scene.client is not None
        client = fresh_memory(scene.client)
        if name == "receive":
            gone = refuses(lambda data, client=client: client.receive(data, run.rehearsal.task), order)
        else:
            gone = refuses(getattr(client, name), order)
        assert (client.next is Step.LEFT) == (gone or name == "unmask")
        refused += gone
    assert mutate.tried == STEPS[name]
    assert refused > STEPS[name] // 3


def begin(run: Recorded, hospital: str, terms: bytes) -> None:
    rehearsal = run.rehearsal
    client = ClientSum(terms, run.identity(hospital), rehearsal.roster, rehearsal.policy, KeptInMemory())
    client.advertise()


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(np.zeros(4, np.int32), id="a coordinate less"),
        pytest.param(np.zeros(6, np.int32), id="a coordinate more"),
        pytest.param(np.zeros((5, 1), np.int32), id="two dimensions"),
        pytest.param(np.zeros((), np.int32), id="no dimension"),
        pytest.param(np.zeros(5, np.uint32), id="unsigned"),
        pytest.param(np.zeros(5, np.int64), id="integers of 64 bits"),
        pytest.param(np.zeros(5, np.float32), id="reals"),
        pytest.param(np.zeros(5, ">i4"), id="the other byte order"),
        pytest.param(np.zeros(10, np.int32)[::2], id="gaps in memory"),
    ],
)
def test_a_vector_of_another_shape_or_type_is_not_masked(vector: NDArray[Any]) -> None:
    scene = recorded(False).orders["mask"][0]
    assert scene.client is not None
    client = fresh_memory(scene.client)
    client.receive(scene.message, recorded(False).rehearsal.task)
    with pytest.raises(RefuseRound) as refusal:
        client.mask(vector)
    assert refusal.value.reason is Reason.VECTOR
    assert client.next is Step.LEFT
    assert not client._memory.masked  # type: ignore[attr-defined]


def accept(server: ServerSum, phase: str, scene: Scene, words: NDArray[Any]) -> Callable[[bytes], None]:
    """The aggregator's call for an answer in this phase."""
    if phase == "mask":
        return lambda data: server.accept_masked(scene.hospital, words, data)
    name = {"advertise": "advert", "encapsulate": "encapsulated", "share": "shared"}.get(phase)
    name = name or {"confirm": "confirmed", "unmask": "revealed"}[phase]
    return lambda data: getattr(server, f"accept_{name}")(scene.hospital, data)


def held(server: ServerSum) -> tuple[object, ...]:
    """What the aggregator holds, so far as an answer could change it."""
    filled = [sorted(value) for value in vars(server).values() if isinstance(value, dict)]
    return (*filled, server._sum.words.tobytes())


@hybrids
@pytest.mark.parametrize("phase", PHASES)
def test_the_aggregator_takes_an_answer_or_is_left_as_it_was(phase: str, hybrid: bool) -> None:
    """Half of the answers that must be signed are signed anew, by the hospital that altered them."""
    run = recorded(hybrid)
    mutate = Mutator(f"accept {phase} {hybrid}", run.valid)
    refused = true = 0
    for _ in range(ANSWERS[phase]):
        scene = mutate.draw.choice(run.answers[phase])
        server = clone(scene.server)
        message = mutate(scene.message)
        if phase in SIGNED and mutate.draw.random() < 0.5:
            message = signed_anew(run, scene, phase, mutate(scene.message[:-SIGNATURE]))
            mutate.tried -= 1
        words: NDArray[Any] = run.rehearsal.masked.get(scene.hospital, np.zeros(0, np.uint32))
        if phase == "mask" and mutate.draw.random() < 0.3:
            words = mutate.array(len(words))
            mutate.tried -= 1
        before = held(server)
        if refuses(accept(server, phase, scene, words), message):
            refused += 1
            assert held(server) == before
        else:
            assert (
                refuses(accept(server, phase, scene, words), message) or phase == "unmask"
            )  # once is enough
            if phase == "mask":
                true += tells_the_truth(run, server, scene.hospital, words, message)
    assert mutate.tried == ANSWERS[phase]
    assert refused > ANSWERS[phase] // 10
    assert bool(true) == (phase == "mask")


def tells_the_truth(
    run: Recorded, server: ServerSum, hospital: str, words: NDArray[Any], commitment: bytes
) -> bool:
    """Whether the record says that a commitment holds; it must be so by its bytes."""
    (entry,) = [entry for entry in server.evidence() if entry.hospital == hospital]
    assert entry.commitment == commitment.hex()
    body, signature = commitment[:-SIGNATURE], commitment[-SIGNATURE:]
    try:
        run.rehearsal.roster.verify(
            run.rehearsal.names.index(hospital), signature, "masked", server._view, body
        )
        signed = True
    except RefuseRound:
        signed = False
    holds = signed and body[-32:] == hashlib.sha256(words.tobytes()).digest()
    assert entry.truthful is holds
    return holds


def signed_anew(run: Recorded, scene: Scene, phase: str, body: bytes) -> bytes:
    bound_to = run.terms.digest if phase == "advertise" else scene.server._view
    return body + run.identity(scene.hospital).sign(SIGNED[phase], bound_to, body)


@hybrids
def test_a_sum_with_an_altered_message_is_exact_or_refused(hybrid: bool) -> None:
    """One message of a whole sum is altered, an order or an answer: no other error, and never a wrong total."""
    mutate = Mutator(f"sums {hybrid}", recorded(hybrid).valid)
    exact = 0
    for number in range(SUMS):
        rehearsal = Rehearsal(HOSPITALS, coordinates=5, bits=RING_BITS[number % 3], hybrid=hybrid)
        vectors = rehearsal.vectors(number)
        where = mutate.draw.choice(PHASES), mutate.draw.choice(rehearsal.names)
        to_hospital, again = mutate.draw.random() < 0.5, mutate.draw.random() < 0.5

        def ordered(phase: str, name: str, data: bytes, alter: bool = to_hospital, at: Any = where) -> bytes:
            return mutate(data) if alter and (phase, name) == at else data

        def answered(
            phase: str,
            name: str,
            data: bytes,
            alter: bool = not to_hospital,
            at: Any = where,
            sign: bool = again,
            played: Rehearsal = rehearsal,
        ) -> bytes:
            if not alter or (phase, name) != at:
                return data
            if phase not in SIGNED or not sign:
                return mutate(data)
            body = mutate(data[:-SIGNATURE])
            bound_to = played.terms.digest if phase == "advertise" else played.server._view
            return body + played.identities[played.names.index(name)].sign(SIGNED[phase], bound_to, body)

        try:
            total = rehearsal.run(vectors, tamper=ordered, answer=answered)
        except RefuseRound:
            continue
        exact += 1
        assert np.array_equal(
            total, sum(vectors[name].astype(np.int64) for name in rehearsal.server.survivors)
        )
        untrue = {entry.hospital for entry in rehearsal.server.evidence() if not entry.truthful}
        assert untrue <= ({where[1]} if where[0] == "mask" and not to_hospital else set())
    assert mutate.tried == SUMS
    assert exact > SUMS // 3


@pytest.mark.parametrize("phase", PHASES[:-1])
def test_an_answer_that_comes_late_is_refused_and_spoils_nothing(phase: str) -> None:
    """The order of the next phase closes a phase: what its hospital sends after that changes nothing any more."""
    rehearsal = Rehearsal(5, coordinates=5)
    vectors = rehearsal.vectors()
    late: list[bytes] = []
    outcome: list[bool] = []

    def answered(now: str, name: str, data: bytes) -> bytes:
        if (now, name) != (phase, "h002"):
            return data
        late.append(data)
        return b""  # nothing came in time

    def ordered(now: str, name: str, order: bytes) -> bytes:
        if now == PHASES[PHASES.index(phase) + 1] and late and not outcome:
            scene = Scene("h002", late[0], None, rehearsal.server)
            words = rehearsal.masked.get("h002", np.zeros(0, np.uint32))
            outcome.append(refuses(accept(rehearsal.server, phase, scene, words), late[0]))
        return order

    total = rehearsal.run(vectors, tamper=ordered, answer=answered)
    assert np.array_equal(total, sum(vectors[name].astype(np.int64) for name in rehearsal.server.survivors))
    assert ("h002" in rehearsal.server.survivors) == (phase == "confirm")
    assert outcome == [True]


@pytest.mark.parametrize("phase", PHASES[1:])
def test_an_answer_that_comes_early_is_refused(phase: str) -> None:
    """An answer of a later phase before that phase has begun."""
    run = recorded(False)
    scene = run.answers[phase][0]
    words = run.rehearsal.masked[scene.hospital]
    for earlier in PHASES[: PHASES.index(phase)]:
        server = clone(run.answers[earlier][0].server)
        assert refuses(accept(server, phase, scene, words), scene.message)


def test_the_total_is_the_same_when_asked_for_again() -> None:
    """Or refused: masks must not be taken away twice."""
    rehearsal = Rehearsal(3)
    vectors = rehearsal.vectors()
    total = rehearsal.run(vectors)
    try:
        again = rehearsal.server.total()
    except RefuseRound:
        return
    assert np.array_equal(again, total)
