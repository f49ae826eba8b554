"""Published answers of the primitives, through the calls that we make, and frozen answers of the protocol itself."""

import hashlib
from base64 import b85decode

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.keys import (
    AttemptKeys,
    PublicKeys,
    commit_mask,
    commit_seed,
    commit_share,
    derive_pair,
    derive_seed,
    seal,
    seal_masks,
)
from privacy.secagg.masks import add_masks
from privacy.secagg.messages import (
    Advert,
    Encapsulated,
    Inbox,
    Masked,
    Revealed,
    Shared,
    ShareOrder,
    adverts_order,
    confirmed,
    survivors_order,
    unmask_order,
)
from privacy.secagg.packing import pack
from privacy.secagg.shares import combine
from privacy.secagg.terms import Terms
from privacy.secagg.transcript import survivor_statement, tagged_hash, task_digest, view


def x(text: str) -> bytes:
    return bytes.fromhex(text)


def attempt_keys(private: bytes) -> AttemptKeys:
    keys = AttemptKeys(hybrid=False)
    keys._agreement = X25519PrivateKey.from_private_bytes(private)
    return keys


@pytest.mark.parametrize(
    ("scalar", "u", "answer"),
    [
        pytest.param(
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            id="RFC 7748, section 5.2, first",
        ),
        pytest.param(
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            id="RFC 7748, section 5.2, second",
        ),
        pytest.param(
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
            id="RFC 7748, section 6.1",
        ),
    ],
)
def test_x25519(scalar: str, u: str, answer: str) -> None:
    assert attempt_keys(x(scalar)).agree(PublicKeys(x(u), b"")) == x(answer)


