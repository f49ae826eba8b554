"""What the drill needs of `node.toml`: the tables `[drill]` and `[logs]`; others belong to other commands."""

import hashlib
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from privacy.logs.tokens import KEY_BYTES
from shared.errors import FixSettings


class LogTable(BaseModel):
    """`[logs]`: how the node's processes log."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_file: str | None = None
    """File of the tokens' secret, 32 bytes or more, readable by its owner only; drawn at each start without it."""
    window_hours: float = Field(default=24.0, gt=0)
    """For how long one value keeps one token."""


class DrillTable(BaseModel):
    """`[drill]`: how hard the drill pushes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    records: int = Field(default=10_000, ge=0)
    """Records of the surge."""
    processes: int = Field(default=2, ge=1)
    """That push at once."""
    threads: int = Field(default=4, ge=1)
    """Of each process."""
    patients: int = Field(default=64, ge=1)
    """Synthetic ones in the surge."""
    longest_seconds: float = Field(default=10.0, gt=0)
    """A record that takes longer fails the drill."""


class DrillSettings(BaseModel):
    """Both tables."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    logs: LogTable = LogTable()
    drill: DrillTable = DrillTable()


def read_settings(path: Path | None) -> DrillSettings:
    """Reads `node.toml`; without a file everything has its default.

    Raises:
        FixSettings: it cannot be read, or a value is wrong.
    """
    if path is None:
        return DrillSettings()
    try:
        return DrillSettings.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise FixSettings(
            f"cannot be read ({error.strerror})", where=str(path), remedy="Name node.toml."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise FixSettings("is not TOML", where=str(path), remedy="Mend the file.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise FixSettings(first["msg"], where=f"{path}: {place}", remedy="Mend the setting.") from None


def read_key(table: LogTable) -> bytes | None:
    """Reads the master key.

    Raises:
        FixSettings: others may read the file, it is too short, or it cannot be read.
    """
    if table.key_file is None:
        return None
    path = Path(table.key_file)
    try:
        if path.stat().st_mode & 0o077:
            raise FixSettings(
                "others may read the key of the logs", where=str(path), remedy="chmod 600 this file."
            )
        key = path.read_bytes()
    except OSError as error:
        raise FixSettings(
            f"cannot be read ({error.strerror})", where=str(path), remedy="Name another key_file."
        ) from None
    if len(key) < KEY_BYTES:
        raise FixSettings(f"holds fewer than {KEY_BYTES} bytes", where=str(path), remedy="Draw a new key.")
    return hashlib.sha256(key).digest()
