"""Candidates for a mention: curated aliases first, official names next, and suggestions where neither knows it.

A mention is looked up as it stands, then without what only qualifies it ("left", "severe"), then its head ("COPD with
exacerbation"), then its longest part that is known. What is left is compared word by word, rare words counting most,
and flagged as suggested. Nothing of a mention is kept.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from shared.codes.names import aliases, names
from shared.codes.normal import key_of, read_words, word_set
from shared.codes.spelling import corrected

How = Literal["alias", "name", "suggested"]
MOST = 5
_SIDES = word_set("left right bilateral l r b lt rt unilateral bilat ue le lower upper distal proximal")
_DEGREES = word_set(
    """severe mild moderate significant massive large small minor major new old known recent prior previous
    history current active persistent ongoing worsening progressive stable possible probable likely
    suspected recurrent intermittent chronic acute subacute acutely decompensated compensated
    exacerbation flare uncontrolled controlled poorly well early late end stage advanced grade
    symptomatic asymptomatic longstanding refractory resistant underlying onset diagnosed resolved
    resolving untreated treated baseline diffuse multiple focal extensive presumed remote documented
    biopsy proven confirmed incidental further some any occasional frequent constant bad terrible slight
    increasing unresectable inoperable localized locally infiltrating invasive idiopathic episode attack
    crisis event status spontaneous secondary primary complicated uncomplicated simple acquired"""
)
_GENERIC = word_set(
    "disease disorder syndrome condition problem symptom episode attack trouble change infection"
)
_LINKS = word_set(
    """with due secondary from after following complicated because without w associated related causing on
    requiring status s/p superimposed involving involve affecting versus vs since"""
)
_VAGUE = word_set(  # alone, one of these words says too little to code a longer mention by
    """disease pain cancer infection tumor syndrome disorder hypertension failure injury lesion mass
    fracture swelling weakness bleed hemorrhage shock ulcer edema stenosis thrombosis aneurysm arthritis
    diabetes abscess polyp cyst metastasis neoplasm fall cold cut fit temp all as he hi si add ed ar pe
    ten sad it net cup hit dress depressed nerves sugar fat mole corn worms crabs consumption runs gas
    weed wound burn scar lump problem"""
)
_TYPE_1 = word_set("1 t1dm dm1 iddm t1d")
_DISEASE_ENDINGS = (
    "itis",
    "osis",
    "oma",
    "emia",
    "pathy",
    "copd",
    "asthma",
    "stroke",
    "gout",
    "pneumonia",
    "lupus",
)


@dataclass(frozen=True, slots=True)
class Code:
    """A candidate code.

    Args:
        code: ICD-10-CM, with its dot, such as `E11.9`.
        name: its official name.
        score: how well the mention fits, from 0 to 1; 1 only for an alias or a name as it stands. Not a probability.
        how: `alias` (curated), `name` (official or dictionary name) or `suggested` (only similar: to be checked).
    """

    code: str
    name: str
    score: float
    how: How


def codes_of(mention: str, most: int = MOST) -> tuple[Code, ...]:
    """Finds candidate codes of a mention.

    Args:
        mention: what a note calls the finding.
        most: at most this many candidates, of different 3-character categories.

    Returns:
        Candidates, the likeliest first; none if nothing is similar.
    """
    return look_up(mention, most)[0]


def look_up(mention: str, most: int = MOST) -> tuple[tuple[Code, ...], str]:
    """Finds candidate codes, and the alias that gave the first.

    Args:
        mention: what a note calls the finding.
        most: at most this many candidates.

    Returns:
        Candidates as `codes_of` gives them, and the key of the curated alias that the mention is, which is of our
        words; empty if it is none.
    """
    words = read_words(mention)
    found: dict[str, Code] = {}
    for candidate in _of_type_1(words, _candidates(words)):
        found.setdefault(candidate.code[:3], candidate)
        if len(found) == most:
            break
    key = key_of(words)
    return tuple(found.values()), key if key in aliases() else ""


def _candidates(words: list[str]) -> Iterator[Code]:
    """Candidates in order; an exact alias or name ends the search."""
    exact = list(_known(words, 1.0))
    yield from exact
    if exact:
        return
    spelt = corrected(words, _DEGREES | _LINKS)
    if spelt != words:
        exact = list(_known(spelt, 0.95))
        yield from exact
        if exact:
            return
    before = list(_reduced(spelt))
    yield from before
    if before and before[0].score >= 0.85:
        return
    yield from _suggested(spelt)


def _of_type_1(words: list[str], candidates: Iterator[Code]) -> Iterator[Code]:
    """Puts the code of type 1 before that of type 2 where the mention says type 1; both are built alike."""
    if _TYPE_1.isdisjoint(words):
        yield from candidates
        return
    official = names().official
    for one in candidates:
        twin = one.code.replace("E11", "E10", 1)
        if one.code[:3] == "E11" and twin in official:
            yield Code(twin, official[twin], one.score, one.how)
        yield one


def _known(words: Sequence[str], score: float) -> Iterator[Code]:
    """What is known under exactly these words."""
    key = key_of(list(words))
    listed = names()
    for rank, code in enumerate(aliases().get(key, ())):
        yield Code(code, listed.official[code], round(score / (rank + 1) ** 0.5, 3), "alias")
    code_of_name = listed.keys.get(key)
    if code_of_name is not None:
        yield Code(code_of_name, listed.official[code_of_name], score, "name")


def _reduced(words: list[str]) -> Iterator[Code]:
    """What is known under fewer words."""
    sideless = [word for word in words if word not in _SIDES] or words
    yield from _known(sideless, 0.95)
    yield from _primary(sideless)
    head = _head(sideless)
    yield from _known(head, 0.93)
    for stripped in _stripped(sideless):
        yield from _known(stripped, 0.92)
    for stripped in _stripped(head):
        yield from _known(stripped, 0.9)
    bare = [word for word in head if word not in _DEGREES and word not in _GENERIC]
    if bare:
        yield from _known(bare, 0.88)
        for generic in ("disease", "syndrome", "disorder"):
            yield from _known([*bare, generic], 0.86)
    yield from _part(head)
    if len(head) < len(sideless):
        yield from _part(sideless)


def _primary(words: list[str]) -> Iterator[Code]:
    """The primary tumour of "metastatic breast cancer to bone"."""
    if "metastasis" in words and not {"cancer", "melanoma", "sarcoma"}.isdisjoint(words):
        at = words.index("metastasis")
        rest = words[:at] if at > 1 else words[at + 1 :]
        for end in range(len(rest), 0, -1):
            hits = list(_known(rest[:end], 0.92))
            if hits:
                yield from hits
                return


def _stripped(words: list[str]) -> Iterator[list[str]]:
    """The words without qualifiers: one left out at a time, then all."""
    qualifiers = [word for word in words if word in _DEGREES]
    if len(qualifiers) > 1:
        for left_out in qualifiers:
            yield [word for word in words if word != left_out]
    bare = [word for word in words if word not in _DEGREES]
    if bare and len(bare) < len(words):
        yield bare


def _head(words: list[str]) -> list[str]:
    """What stands before "with", "due to" and the like."""
    for at, word in enumerate(words):
        if word in _LINKS and at > 0:
            return words[:at]
    return words


def _part(words: list[str]) -> Iterator[Code]:
    """The longest run of words that is known; among equals the last, where English puts the head."""
    count = len(words)
    for length in range(min(count - 1, 7), 0, -1):
        for start in range(count - length, -1, -1):
            run = words[start : start + length]
            if length == 1 and not _says_enough(run[0], is_last=start + 1 == count):
                continue
            hits = list(_known(run, round(0.6 + 0.3 * length / count, 3)))
            if hits:
                yield from hits
                return


def _says_enough(word: str, *, is_last: bool) -> bool:
    """Whether one word of a longer mention may code it: its head, or the name of a disease by its ending."""
    if word in _VAGUE or len(word) < 3 or word in _DEGREES:
        return False
    return is_last or word.endswith(_DISEASE_ENDINGS)


@cache
def _postings() -> tuple[dict[str, list[int]], list[str], list[float], dict[str, float]]:
    """For each word the names that have it; of the names their codes and weights; the weight of each word."""
    keys: list[str] = []
    codes: list[str] = []
    for key, code in names().keys.items():
        keys.append(key)
        codes.append(code)
    for key, own in aliases().items():
        keys.append(key)
        codes.append(own[0])
    counts: Counter[str] = Counter()
    where: dict[str, list[int]] = {}
    split = [key.split() for key in keys]
    for index, own_words in enumerate(split):
        for word in own_words:
            where.setdefault(word, []).append(index)
        counts.update(own_words)
    weight = {word: math.log(len(keys) / count) for word, count in counts.items()}
    totals = [sum(weight[word] for word in own_words) for own_words in split]
    return where, codes, totals, weight


def _suggested(words: list[str]) -> Iterator[Code]:
    """Names that share rare words with the mention, the most similar first."""
    where, codes, totals, weight = _postings()
    asked = {word for word in words if word in weight and word not in _SIDES}
    unknown = sum(8.0 for word in set(words) - asked if word not in _SIDES and word not in _DEGREES)
    total = sum(weight[word] * (0.3 if word in _DEGREES else 1) for word in asked) + unknown
    shared: dict[int, float] = {}
    for word in sorted(asked, key=weight.__getitem__, reverse=True)[:6]:
        value = weight[word] * (0.3 if word in _DEGREES else 1)
        for index in where[word][:3000]:
            shared[index] = shared.get(index, 0.0) + value
    ranked = sorted(
        ((2 * value / (total + totals[index]), index) for index, value in shared.items()), reverse=True
    )[:40]
    listed = names().official
    for similarity, index in ranked:
        if similarity >= 0.25:
            code = codes[index]
            yield Code(code, listed[code], round(min(similarity, 0.99) * 0.8, 3), "suggested")
