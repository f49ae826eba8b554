"""A hospital that leaves an attempt leaves nothing to be stolen."""

from typing import Any

import numpy as np
import pytest

from shared.refusal import RefuseRound
from tests.privacy.secagg.rehearsal import TASK, Rehearsal
from tests.privacy.secagg.rogue import STEPS, Rogue

SECRETS = {"_keys", "_kem", "_self_seed", "_recovery_seed", "_pairs", "_held"}


@pytest.mark.parametrize("step", STEPS[2:])
def test_who_has_left_holds_no_secrets(step: str) -> None:
    """Its keys, and everyone's shares, are not there for whoever comes to the machine later.

    An aggregator can see to it: one wrong byte in its order to unmask, and each hospital keeps both shares of every
    seed of that attempt, whose masked vectors it has recorded.
    """
    rogue = Rogue(Rehearsal(4)).play(STEPS[STEPS.index(step) - 1])
    victim = rogue.clients[0]
    wrong: tuple[Any, ...] = (b"", TASK) if step == "receive" else (b"",)
    with pytest.raises(RefuseRound):
        getattr(victim, step)(*((np.zeros(1, np.int8),) if step == "mask" else wrong))
    assert not SECRETS & vars(victim).keys()
