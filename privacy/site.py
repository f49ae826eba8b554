"""A hospital's side of the federation on disk: its key, the pinned roster, its limits, and what it remembers.

Secrets are paths: settings name the file of the key, and only the file holds it.
"""

import json
import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ConfigDict, Field

from privacy.secagg.identity import PUBLIC_KEY, Identity, Roster
from privacy.secagg.policy import SitePolicy
from shared.errors import FixSettings
from shared.files import write_text
from shared.refusal import RefuseRound
from shared.units import Unit

ROSTER_FORM = "clinfed-roster-1"


class Budget(BaseModel):
    """What a hospital may release of its patients, and where that is written down; there is no default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ledger: str
    """SQLite file, on a disk of this machine."""
    unit: Unit
    """Whose presence is hidden; orders for any other unit are refused."""
    epsilon: float = Field(gt=0, allow_inf_nan=False)
    """Cap over everything that is ever released."""
    delta: float = Field(gt=0, lt=1)
    least_noise: float = Field(default=0.3, gt=0)
    """Smallest noise multiplier that is answered, whatever the accountant says."""


class SiteSettings(BaseModel):
    """Where a site's secure sums find what they need; a site without it answers in the clear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str
    """File of the hospital's private key, PEM."""
    roster: str
    """File of all hospitals' public keys, JSON."""
    memory: str
    """SQLite file of what was masked and confirmed."""
    policy: SitePolicy = SitePolicy()
    """The site's limits for sums."""
    budget: Budget | None = None
    """The site's limits for privacy; with it, whatever is not private is refused."""
    countings: tuple[str, ...] = ()
    """Digests (`shared.cooccurrence.Counting.digest`) of what may be counted exactly, without noise. The vocabulary
    comes from the aggregator, and one that lists a patient's name would learn who writes it; so each is looked
    through here first. Counts with noise need no approval."""


def write_identity(path: Path, identity: Identity) -> None:
    """Writes a private key, readable by its owner only, and never over another.

    Raises:
        FixSettings: there is a file already, or it cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(identity.pem())
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise FixSettings(
            f"the key cannot be written ({error.strerror})", where=str(path), remedy="Name another folder."
        ) from None


def read_identity(path: Path, hospital: str) -> Identity:
    """Reads a hospital's private key.

    Raises:
        FixSettings: there is none, others may read it, or it is no Ed25519 key.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise FixSettings(
                "others may read the private key", where=str(path), remedy="chmod 600 this file."
            )
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise FixSettings(
            f"the key cannot be read ({error.strerror})", where=str(path), remedy="Provision this site."
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise FixSettings("holds no Ed25519 key in PEM", where=str(path), remedy="Provision this site.")
    return Identity(hospital, key)


def write_roster(path: Path, roster: Roster) -> None:
    """Writes a roster."""
    keys = {name: key.hex() for name, key in zip(roster.hospitals, roster.keys, strict=True)}
    write_text(path, json.dumps({"form": ROSTER_FORM, "hospitals": keys}, indent=1) + "\n")


def read_roster(path: Path) -> Roster:
    """Reads a roster.

    Raises:
        FixSettings: there is none, or it is malformed.
    """
    try:
        tree = json.loads(path.read_text("utf-8"))
        if tree["form"] != ROSTER_FORM:
            raise ValueError
        keys = {str(name): bytes.fromhex(key) for name, key in tree["hospitals"].items()}
        if any(len(key) != PUBLIC_KEY for key in keys.values()):
            raise ValueError
        return Roster(keys)
    except OSError as error:
        raise FixSettings(
            f"the roster cannot be read ({error.strerror})", where=str(path), remedy="Provision this site."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RefuseRound):
        raise FixSettings(
            f"is not a roster in the form {ROSTER_FORM}",
            where=str(path),
            remedy="Get it again from the consortium, and compare its digest by telephone.",
        ) from None
