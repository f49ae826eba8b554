"""From what a user said to the settings of a run: a recipe, changed here and there, complete and checked."""

from typing import Any

from pydantic import ValidationError

from server.federation import Federation, check_federation
from server.private import choose_noise
from server.recipes import private_recipe_for, recipe_for
from server.round import cohort_size
from server.secure import check_trust
from server.settings import PrivacySettings, RunSettings
from shared.errors import FixSettings
from shared.models.build import pin
from shared.models.settings import Kind, Trained


def arrange(
    federation: Federation,
    model: Kind,
    trained: Trained | None,
    given: dict[str, Any],
    *,
    demo: bool = False,
) -> RunSettings:
    """The model's own recipe, changed where the user said so, checked before anything is written.

    Args:
        federation: hospitals, labels and test notes.
        model: kind of extractor.
        trained: weights that learn; None for the kind's usual ones.
        given: fields of `RunSettings`, with those of `model`, `recipe`, `strategy` and, for a private run, of
            `server.private.choose_noise` (under `private`) below them; what is None was not said.
        demo: for the embedded synthetic notes.

    Returns:
        Settings whose public files are pinned.

    Raises:
        ClinfedError: as named by its remedy.
    """
    wish = _said(given.get("private", {}))
    private = "epsilon" in wish
    learns: Trained = trained or ("all" if model == "birnn" else "head" if private else "full")
    own = recipe_for(model, learns, demo=demo)
    sources = federation.hospitals
    if private:
        unit, trust = wish.setdefault("unit", "patient"), given.get("trust")
        if trust == "none":
            wish["noise"] = "local"
        own = _over(
            own | {"baseline_rounds": own["rounds"]},
            private_recipe_for(model, unit, wish.setdefault("noise", "exact"), demo=demo),
        )
        sources = tuple(source.model_copy(update={"by_chance": True}) for source in sources)
    elif wish:
        raise FixSettings(
            f"{', '.join(sorted(wish))} given, and the run is not private",
            where="epsilon",
            remedy="Make the run private: --epsilon and --delta, and not --no-privacy.",
        )
    wish = own.pop("private", {}) | wish
    tree: dict[str, Any] = {
        "hospitals": sources,
        "test": federation.test,
        **own,
        **_said({name: value for name, value in given.items() if not isinstance(value, dict)}),
    }
    for part in ("model", "recipe", "strategy"):
        tree[part] = own.get(part, {}) | _said(given.get(part, {}))
    if given.get("model", {}).get("vectors", "bundled") is None:  # said to be none
        tree["model"]["vectors"] = None
    tree["model"] |= {"kind": model, "trained": learns, "labels": federation.labels}
    if private:
        tree["evaluate_every"] = tree.get("evaluate_every") or max(1, tree["rounds"] // 4)
    try:
        if private:
            tree["private"] = _private(wish, tree)
        settings = RunSettings.model_validate(tree)
    except ValidationError as error:
        raise setting_of(error) from None
    asked = cohort_size(len(settings.hospitals), settings.fraction)
    if asked < settings.min_hospitals:
        raise FixSettings(
            f"{settings.min_hospitals} updates are needed and {asked} hospitals are asked in a round",
            where="min_hospitals",
            remedy="Lower --min-hospitals, or raise --fraction.",
        )
    settings = settings.model_copy(update={"model": pin(settings.model)})
    check_federation(federation)
    check_trust(settings)
    return settings


def setting_of(error: ValidationError) -> FixSettings:
    """The first thing that is wrong with a user's settings."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return FixSettings(first["msg"], where=place, remedy="See --help for what is allowed.")


def _private(wish: dict[str, Any], tree: dict[str, Any]) -> PrivacySettings:
    """What is asked of the hospitals so that the run keeps to its epsilon."""
    if "delta" not in wish:
        raise FixSettings(
            "an epsilon says nothing without a delta",
            where="delta",
            remedy="Give --delta, well below one in the number of patients.",
        )
    steps = tree["recipe"].get("local_steps") or 1 if wish["noise"] == "local" else 1
    evaluations = -(-tree["rounds"] // tree["evaluate_every"])
    return choose_noise(**wish, rounds=tree["rounds"], steps_a_round=steps, evaluations=evaluations)


def _over(own: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """One recipe over another, part by part."""
    parts = {name: own.get(name, {}) | part for name, part in more.items() if isinstance(part, dict)}
    return own | more | parts


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
