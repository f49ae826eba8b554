"""Names of people, places and employers from Faker, in two halves that training and test notes never share."""

import threading
import zlib
from collections.abc import Callable
from random import Random

from faker import Faker

from shared.synthetic.diseases import Split

_local = threading.local()


def faker_for(rng: Random) -> Faker:
    """Returns this thread's Faker, seeded for one patient.

    Making a Faker takes tens of milliseconds, so each thread keeps one. Draw everything for a patient before the
    next patient is begun.

    Args:
        rng: the patient's source of chance; one number is taken from it.

    Returns:
        The generator for American English.
    """
    faker: Faker | None = getattr(_local, "faker", None)
    if faker is None:
        faker = _local.faker = Faker("en_US")
    faker.seed_instance(rng.getrandbits(32))
    return faker


def draw_held(draw: Callable[[], str], split: Split) -> str:
    """Draws a name that belongs to the split: one name in four is held out for test notes.

    Args:
        draw: gives a new name at each call.
        split: whose names.

    Returns:
        The first fitting name; after 40 misses the last one.
    """
    name = draw()
    for _ in range(40):
        if is_held_out(name) == (split == "test"):
            break
        name = draw()
    return name


def is_held_out(name: str) -> bool:
    """Tells whether a name is for test notes only."""
    return zlib.crc32(name.encode()) % 4 == 0
