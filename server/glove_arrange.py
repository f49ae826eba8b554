"""From what a user said to the settings of a run that counts word pairs, complete and checked."""

from typing import Any

from pydantic import ValidationError

from server.arrange import setting_of
from server.federation import Federation, check_patients
from server.glove import GloveSettings
from server.glove_settings import GloveRun, count_privacy
from server.secure import check_cohort
from shared.cooccurrence import Counting
from shared.errors import FixSettings


def arrange_glove(
    federation: Federation, counting: Counting, wish: dict[str, Any], given: dict[str, Any]
) -> GloveRun:
    """What is counted and how, checked before anything is written.

    Args:
        federation: hospitals.
        counting: words and pairs.
        wish: `epsilon`, `delta`, `unit` and `cap` of a private run; what is None was not said.
        given: other fields of `GloveRun`.

    Raises:
        ClinfedError: as named by its remedy.
    """
    GloveSettings(dimensions=given["dimensions"], epochs=given["epochs"], seed=given["seed"])
    said = {name: value for name, value in wish.items() if value is not None}
    if said and not {"epsilon", "delta"} <= said.keys():
        raise FixSettings(
            f"{', '.join(sorted(said))} given, and noise takes both an epsilon and a delta",
            where="epsilon",
            remedy="Give --epsilon and --delta, delta well below one in the number of patients.",
        )
    private, sources = None, federation.hospitals
    try:
        if said:
            unit, cap = said.get("unit", "patient"), said.get("cap")
            private = count_privacy(said["epsilon"], said["delta"], unit, given["trust"], cap, given["seed"])
            sources = tuple(source.model_copy(update={"by_chance": True}) for source in sources)
        settings = GloveRun(
            hospitals=sources, window=counting.window, counting=counting.digest, private=private, **given
        )
    except ValidationError as error:
        raise setting_of(error) from None
    check_cohort(settings, len(sources), "Name another number of hospitals.")
    check_patients(federation)
    return settings