def test_x25519_of_two_hospitals() -> None:
    """RFC 7748, section 6.1, both ways."""
    alice = attempt_keys(x("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    bob = attempt_keys(x("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    public = [keys._agreement.public_key().public_bytes_raw() for keys in (alice, bob)]
    assert public == [
        x("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
        x("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
    ]
    shared = x("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    assert alice.agree(PublicKeys(public[1], b"")) == bob.agree(PublicKeys(public[0], b"")) == shared


@pytest.mark.parametrize(
    ("times", "answer"),
    [
        (1, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"),
        (1000, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"),
    ],
)
def test_x25519_again_and_again(times: int, answer: str) -> None:
    """RFC 7748, section 5.2, the iterated vectors."""
    scalar = u = b"\x09" + bytes(31)
    for _ in range(times):
        exchanged = X25519PrivateKey.from_private_bytes(scalar).exchange(X25519PublicKey.from_public_bytes(u))
        scalar, u = exchanged, scalar
    assert scalar == x(answer)


@pytest.mark.parametrize(
    ("private", "public", "message", "signature"),
    [
        pytest.param(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b",
            id="test 1",
        ),
        pytest.param(
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00",
            id="test 2",
        ),
        pytest.param(
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a",
            id="test 3",
        ),
        pytest.param(
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            hashlib.sha512(b"abc").hexdigest(),
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704",
            id="test SHA(abc)",
        ),
    ],
)
def test_ed25519(private: str, public: str, message: str, signature: str) -> None:
    """RFC 8032, section 7.1."""
    key = Ed25519PrivateKey.from_private_bytes(x(private))
    assert Identity("h", key).public_key == x(public)
    assert key.sign(x(message)) == x(signature)
    Ed25519PublicKey.from_public_bytes(x(public)).verify(x(signature), x(message))
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(x(public)).verify(x(signature), x(message) + b"\0")


@pytest.mark.parametrize(
    ("secret", "salt", "info", "answer"),
    [
        pytest.param(
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="A.1",
        ),
        pytest.param(
            "0b" * 22,
            "",
            "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="A.3, without salt and info",
        ),
    ],
)
def test_hkdf(secret: str, salt: str, info: str, answer: str) -> None:
    """RFC 5869, appendix A."""
    assert HKDF(SHA256(), 42, salt=x(salt), info=x(info)).derive(x(secret)) == x(answer)


AES_KEY = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
PLAIN = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


def test_aes_256_in_counter_mode() -> None:
    """NIST SP 800-38A, F.5.5: the block cipher under our masks."""
    mode = modes.CTR(x("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
    assert Cipher(algorithms.AES256(x(AES_KEY)), mode).encryptor().update(x(PLAIN)) == x(
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
        "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
    )


GCM_KEY = "feffe9928665731c6d6a8f9467308308" * 2
GCM_NONCE = "cafebabefacedbaddecaf888"
GCM_PLAIN = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
GCM_CIPHERTEXT = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)


@pytest.mark.parametrize(
    ("key", "nonce", "message", "bound_to", "answer"),
    [
        pytest.param("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b", id="13"),
        pytest.param(
            "00" * 32,
            "00" * 12,
            "00" * 16,
            "",
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            id="14",
        ),
        pytest.param(
            GCM_KEY, GCM_NONCE, GCM_PLAIN, "", GCM_CIPHERTEXT + "b094dac5d93471bdec1a502270e3cc6c", id="15"
        ),
        pytest.param(
            GCM_KEY,
            GCM_NONCE,
            GCM_PLAIN[:120],
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            GCM_CIPHERTEXT[:120] + "76fc6ece0f4e1768cddf8853bb2d551b",
            id="16",
        ),
    ],
)
def test_aes_256_gcm(key: str, nonce: str, message: str, bound_to: str, answer: str) -> None:
    """McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, by number of the test case."""
    assert AESGCM(x(key)).encrypt(x(nonce), x(message), x(bound_to)) == x(answer)
    if nonce == "00" * 12:
        assert seal(x(key), x(message), x(bound_to)) == x(answer)


def test_a_mask_begins_with_a_published_keystream() -> None:
    """Test case 14 again: the zero key's keystream, through our own code, words in little-endian order."""
    vector = np.zeros(4, dtype=np.uint32)
    add_masks(vector, [bytes(32)], [])
    assert vector.astype("<u4").tobytes() == x("cea7403d4d606b6e074ec5d3baf39d18")
    add_masks(vector, [], [bytes(32)])
    assert not vector.any()


# Key pairs of NIST's ACVP server (ML-KEM-keyGen-FIPS203) and of Wycheproof; of the public key its SHA3-256.
KEM_SEED = (
    "e34a701c4c87582f42264ee422d3c684d97611f2523efe0c998af05056d693dc"
    "a85768f3486bd32a01bf9a8f21ea938e648eae4e5448c34c3eb88820b159eedd"
)
KEM_KEYS = [
    (KEM_SEED, "e29020839d052fa372585627f8b59ee312ae414c979d825f06a6929a79625718"),
    (
        "a2b4bca315a6ea4600b4a316e09a2578aa1e8bce919c8df3a96c71c843f5b38b"
        "d6bf055cb7b375e3271ed131f1ba31f83fef533a239878a71074578b891265d1",
        "7ca0c2cbbf4fbf28de8c479d4473c339d96b89c34a4e5fcbcf7728bdfb43b945",
    ),
]
# To the first of them, for the message 00 01 .. 1f, by a second implementation that was written from FIPS 203 to make
# it; that one gives 1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415 for the 100 accumulated vectors
# of Go's crypto/mlkem, as it should.
KEM_CIPHERTEXT = b85decode(
    "#t6UbxuP_hSxIE73KMKOE3l6Y_-Asv!q|+<X?etZF_^^)%zb^0YvoMEA&o{cA;k_Hm3b=onY18GK*~n;zn`y&*_+Xn@qvHDJ"
    "Ah$NS>0zzpKL$}CjM5o0~OW#omC$~u*^(jO{<)^vMKPjzS^4K=XtbV!a!J6MNjCrFgu-2U=X^8N2_TvWynx~t_dcNrJLiR8U"
    "GFT0=yY-RCH8Mzimz==k@z~4q0d?U;1*o>)Z_2&oQjh_(`EjR7&KA>7IFFO@Dxnb>@Rq4j;MIp7?90ecAn@y!9d1#3j;Hc0I"
    "7s7ZGO}U}(;@td@f$v?|R3cy0JtChA^4g<9t;W7l$@m}6Crdh^Ti0>bQPYi8TEZF|VE{v64W_EkdQ$3;F5c+n<$(Et|e1G=s"
    "t={Mx@lJR?|9xK7GSgY@U<ER_pPDYT}C%#U&IpE|hN4T7uZ8o=15Gy=#*QI|S)1pP<yH%v}1ewv=LJU~t(%&qyLkwJXk;5k1"
    "uSoq&w>aGuZbS%*29?S*iyRyTrTUyfM3DD98`pz4PiHAOqdZmpI_^2BGr=()T2WoaApG*Z3@V*WzF>j5SQNTrP8*PBwfy0b2"
    "W*}C^h?R;Ex2?zuh}kY_lKk<D=4^R3tlWvG&f`z;Jc6c??5p;@Cv0Y%0kAs&rSfncAn~yCC21u$sTQ(nNQcFGjY0WWU?M4)#"
    "9iKb<bQqY2TkF8j)rx?rPd94-5oQQ79e~-Gq`w<70uAk6KX7q>)yZ*+>LZLuI_or8fQRF`zp8$L$w>)Qy23m3Z*uLXa`NrpW"
    "1gQfSVYjJxrw5FjT|wjMjRq%sLi3Om6Aa2`Zr@Z{=4?3w3gRBWOb$YzU?1J$YuwzXRjHM(El-9vn?4sXD8K#c&8z)z<n3}8C"
    "87l1q^ed9yRbX&f70l0Iy_N3Toy>nBl=}BQlF~|#F-arpi?T&g42+t=poh^>*clBExkrgK;CzRfQ?ksE2<f5Ws4hmwzGf;6m"
    "->D0x+H)uiK1~OwEER$}mksg<@s6bhubq0g52J3^P%y>fvIJD@Mkmo?m9wa?<iB|VQi;bA!DXc(?xk;zZSZ2T+$7{Y7jyiFV"
    "|C?9N4tG9PM1P#p@9hCd@edbJlUNmFuVNBmXnF8-y}hxeeR^MDX9lN5~v#hH9G%G(wE7Lzl941ew6nK-@KcuU10p@qQ^e&Hc"
    "y6S&BqpN`J+|7KSC9~koDBd9;na6u6G!+CseRo7wT4jIE6Czfb4h6VBkm~FRW&|;P?;G&Hg54i;yOudGLWqe|g?Yjg4WyN^Z"
    "aW@J`C0zl2H?p5CS|ZW|(out$vat-8EonLyjo;~)o#!1E~IW9x4)8J<3LY?jy4&ZnRU%{%n$%M}Bz)dC}tPl&L4IcEA#n~d4"
    "WW=d^#mneLR_nYyf"
)


@pytest.mark.parametrize(("seed", "public"), KEM_KEYS)
def test_ml_kem_768_makes_keys(seed: str, public: str) -> None:
    """FIPS 203, algorithm 16."""
    key = MLKEM768PrivateKey.from_seed_bytes(x(seed)).public_key().public_bytes_raw()
    assert hashlib.sha3_256(key).hexdigest() == public
    assert len(key) == 1184


def test_ml_kem_768_decapsulates() -> None:
    """FIPS 203, algorithm 18: a ciphertext made elsewhere gives the secret made elsewhere."""
    keys = AttemptKeys(hybrid=True)
    keys._kem = MLKEM768PrivateKey.from_seed_bytes(x(KEM_SEED))
    assert len(KEM_CIPHERTEXT) == 1088
    secret = x("3e90d7d7aa86b4428c227966abbf5ed6a3d82f3dd0b8b35e0fa799ce83d97590")
    assert keys.decapsulate(KEM_CIPHERTEXT) == secret
    public = keys._kem.public_key().public_bytes_raw()
    message = bytes(range(32))
    assert hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()[:32] == secret


@pytest.mark.parametrize(
    "ciphertext",
    [
        pytest.param(bytes(1088), id="zeros"),
        pytest.param(b"\xff" * 1088, id="ones"),
        pytest.param(KEM_CIPHERTEXT[:-1] + bytes([KEM_CIPHERTEXT[-1] ^ 1]), id="one bit off"),
    ],
)
def test_ml_kem_768_rejects_implicitly(ciphertext: bytes) -> None:
    """FIPS 203, algorithm 18, line 7: of a forged ciphertext the secret is SHAKE256(z, ciphertext)."""
    keys = AttemptKeys(hybrid=True)
    keys._kem = MLKEM768PrivateKey.from_seed_bytes(x(KEM_SEED))
    z = x(KEM_SEED)[32:]
    assert keys.decapsulate(ciphertext) == hashlib.shake_256(z + ciphertext).digest(32)


@pytest.mark.parametrize(
    ("shares", "points", "secret"),
    [
        pytest.param(["41"], [1], "41", id="a constant"),
        # 0x57 * 0x83 = 0xc1 in this field (FIPS 197, section 4.2): the line 00 + 57 x at 1 and at 83
        pytest.param(["57", "c1"], [0x01, 0x83], "00", id="a line through zero"),
        pytest.param(["16", "80"], [0x01, 0x83], "41", id="the same line, lifted"),
    ],
)
def test_shares_of_the_field_of_aes(shares: list[str], points: list[int], secret: str) -> None:
    assert combine([[x(share)] for share in shares], points) == [x(secret)]


# From here on the answers are the protocol's own. They were computed once, when it was written, and are frozen: a
# change of any of them is another protocol, which hospitals with the older one cannot take part in. Whoever means it
# gives it another version (`terms.VERSION`) and freezes the new answers.


def numbered(length: int, start: int = 0) -> bytes:
    return bytes((start + i) % 256 for i in range(length))


IDENTITY = Identity("b", Ed25519PrivateKey.from_private_bytes(numbered(32)))
ROSTER = Roster(
    {
        "a": Ed25519PrivateKey.from_private_bytes(numbered(32, 100)).public_key().public_bytes_raw(),
        "b": IDENTITY.public_key,
        "c": Ed25519PrivateKey.from_private_bytes(numbered(32, 200)).public_key().public_bytes_raw(),
    }
)
TERMS = Terms(
    run=numbered(16),
    number=3,
    attempt=2,
    purpose="evaluate",
    roster=ROSTER.digest,
    cohort=(0, 1, 2),
    threshold=3,
    colluders=1,
    hybrid=True,
    encoding=FixedPoint((Segment(1_000_000, 8.0, 2.0**17), Segment(4, 1024.0, 0.5)), 3, 24),
)
VIEW = numbered(32, 50)
PAIR = derive_pair(2, 1, numbered(32, 1), numbered(32, 2), numbered(1088, 3), VIEW)
VECTOR = np.arange(7 * 0x1238AB, -8 * 0x1238AB, -0x1238AB, dtype=np.int32)  # 15 integers of 24 bits

ADVERT = Advert(1, PublicKeys(numbered(32), numbered(1184)), numbered(32, 1), numbered(32, 2)).signed(
    TERMS, IDENTITY
)
ENCAPSULATED = Encapsulated(1, {0: numbered(1088), 2: numbered(1088, 1)})
SHARE_ORDER = ShareOrder(numbered(32), [0, 1, 2], {0: numbered(1088)})
SHARED = Shared(
    1,
    {0: numbered(80), 2: numbered(80, 1)},
    {owner: (numbered(32, owner), numbered(32, owner + 1)) for owner in range(3)},
    {0: numbered(32, 3), 2: numbered(32, 4)},
    numbered(80, 5),
)
INBOX = Inbox({0: numbered(80), 2: numbered(80, 1)}, {i: (numbered(32), numbered(32, i)) for i in (0, 2)})
STATEMENT = survivor_statement(VIEW, [0, 1, 2], [0, 2])

FROZEN = [
    pytest.param(
        tagged_hash("frozen", b"a", b""),
        "ab24212be10fff2d31036c29745cf14e0dd0313de2421fb15fb091e17e934c48",
        id="a tagged hash",
    ),
    pytest.param(
        view(numbered(32), numbered(32, 1), [b"one", b"two"]),
        "bd9a40bd682aa90e9bb1a4bf0473e257cfa54d38c98da7f5bdc356333389a9a7",
        id="a view",
    ),
    pytest.param(
        STATEMENT,
        "aef72c0231e6363fe4e8201b257c52e254293633f2fd019e19aaca0c7b46e0cb",
        id="a statement of survivors",
    ),
    pytest.param(
        task_digest(b"order", [("a", b"2", b"\0\1"), ("b", b"1", b"\2")]),
        "5a4074ebb29599b5c87e0e7e6c1100c9560368060897fe61c7da8cf455566f66",
        id="a task",
    ),
    pytest.param(
        ROSTER.digest,
        "6a51e69869d03d08cdc34db4ce945a07dbba8480d6edeb1986c423302a5d5aa0",
        id="a roster",
    ),
    pytest.param(
        TERMS.to_bytes(),
        "485341310101000102030405060708090a0b0c0d0e0f0000000300000002016a51e69869d03d08cdc34db4ce945a07db"
        "ba8480d6edeb1986c423302a5d5aa0000300000001000200030001010003180200000000000f42404020000000000000"
        "4100000000000000000000000000000440900000000000003fe0000000000000",
        id="terms",
    ),
    pytest.param(
        TERMS.digest,
        "56290b42784b9f3344f77733465d6454a2bd1404d50e9a58aacc043fb563d192",
        id="the digest of terms",
    ),
    pytest.param(
        PAIR.mask,
        "b64e4e54d23f2a5f8fed6f74daa3e7f5960e7781ed80ed51c4c80178e3f40d54",
        id="the mask of a pair",
    ),
    pytest.param(
        PAIR.seal_to_peer,
        "fdac4ea9a838463aac3af4e30b45466387f45bb3972aca4e768be107ba6e0c83",
        id="the seal of a pair, high to low",
    ),
    pytest.param(
        PAIR.seal_from_peer,
        "97927b72bbcc70739704da5ad8b1f9e90026ab6de1f3c38eaeefaa21a4ad60d2",
        id="the seal of a pair, low to high",
    ),
    pytest.param(
        derive_seed(numbered(32), VIEW, "self", 1),
        "c8ea858a2f1c8c1ca05ab47cbb0f0906597e83faddde2b355568912a8a662035",
        id="the key of a self-mask",
    ),
    pytest.param(
        derive_seed(numbered(32), VIEW, "recovery", 1),
        "e49851dd3a7d9c202ee7e7aaacd7c51430a3ba60c0561239b48d3687653bfa75",
        id="the key of a recovery seed",
    ),
    pytest.param(
        commit_seed(numbered(32), "self", 1, numbered(32, 9)),
        "14e55273e38504dc03e165d27d0f6888f2b4c9523ad7292f6065e4a485180863",
        id="a commitment to a seed",
    ),
    pytest.param(
        commit_share(VIEW, "recovery", 1, 2, numbered(32, 9)),
        "0e12926eab22a8a14188b8c75343d5d29154e882c80f1959bad9984ce796d55b",
        id="a commitment to a share",
    ),
    pytest.param(
        commit_mask(VIEW, 2, 1, numbered(32, 9)),
        "0a3762d1e6d700a9900bdc4120d140552650ccabcb265014fbae274c08155a7c",
        id="a commitment to a mask",
    ),
    pytest.param(
        seal(numbered(32), b"message", VIEW),
        "63d9c6add44be65467e4f4f64eac597c6c5517ee996088",
        id="a sealed message",
    ),
    pytest.param(
        seal_masks(numbered(32), {2: numbered(32, 1), 0: numbered(32, 2)}, VIEW, 1),
        "31ecfa3569f618d7dd888f3e9036139c314ecab5e2ada20c2b8cabd443d6f190583ab1816b3ff26bc696dda983ead893"
        "1e069cb4aa1698b624f2eeeece28585b8df24c62531766fb7fecf94f008741ed",
        id="sealed masks",
    ),
    pytest.param(
        IDENTITY.sign("advert", b"part"),
        "4b3d49f1a42ff8c727350b32ee11a3683dd4103ee429e9e64be619c3b4b11b43983e16ecd98b394e422a9640dbdc4df0"
        "943e6b6c77bb6c5b97837f2a1e603e00",
        id="a signature",
    ),
    pytest.param(
        pack(VECTOR.copy(), 24).astype("<u4").tobytes(),
        "ad8c7fa902546dfe571b5b53ace2480001aadfe4567122acab386573000000005570d2a4aa8c8792ffa83c80541db7ff",
        id="a vector packed in 24 bits",
    ),
    pytest.param(
        pack(VECTOR.copy(), 28).astype("<u4").tobytes(),
        "ad8c7f3002546d00571b5b53ace2480001aa663556712400ab3865730000000055f72207aa8edbffffa83c80541db7ff"
        "d919acf7feab92ff",
        id="a vector packed in 28 bits",
    ),
    pytest.param(
        pack(VECTOR.copy(), 32).astype("<u4").tobytes(),
        "ad8c7f0002546d00571b5b00ace2480001aa360056712400ab3812000000000055c7edffaa8edbffff55c9ff541db7ff"
        "a9e4a4fffeab92ff537380ff",
        id="a vector packed in 32 bits",
    ),
    pytest.param(
        tagged_hash("frozen", ADVERT),
        "c55ee261951cd0f2b4e07ce693a15a93868825c49f7e8459cff43ba64ac252b5",
        id="advert",
    ),
    pytest.param(
        tagged_hash("frozen", adverts_order(TERMS, [ADVERT, ADVERT])),
        "6847b255c069728fb08ca41a3c646eba470d81104c55c348be1aca1b674719b8",
        id="order to encapsulate",
    ),
    pytest.param(
        tagged_hash("frozen", ENCAPSULATED.to_bytes(TERMS)),
        "852ac1c4b6c23017e1d2ec733b953a91485fb151f798a9ae3f1dd6f5e3d9bb7d",
        id="KEM ciphertexts",
    ),
    pytest.param(
        tagged_hash("frozen", SHARE_ORDER.to_bytes(TERMS)),
        "4f1a73787ed12653e3a1e16c64a2ff0e66d6e2192a0847bb50e38c0d98500a6d",
        id="order to share",
    ),
    pytest.param(
        tagged_hash("frozen", SHARED.to_bytes(TERMS)),
        "4d90b4f5b1b42895a2b51a96c26b03881896ab80897d6a52e5cda1b1ce3d82a7",
        id="sealed shares",
    ),
    pytest.param(
        tagged_hash("frozen", INBOX.to_bytes(TERMS)),
        "1177253ae655cd45ae5a7e0b5e6e19e89dcf919aa5b03daa24174a932990ea95",
        id="order to mask",
    ),
    pytest.param(
        Masked(1, numbered(32)).signed(TERMS, VIEW, IDENTITY),
        "485341310800000003000000020001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f42"
        "58e75c4d96f4d57f9f7f1269d0840280295b5c6a1a76a5365fe132c197f935825dcaf7c6af82dacea8c48541c5dc24b3"
        "5cb16754d535b8615b25e385cf640e",
        id="commitment to a masked vector",
    ),
    pytest.param(
        survivors_order(TERMS, [0, 2]),
        "48534131090000000300000002000200000002",
        id="order to confirm",
    ),
    pytest.param(
        confirmed(TERMS, 1, STATEMENT, IDENTITY),
        "485341310a00000003000000020001879ff6f3bea061204a56906c455fea500233c1f76847ef23ce72fede53da7e23e3"
        "673e5998459a18d733369145a1a6f8ced3f2ff1da089775350e853db54540d",
        id="confirmation",
    ),
    pytest.param(
        tagged_hash("frozen", unmask_order(TERMS, {0: numbered(64), 2: numbered(64, 1)})),
        "a9fd2c4aac167d8a597911c2f6301f10b5bdb4e4dbf86be5e60bef773fe1688a",
        id="order to unmask",
    ),
    pytest.param(
        Revealed(1, {0: numbered(32), 2: numbered(32, 1)}).to_bytes(TERMS),
        "485341310c00000003000000020001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01"
        "02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
        id="revealed shares",
    ),
]


@pytest.mark.parametrize(("made", "frozen"), FROZEN)
def test_the_protocol_is_what_it_was(made: bytes, frozen: str) -> None:
    assert made.hex() == frozen


def test_masks_are_what_they_were() -> None:
    """The zero key's mask at the end of its first segment of 16 MiB and at the beginning of its second.

    The answers are AES-256 of the counter blocks 0 || 2^20 + 1 and 1 || 2.
    """
    words = np.zeros((1 << 22) + 4, dtype=np.uint32)
    add_masks(words, [bytes(32)], [])
    assert words[-8:].astype("<u4").tobytes().hex() == (
        "11d5daec96b6b5cc934e35dbecdd726f29c12422f47667dca9005da191fff495"
    )
