"""What the aggregator asks of a private round: the same of every hospital, checked by each against its policy."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.units import Unit

Noise = Literal["exact", "plain", "local"]


class PrivateRound(BaseModel):
    """How what leaves a hospital in a round is made private; part of the order, so that all are asked the same.

    Noise multipliers are standard deviations over the norm that a unit is clipped to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Unit
    """Whose presence is hidden."""
    noise: Noise = "exact"
    """`exact`, `plain`: the hospitals share the noise (`privacy.noise_shares`); `local`: each adds all of it."""
    sample_rate: float = Field(gt=0, le=1)
    """Probability with which each unit takes part in a step."""
    noise_multiplier: float = Field(gt=0, allow_inf_nan=False)
    """Of a step's sum of gradients."""
    max_grad_norm: float = Field(gt=0, allow_inf_nan=False)
    """C: L2 norm that a unit's gradient is clipped to."""
    max_examples: int = Field(default=32, ge=1)
    """Windows of one unit in a step; of more, so many are drawn at random."""
    alone: bool = False
    """Every unit computed and laid on the grid by itself: slower, and the sum is, to the last integer, that of all
    hospitals' units in one place."""
    grid: int = Field(default=1 << 16, ge=1 << 8, le=1 << 24)
    """Integer steps that a clipping norm becomes."""
    count_norm: float = Field(default=16.0, gt=0, allow_inf_nan=False)
    """L2 norm that a held-out unit's counts are clipped to."""
    count_noise_multiplier: float = Field(gt=0, allow_inf_nan=False)
    """Of the sum of those counts."""
