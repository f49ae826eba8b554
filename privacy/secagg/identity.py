"""Who is who: one Ed25519 key a hospital (RFC 8032), and the roster of public keys that every site pins.

Guarantees: a message that verifies under a hospital's name was signed with the key in that hospital's own roster
entry, for this protocol and this purpose; a roster is pinned by its digest, so the aggregator cannot add, swap or
drop a key.
"""

from collections.abc import Mapping
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from privacy.secagg.transcript import tagged_hash
from shared.refusal import Reason, RefuseRound

PUBLIC_KEY, SIGNATURE = 32, 64  # bytes
_PRIME = 2**255 - 19
_D = (
    -121665 * pow(121666, -1, _PRIME) % _PRIME
)  # of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032, section 5.1)
MOST_HOSPITALS = 65_535


class Identity:
    """A hospital's long-term key.

    Args:
        hospital: its name in the roster.
        key: to sign with.
    """

    def __init__(self, hospital: str, key: Ed25519PrivateKey) -> None:
        self.hospital, self._key = hospital, key

    @classmethod
    def new(cls, hospital: str) -> "Identity":
        """A fresh key from the operating system's generator."""
        return cls(hospital, Ed25519PrivateKey.generate())

    @property
    def public_key(self) -> bytes:
        """32 bytes, as they stand in the roster."""
        return self._key.public_key().public_bytes_raw()

    def pem(self) -> bytes:
        """The private key, PKCS #8 in PEM, unencrypted: for a file that only its owner may read."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, label: str, *parts: bytes) -> bytes:
        """Signs parts for one purpose; 64 bytes."""
        return self._key.sign(tagged_hash(f"sign/{label}", *parts))


class Roster:
    """The hospitals of a federation and their public keys; a hospital's index is its place among the sorted names.

    Args:
        keys: public key of 32 bytes by hospital.

    Raises:
        RefuseRound: a key is no Ed25519 key, or two hospitals share one.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self.hospitals = tuple(sorted(keys))
        self.keys = tuple(keys[name] for name in self.hospitals)
        if not 1 <= len(keys) <= MOST_HOSPITALS or not all(map(_is_name, self.hospitals)):
            raise RefuseRound(Reason.ROSTER)
        if len(set(self.keys)) != len(self.keys):
            raise RefuseRound(Reason.REPEATED_KEY)
        if not all(map(_is_key, self.keys)):
            raise RefuseRound(Reason.BAD_KEY)
        self._loaded = [Ed25519PublicKey.from_public_bytes(key) for key in self.keys]

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of names and keys."""
        pairs = zip(self.hospitals, self.keys, strict=True)
        return tagged_hash("roster", *(part for name, key in pairs for part in (name.encode(), key)))

    def index(self, hospital: str) -> int:
        """A hospital's index.

        Raises:
            RefuseRound: it is not in the roster.
        """
        try:
            return self.hospitals.index(hospital)
        except ValueError:
            raise RefuseRound(Reason.UNKNOWN_HOSPITAL) from None

    def verify(self, index: int, signature: bytes, label: str, *parts: bytes) -> None:
        """Checks a signature of the hospital with this index.

        Raises:
            RefuseRound: it does not verify, or there is no such hospital.
        """
        if not 0 <= index < len(self.keys):
            raise RefuseRound(Reason.UNKNOWN_HOSPITAL)
        try:
            self._loaded[index].verify(signature, tagged_hash(f"sign/{label}", *parts))
        except InvalidSignature:
            raise RefuseRound(Reason.SIGNATURE, about=self.hospitals[index]) from None


def _is_name(name: str) -> bool:
    try:
        return bool(name.encode("utf-8", "strict"))
    except UnicodeEncodeError:
        return False


def _is_key(key: bytes) -> bool:
    """Whether bytes are a point of the curve that is not of low order: under those, some signatures fit any message.

    OpenSSL takes any 32 bytes for a key. The order is told by X25519 on the same curve's other form, which refuses
    points of low order.
    """
    if len(key) != PUBLIC_KEY:
        return False
    y = int.from_bytes(key, "little") & ~(1 << 255)
    if y >= _PRIME or y == 1:
        return False
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    if pow(x_squared, (_PRIME - 1) // 2, _PRIME) == _PRIME - 1:
        return False
    u = (1 + y) * pow(1 - y, -1, _PRIME) % _PRIME
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(u.to_bytes(32, "little")))
    except ValueError:
        return False
    return True
