"""The model card: what a model is, how it was trained, and what it promises, for people."""

from typing import Any

from shared.models.tagger import Tagger


def model_card(tagger: Tagger, run: dict[str, Any]) -> str:
    """Writes the card of a model.

    Args:
        tagger: the trained network.
        run: how it was trained, names to values.

    Returns:
        Markdown.
    """
    settings = tagger.settings
    weights = sum(weight.numel() for weight in tagger.parameters())
    trained = sum(weight.numel() for weight in tagger.trained().values())
    epsilon = run.get("epsilon")
    promise = (
        "None: this model was trained without differential privacy. Treat it like the notes it learned from."
        if epsilon is None
        else f"({epsilon}, {run.get('delta')})-differential privacy with respect to any one {run.get('unit')}."
    )
    facts = "\n".join(f"| {name} | {value} |" for name, value in run.items() if value is not None)
    return f"""# clinfed {settings.kind}

Marks {", ".join(settings.labels)} in clinical text.

- Network: `{settings.kind}`, {weights:,} weights, of which {trained:,} were trained (`{settings.trained}`).
- Use: `clinfed node extract --model THIS_FOLDER FILE`.
- Not for: decisions about a patient without a clinician reading the text itself.

## Privacy

{promise}

## Training run

| | |
|---|---|
{facts}
"""
