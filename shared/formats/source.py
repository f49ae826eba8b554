"""A notes file as lines of text: gzip told by its first bytes, UTF-8 checked, errors with a place and no content.

Foreign exceptions are never chained, not even silently: a decoding error holds the bytes it failed on.
"""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from shared.errors import FixNotes

_GZIP = b"\x1f\x8b"
_MARK = "\ufeff"  # a byte order mark is not part of a note


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Reads a file line by line.

    Args:
        path: UTF-8 text, plain or gzip, whatever its name.

    Yields:
        Line number from 1, and the line without its line feed (a carriage return stays).

    Raises:
        FixNotes: the file cannot be opened, its gzip data is broken, or it is not UTF-8.
    """
    with _open(path) as stream:
        number = offset = 0
        while raw := _next_line(stream, path, number + 1):
            number += 1
            line = _decode(raw, f"{path.name}:{number}", offset)
            offset += len(raw)
            yield number, (line.removeprefix(_MARK) if number == 1 else line).removesuffix("\n")


def read_text(path: Path) -> str:
    """Reads a whole file, every character kept.

    Args:
        path: UTF-8 text, plain or gzip, whatever its name.

    Returns:
        The text; line ends and byte order mark as they are, since offsets count them.

    Raises:
        FixNotes: as for `read_lines`.
    """
    with _open(path) as stream:
        parts: list[bytes] = []
        while raw := _next_line(stream, path, len(parts) + 1):
            parts.append(raw)
    return _decode(b"".join(parts), path.name, 0)


def _open(path: Path) -> BufferedIOBase:
    problem = ""
    try:
        stream = path.open("rb")
        start = stream.read(len(_GZIP))
        stream.seek(0)
    except OSError as error:
        problem = error.strerror or "cannot be read"
    if problem:
        raise FixNotes(
            f"the file cannot be opened ({problem})",
            where=path.name,
            remedy="Check the path and who may read it.",
        )
    if start != _GZIP:
        return stream
    stream.close()
    return gzip.open(path, "rb")


def _next_line(stream: BufferedIOBase, path: Path, number: int) -> bytes:
    problem = ""
    try:
        return stream.readline()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        problem = "the gzip data is cut off or damaged"
    except OSError as error:
        problem = f"reading failed ({error.strerror or 'no reason given'})"
    raise FixNotes(problem, where=f"{path.name}:{number}", remedy="Copy the file again.")


def _decode(raw: bytes, where: str, offset: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start
    raise FixNotes(f"byte {at} is not UTF-8", where=where, remedy="Convert the file to UTF-8.")
