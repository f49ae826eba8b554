"""What defines a run; written to `run.json` before the first round, and the same when the run is started again."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from server.strategy import Strategy
from shared.models.settings import ModelSettings
from shared.private import PrivateRound
from shared.sources import NoteSource
from shared.training import Recipe


class TestSource(BaseModel):
    """Notes that the finished models are scored on, and nothing is chosen by: a file, a corpus, or synthetic."""

    __test__ = False  # not a test, for pytest
    model_config = ConfigDict(frozen=True, extra="forbid")

    notes: str | None = None
    corpus: str | None = None
    partition: str | None = None
    rename: str = ""
    synthetic_seed: int | None = None
    synthetic_hospitals: int = 0
    synthetic_patients: int = 0


class PrivacySettings(BaseModel):
    """What a private run spends of a unit's privacy, and how; there is no default for epsilon and delta."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(gt=0, allow_inf_nan=False)
    """Spent on a unit by the whole run: on one that is trained on, and on one that is held out."""
    delta: float = Field(gt=0, lt=1)
    cap: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Cap of every hospital of a local federation; None for epsilon. A real hospital sets its own."""
    order: PrivateRound
    """The same in every round."""


class SumSettings(BaseModel):
    """How secure sums are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deadline_seconds: float = Field(default=3600.0, gt=0)
    """Of each hospital's answer with a vector."""
    phase_seconds: float = Field(default=300.0, gt=0)
    """Of each hospital's answer in the other phases of a secure sum."""
    attempts: int = Field(default=3, ge=1)
    """At a secure sum, each with fresh keys, before the run stops."""
    threshold: int | None = Field(default=None, ge=3)
    """Hospitals that must stay to the end of a secure sum; None for two thirds and one."""
    colluders: int = Field(default=1, ge=0)
    """Hospitals that may help the aggregator without anything being learned."""
    hybrid: bool = True
    """Post-quantum keys beside the classical ones."""


class RunSettings(SumSettings):
    """One federated run."""

    hospitals: tuple[NoteSource, ...] = Field(min_length=1)
    test: TestSource
    model: ModelSettings
    recipe: Recipe
    strategy: Strategy = Strategy()
    rounds: int = Field(ge=1)
    seed: int = 1
    fraction: float = Field(default=1.0, gt=0, le=1)
    """Share of the hospitals asked in each round."""
    min_hospitals: int = Field(default=1, ge=1)
    """A round with fewer answers ends the run; it can be started again."""
    trust: Literal["secagg", "plain", "none"] = "secagg"
    """`secagg`: the aggregator learns sums only; `plain`: it sees every hospital's vector; `none`: sums only, and in
    a private run each hospital's own noise suffices, should the sums be broken."""
    private: PrivacySettings | None = None
    """None: nothing is promised about any one patient."""
    update_clip: float = Field(default=1.0, ge=1e-6, le=1e6)
    """No coordinate of a hospital's update counts for more."""
    largest_norm: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """A mean update of a larger L2 norm is discarded; None for an eighth of the clip in every coordinate."""
    evaluate_every: int = Field(default=1, ge=1)
    """Rounds between evaluations on the held-out patients; the last round is always evaluated."""
    baselines: bool = False
    """Also train every hospital alone, and one model on all notes together, with the same budget, not privately."""
    baseline_rounds: int | None = Field(default=None, ge=1)
    """Whose training that budget is; None for `rounds`. The steps of a private run are no epochs."""
    threads: int = Field(default=1, ge=1)

    @property
    def masked(self) -> bool:
        """Whether updates travel masked."""
        return self.trust != "plain"

    @property
    def shares_noise(self) -> bool:
        """Whether a training sum is one of noised gradients, rather than of trained weights."""
        return self.private is not None and self.private.order.noise != "local"
