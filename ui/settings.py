"""What the app is told: addresses, folders, keys and who may sign in, from one TOML file, read once a process."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import FixSettings

Role = Literal["clinician", "privacy_officer", "operator"]
ROLES: tuple[Role, ...] = ("clinician", "privacy_officer", "operator")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class SignIn(BaseModel):
    """The hospital's identity provider (OpenID Connect), and what its groups may see."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    discovery: str
    """Address of the provider's `.well-known/openid-configuration`."""
    redirect: str
    """Where the provider sends people back to: this app's address, ending in `/oauth2callback`."""
    client_id: str
    client_secret_file: Path
    cookie_secret_file: Path
    """At least 32 random characters; signs the cookie that keeps a person signed in."""
    claim: str = "groups"
    """Claim of the identity token that lists what a person belongs to."""
    hours: float = Field(default=8, gt=0, le=24)
    """After which a person signs in again."""
    roles: dict[Role, tuple[str, ...]]
    """Values of the claim by role; one person may have several roles."""


class Settings(BaseModel):
    """Everything the app is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = "127.0.0.1"
    """To listen on. Any other than this machine's own needs `sign_in`, or `open`."""
    port: int = Field(default=8501, ge=1, le=65535)
    hosts: tuple[str, ...] = ()
    """Names that browsers may call the app by, besides those of this machine."""
    open: bool = False
    """Listen beyond this machine without sign-in: only where something before the app keeps others out."""
    certificate: Path | None = None
    certificate_key: Path | None = None
    runs: Path = Path("runs")
    """Folder of run folders; the first-run page writes there."""
    models: tuple[Path, ...] = ()
    """Model folders, besides those of finished runs; the first is shown first."""
    ledgers: tuple[Path, ...] = ()
    """Privacy ledgers of this hospital's own node, besides those of simulated hospitals."""
    redaction_key_file: Path | None = None
    """Secret of at least 16 bytes for stand-ins and hashes; drawn anew for each session without it."""
    sign_in: SignIn | None = None


def read_settings(path: Path) -> Settings:
    """Reads `ui.toml`; relative paths in it start at its folder.

    Raises:
        FixSettings: the file is missing, malformed, or has a wrong value.
    """
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FixSettings(
            f"cannot be read ({error.strerror})", where=str(path), remedy="Name a ui.toml."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FixSettings(f"is not TOML: {error}", where=str(path), remedy="Mend it.") from None
    try:
        return _placed(Settings.model_validate(tree), path.parent)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FixSettings(
            first["msg"], where=f"{path}: {place}", remedy="See docs/ui.md for every field."
        ) from None


def check(settings: Settings) -> None:
    """Refuses what would open the app to people whom nobody checks.

    Raises:
        FixSettings: naming the field.
    """
    if settings.address not in LOOPBACK and settings.sign_in is None and not settings.open:
        raise FixSettings(
            "the app would be open to the network without sign-in",
            where="address",
            remedy="Fill in [sign_in], keep to 127.0.0.1, or set open = true where a proxy keeps others out.",
        )
    if (settings.certificate is None) != (settings.certificate_key is None):
        raise FixSettings(
            "a certificate and its key belong together", where="certificate", remedy="Give both, or none."
        )


def read_secret(path: Path, least: int) -> str:
    """Reads a secret from a file of its own, without white space around it.

    Args:
        path: of the file.
        least: characters it must have.

    Raises:
        FixSettings: it cannot be read, or is too short.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise FixSettings(
            "the secret cannot be read", where=str(path), remedy="Name a text file that holds it."
        ) from None
    if len(secret) < least:
        raise FixSettings(
            f"the secret has fewer than {least} characters",
            where=str(path),
            remedy="Make one: openssl rand -hex 32.",
        )
    return secret


_current = [Settings()]


def use(settings: Settings) -> None:
    """Sets what `current` gives to every page of this process."""
    _current[0] = settings


def current() -> Settings:
    """What this process was told."""
    return _current[0]


def _placed(settings: Settings, folder: Path) -> Settings:
    """The same with absolute paths."""

    def place(path: Path | None) -> Path | None:
        return None if path is None else (folder / path).resolve()

    sign_in = settings.sign_in
    if sign_in is not None:
        files = {name: place(getattr(sign_in, name)) for name in ("client_secret_file", "cookie_secret_file")}
        sign_in = sign_in.model_copy(update=files)
    single = ("runs", "certificate", "certificate_key", "redaction_key_file")
    several = ("models", "ledgers")
    return settings.model_copy(
        update={name: place(getattr(settings, name)) for name in single}
        | {name: tuple((folder / path).resolve() for path in getattr(settings, name)) for name in several}
        | {"sign_in": sign_in}
    )
