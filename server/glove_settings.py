"""What defines a run that counts word pairs at the hospitals and makes vectors of them: `run.json` and its lists.

OUT/run.json         settings
OUT/vocabulary.txt   words that are counted
OUT/pairs.txt        pairs of them that are counted; absent where all are
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from privacy.accountant import noise_for
from server.run import SETTINGS, read_form
from server.settings import SumSettings
from shared.cooccurrence import Counting, triangle
from shared.count_order import CountUnit, PrivateCounts
from shared.errors import ChooseOutput
from shared.pairs import listed_pairs, write_pairs
from shared.private import Noise
from shared.sources import NoteSource
from shared.vocabulary import read_vocabulary, write_vocabulary

VOCABULARY, PAIRS = "vocabulary.txt", "pairs.txt"


class CountPrivacy(BaseModel):
    """What the counts spend of a unit's privacy; there is no default for epsilon and delta."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(gt=0, allow_inf_nan=False)
    delta: float = Field(gt=0, lt=1)
    cap: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Of every hospital of a local federation; None for epsilon. A real hospital sets its own."""
    order: PrivateCounts


class GloveRun(SumSettings):
    """One run: a secure sum of counts, then a factorisation."""

    task: Literal["glove"] = "glove"
    """Tells it from a run that trains an extractor."""
    hospitals: tuple[NoteSource, ...] = Field(min_length=1)
    window: int
    """Words between which two are neighbours."""
    counting: str
    """Digest of vocabulary, window and pairs, which hospitals approve."""
    trust: Literal["secagg", "none"] = "secagg"
    """`none`: in a private run each hospital's own noise suffices, should the sums be broken."""
    private: CountPrivacy | None = None
    """None: exact counts; nothing is promised about any one patient."""
    dimensions: int = 100
    epochs: int = 30
    seed: int = 1
    """Of the factorisation; it also tells private runs apart (`shared.count_order`)."""
    threads: int = Field(default=1, ge=1)


def count_privacy(
    epsilon: float,
    delta: float,
    unit: CountUnit,
    trust: Literal["secagg", "none"],
    cap: float | None,
    seed: int,
) -> CountPrivacy:
    """The least noise with which one sum of counts keeps to an epsilon.

    Args:
        epsilon: that it may spend on any unit.
        delta: at which.
        unit: of privacy.
        trust: `none` for all of the noise at every hospital.
        cap: as in `CountPrivacy`.
        seed: of the run.

    Raises:
        FixSettings: a value is out of range, or no noise is enough.
    """
    noise = noise_for(epsilon, delta, [], 1.0, 1)
    shared: Noise = "local" if trust == "none" else "exact"
    order = PrivateCounts(unit=unit, noise=shared, noise_multiplier=noise, seed=seed)
    return CountPrivacy(epsilon=epsilon, delta=delta, cap=cap, order=order)


def is_glove(folder: Path) -> bool:
    """Whether a folder is that of a run of this kind."""
    try:
        tree = json.loads((folder / SETTINGS).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(tree, dict) and tree.get("task") == "glove"


def write_counting(folder: Path, counting: Counting) -> None:
    """Writes vocabulary and pairs into the folder of a run."""
    write_vocabulary(folder / VOCABULARY, counting.vocabulary)
    if counting.pairs.size < triangle(len(counting.vocabulary.words)):
        write_pairs(folder / PAIRS, counting)


def read_glove(folder: Path) -> tuple[GloveRun, Counting]:
    """Reads what defines a run.

    Raises:
        ChooseOutput: `run.json` is missing or another kind of run's, or the lists are not those it was started with.
        FixSettings: a list is missing or malformed.
    """
    settings = read_form(folder, GloveRun)
    vocabulary = read_vocabulary(folder / VOCABULARY)
    pairs = folder / PAIRS
    counting = Counting(
        vocabulary, settings.window, listed_pairs(pairs if pairs.exists() else None, vocabulary)
    )
    if counting.digest != settings.counting:
        raise ChooseOutput(
            f"{VOCABULARY} or {PAIRS} is not what the run was started with",
            where=str(folder),
            remedy="Name another folder with --out.",
        )
    return settings, counting
