"""`python -m privacy.phi.training notes|logs`: trains a tagger and writes it where the detector reads it."""

import sys
from pathlib import Path

from privacy.phi.training.fit import train


def main() -> None:
    """Trains the taggers named on the command line, both without a name."""
    folder = Path(__file__).parent.parent / "data"
    for profile in sys.argv[1:] or ["notes", "logs"]:
        if profile not in ("notes", "logs"):
            sys.exit("usage: python -m privacy.phi.training [notes] [logs]")
        figures = train(profile, folder / f"tagger-{profile}.safetensors")  # type: ignore[arg-type]
        print(profile, {name: round(value, 5) for name, value in figures.items()})  # noqa: T201


if __name__ == "__main__":
    main()
