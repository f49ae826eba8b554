"""The allow-lists of the log layer: names of counts and durations, and words that may be logged as values.

Everything not listed is denied, so a word belongs here only if it cannot be, or hold, an identifier of a patient.
"""

import re
from functools import cache

from shared.errors import ClinfedError


def listed(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


COUNTS = listed(
    """
    accuracy additions alpha arguments attempt attempts available backoff batch batches beta bits bytes calls
    canaries capacity characters chars children chunks classes clients clip codes cohort columns commits
    concurrency connections coordinates cores cost count counts cpu cpus delay delays deletions delta dim
    dimension dimensions duration elapsed empty entities epoch epochs epsilon errors evaluations examples
    exit_code f1 failed failures features fields files folds fraction gib hits hospitals hours http iteration
    iterations jobs kib labels latency layers leaks length level limit line lineno lines loss losses masks mb
    mean median memory messages mib micros millis milliseconds minutes misses ms multiplier noise norm notes
    ns number_of observations offset p50 p90 p95 p99 packets padding parameters params parts patients percent
    percentage phase precision processes progress rate ratio recall records remaining repeats replies requests
    result_count retries retry round rounds rows rss s samples scale score sec second seconds sentences
    sequence shards share shares signal size sizes slots slow spans speed status std step steps success sum
    sums swap tasks tensors threads threshold throughput timeout times tokens total tries truncated updates
    uptime us usage values vectors version warnings weights width window windows words workers
    """
)
"""A number passes if a word beside it, or of its key, is one of these."""

DENIED = listed(
    """
    account accounts address admission age aged barcode bed beneficiary birth birthday born callback card case
    cell certificate chart claim coord date dea device dob dod email encounter episode fax file guid hash
    health id ident identifier ids insurance ip lat latitude licence license lng lon longitude mbi medicare
    member mobile mrn name nhs npi number order passport patient phone pin plan plate policy postal postcode
    record room sample_id serial session site specimen ssn street subject surname tel telephone token uid url
    user uuid vehicle vin visit ward year yob zip zipcode
    """
)
"""A number beside one of these words, or with one in its key, is denied whatever else its key says."""

_WORDS = listed(
    """
    1.0 1.1 2 3 DELETE Disease GET HEAD HTTP HTTPS OPTIONS PATCH POST PUT SIGHUP SIGINT SIGKILL SIGTERM
    advertise all ascii bert bfloat16 birnn bitfit brat confirm conll cpu critical cuda debug default
    encapsulate error evaluate evaluate.advertise evaluate.confirm evaluate.encapsulate evaluate.share
    evaluate.unmask evaluate.update failed failure false fedadam fedavg fedavgm finished float16 float32
    float64 full glove head hello info int32 int64 int8 internal-error json jsonl linux lora mps no none null
    off offline ok on online pending plain query query.hello ready running secagg share sqlite started stderr
    stdin stdout stopped success toml train train.advertise train.confirm train.encapsulate train.share
    train.unmask train.update true unknown unmask update utf-8 utf8 warning yes
    """
)

_PARTS = re.compile(r"[A-Za-z]+[0-9]{0,2}|[A-Z]+")
_OWNER = re.compile(r"['’]s\b")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_added: set[str] = set()


def allow(*words: str) -> None:
    """Lets these values be logged as they are, for instance the names of the hospitals in a roster.

    Args:
        words: short values that a person has looked at; each counts as a whole, in this letter case.

    Raises:
        ValueError: a word is longer than 64 characters, or not printable.
    """
    if any(len(word) > 64 or not word.isprintable() for word in words):
        raise ValueError("an allowed word is printable and has at most 64 characters")
    _added.update(words)


def is_allowed(value: str) -> bool:
    """Whether a string may be logged as it is: one of our own codes, a technical word, or one that was added."""
    return (
        value in _WORDS
        or value in _added
        or value in _codes()
        or (len(value) < 12 and value.lower() in _WORDS)
    )


def counts_something(*places: str) -> bool:
    """Whether a number's key, or the words around it, say that it is a count, a measure or a duration.

    Args:
        places: the key, or pieces of text next to the number.
    """
    words = {
        word.lower() for place in places for word in _PARTS.findall(_CAMEL.sub(" ", _OWNER.sub(" ", place)))
    }
    return not words.isdisjoint(COUNTS) and words.isdisjoint(DENIED)


@cache
def key_is_plain(key: str) -> bool:
    """Whether the name of a field is made of listed words, so that it cannot itself be data."""
    words = [word.lower() for word in _PARTS.findall(_CAMEL.sub(" ", key))]
    return (
        len(key) <= 64
        and re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", key) is not None
        and all(word in COUNTS or word in DENIED or word in _FIELDS for word in words)
    )


_FIELDS = listed(
    """
    action actor agent app args asctime attribute base by cause channel check client color command component
    config context correlation created data direction end endpoint event events exc exception extra field
    filename flow from func function group handler hospital host in index info input is item job key kind lib
    library local logger max message method min mode model module msg new node note of old op operation origin
    output parent part path pathname peer pid port process purpose query queue reason ref remote request
    response result role route row run scheme server service source stack stage state strategy surface system
    tag target task text thread time to trace ts type unit value where with worker
    """
)


@cache
def _codes() -> frozenset[str]:
    """Stable codes of our errors and refusals."""
    from shared.refusal import Reason

    kinds, codes = [ClinfedError], {reason.value for reason in Reason}
    while kinds:
        kind = kinds.pop()
        codes.add(kind.code)
        kinds += kind.__subclasses__()
    return frozenset(codes)
