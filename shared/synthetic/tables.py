"""Reads the clinic's data files, which lie beside this module: tab-separated, `#` for remarks, `|` between items."""

from importlib.resources import files


def read_table(name: str) -> list[list[str]]:
    """Reads one data file of this package.

    Args:
        name: file name, such as `diseases.tsv`.

    Returns:
        The fields of each line, remarks and empty lines left out.
    """
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def items(field: str) -> tuple[str, ...]:
    """Splits a field at `|`; an empty field holds no items."""
    return tuple(field.split("|")) if field else ()
