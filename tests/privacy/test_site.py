"""Keys and rosters on disk: readable by those who may, whole or refused with the remedy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from privacy.secagg.identity import Identity, Roster
from privacy.site import read_identity, read_roster, write_identity, write_roster
from shared.errors import FixSettings


def test_a_key_comes_back_and_is_its_owners_only(tmp_path: Path) -> None:
    path, identity = tmp_path / "identity.pem", Identity.new("a")
    write_identity(path, identity)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_identity(path, "a").public_key == identity.public_key


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    write_identity(path, Identity.new("a"))
    before = path.read_bytes()
    with pytest.raises(FixSettings, match="cannot be written"):
        write_identity(path, Identity.new("a"))
    assert path.read_bytes() == before


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    write_identity(path, Identity.new("a"))
    path.chmod(0o640)
    with pytest.raises(FixSettings, match="others may read the private key"):
        read_identity(path, "a")


def _x25519() -> bytes:
    return X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"Zebrafinch", b"\xff\xfe", _x25519()])
def test_a_file_that_is_no_key(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(FixSettings, match="holds no Ed25519 key") as refusal:
        read_identity(path, "a")
    assert "Zebrafinch" not in str(refusal.value)


def test_a_key_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="cannot be read"):
        read_identity(tmp_path / "identity.pem", "a")


def test_a_roster_comes_back(tmp_path: Path) -> None:
    roster = Roster({name: Identity.new(name).public_key for name in ("b", "a", "Ünï/1")})
    write_roster(tmp_path / "roster.json", roster)
    again = read_roster(tmp_path / "roster.json")
    assert (again.digest, again.hospitals) == (roster.digest, ("a", "b", "Ünï/1"))


SPOILS: dict[str, Callable[[dict[str, object]], object]] = {
    "no object": lambda tree: [tree],
    "another form": lambda tree: tree | {"form": "clinfed-roster-2"},
    "no hospitals": lambda tree: {"form": tree["form"]},
    "an empty list": lambda tree: tree | {"hospitals": {}},
    "a key too short": lambda tree: tree | {"hospitals": {"a": "00"}},
    "no hexadecimal": lambda tree: tree | {"hospitals": {"a": "zz" * 32}},
    "a number": lambda tree: tree | {"hospitals": {"a": 7}},
    "one key twice": lambda tree: tree | {"hospitals": {"a": "11" * 32, "b": "11" * 32}},
    "no name": lambda tree: tree | {"hospitals": {"": "11" * 32}},
}


@pytest.mark.parametrize("kind", SPOILS)
def test_a_roster_that_is_none(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "roster.json"
    write_roster(path, Roster({"a": Identity.new("a").public_key}))
    path.write_text(json.dumps(SPOILS[kind](json.loads(path.read_text()))))
    with pytest.raises(FixSettings, match="not a roster"):
        read_roster(path)


def test_a_roster_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="cannot be read"):
        read_roster(tmp_path / "roster.json")
