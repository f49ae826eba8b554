"""Which findings a cue speaks about: the clause's cues, each with the words it reaches.

A cue looks forward over a list and ends at a comma that begins something else, at a stop, or at the next cue that
says something different; or it looks back at the nearest finding and the list it belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.assertion.lexicon import Found
from shared.assertion.lists import LINKS, PART_ENDS, is_rest_of_list, list_end, phrase_end
from shared.assertion.words import word_set

_STOPS = {
    "stop-all": word_set("negated possible historical family hypothetical present"),
    "stop": word_set("negated possible historical"),
    "present": word_set("negated possible historical"),
    "stop-family": frozenset(["family"]),
}
_ASSERTING = word_set("negated possible historical family hypothetical present")
_CAUSES = word_set("due secondary because caused related from 2/2 attributed attributable")
_PARTICIPLES = word_set(  # right after a negation, they go on with it
    "reported reporting noted described noticed having has have confirmed ongoing persistent current currently "
    "significant notable remarkable newly known includes"
)
_FINITE = word_set("suggested suggests favored favors favoured favours raised raises supported supports")
_FOLLOWERS = word_set(  # what may come after a cue that looks back over what stands before it
    """given due from in on at per by with without secondary based because as but and or though although since this
    today now then to after until so however versus vs clinically radiographically despite at enough if when while
    is are was were than , . ; : ) ] ! ? - – — / ( overall here explanation cause etiology diagnosis source culprit
    contributor"""
)
_BETWEEN = word_set("has have had having then now still was were is are so thus therefore which who")
_ADJECTIVES = {("possible", "around"), ("present", "before")}
_OPENERS = word_set(", and & - – — ( : + .")  # before a cue: something new is said
_ANSWERS = word_set(": - – — (")  # before a cue: it answers what stands before them
_DENIALS = word_set("no denies denied denying")
_BACK = 5  # words between a finding and a cue that looks back
_AROUND = 14
_FAR = 12  # words between a finding and the time it belongs to
_SYMPTOMS = word_set(
    """pain pains nausea vomiting fever fevers headache headaches cough coughing wheezing wheeze dyspnea
    breath sob anxiety agitation insomnia constipation diarrhea itching itch pruritus spasm spasms
    dizziness congestion heartburn sleep angina hypoglycemia seizure seizures indigestion dyspepsia
    edema swelling cramps cramping bloating gas panic n temp pyrexia discomfort chills hiccups emesis
    rash hives bronchospasm palpitations restlessness sleeplessness vertigo tremors withdrawal allergies
    symptoms hypotension bleeding weakness numbness fatigue mass lump hematuria syncope murmur
    hoarseness dysphagia jaundice ascites lymphadenopathy anemia"""
)
_DISEASES = word_set("cluster disorder disease syndrome neuropathy cancer carcinoma migraine tension")


@dataclass(frozen=True, slots=True)
class Reach:
    """A cue and the words it speaks about: those from `first` to `last`, end exclusive."""

    found: Found
    first: int
    last: int
    is_back: bool

    @property
    def meaning(self) -> str:
        """What it makes of a finding."""
        return self.found.cue.meaning


def reaches(
    words: Sequence[str], start: int, end: int, cues: Sequence[Found], findings: Sequence[tuple[int, int]]
) -> list[Reach]:
    """Works out the reach of each cue of one clause.

    Args:
        words: of the note, in small letters.
        start: first word of the clause.
        end: one past its last.
        cues: of the clause, in order.
        findings: word offsets of the findings in the clause, in order.

    Returns:
        One entry for each cue that asserts something and reaches at least one word.
    """
    found: list[Reach] = []
    for index, cue in enumerate(cues):
        if cue.cue.meaning not in _ASSERTING:
            continue
        both = cue.cue.scope == "both"
        forward = both or _looks_forward(words, end, cue, findings)
        if forward:
            last = _forward_limit(words, end, cues, index, findings)
            if last > cue.end:
                found.append(Reach(cue, cue.end, last, False))
        if (not forward or both) and cue.cue.scope != "after" and not _speaks_on(words, end, cue):
            first = _backward_limit(words, start, cues, index, findings)
            if first < cue.start:
                found.append(Reach(cue, first, cue.start, True))
    return found


def is_symptom(words: Sequence[str], finding: tuple[int, int]) -> bool:
    """Whether a finding is something that medicine is taken for when it comes."""
    own = words[finding[0] : finding[1]]
    return not _SYMPTOMS.isdisjoint(own) and _DISEASES.isdisjoint(own)


def _looks_forward(words: Sequence[str], end: int, cue: Found, findings: Sequence[tuple[int, int]]) -> bool:
    scope = cue.cue.scope
    if scope in ("after", "before"):
        return scope == "after"
    ends_here = cue.end >= end or words[cue.end] in PART_ENDS
    anything_before = any(last <= cue.start for _, last in findings)
    answered = cue.start - 1 if words[cue.start - 1] in _ANSWERS else cue.start
    if any(last == answered for _, last in findings) and (answered < cue.start or cue.cue.reach == "3"):
        return _opens_another(words, end, cue, findings)  # "fever: no", "HIV negative"
    if scope in ("end", "answer"):
        return scope == "answer" and not (ends_here and anything_before)
    for first, _ in findings:
        if first >= cue.end:
            between = words[cue.end : first]
            near = first - cue.end <= _AROUND and PART_ENDS.isdisjoint(between)
            return near or not anything_before
    return False


def _opens_another(words: Sequence[str], end: int, cue: Found, findings: Sequence[tuple[int, int]]) -> bool:
    """Whether a bare "no" after a dash or colon denies the next finding ("COPD - no exacerbation")."""
    if cue.cue.scope != "answer" or words[cue.start] not in _DENIALS:
        return False
    return any(first == cue.end and not (last < end and words[last] in _ANSWERS) for first, last in findings)


def _speaks_on(words: Sequence[str], end: int, cue: Found) -> bool:
    """Whether an adjective such as "likely" speaks about words after it, and so of none before."""
    after = words[cue.end] if cue.end < end else "."
    adjective = (cue.cue.meaning, cue.cue.scope) in _ADJECTIVES and cue.end - cue.start == 1
    return adjective and after.isalpha() and after not in _FOLLOWERS and not after.endswith("ly")


def _forward_limit(
    words: Sequence[str], end: int, cues: Sequence[Found], index: int, findings: Sequence[tuple[int, int]]
) -> int:
    """One past the last word that a cue looking forward reaches."""
    cue = cues[index]
    meaning, reach = cue.cue.meaning, cue.cue.reach
    limit = end
    if reach.isdecimal():
        limit = _within(cue, int(reach), end, findings)
    elif reach == "np":
        limit = phrase_end(words, cue.end, end, findings)
    if meaning == "negated" and not reach.isdecimal():
        limit = list_end(words, cue.end, limit)
    for later in cues[index + 1 :]:
        if later.start >= limit:
            break
        other = later.cue.meaning
        adjacent = later.start == cue.end
        if meaning in _STOPS.get(other, ()) and later.cue.scope != "before":
            if adjacent and _qualifies(words, meaning, later):
                continue
            return later.start
        if other not in _ASSERTING or other == meaning or later.cue.scope == "before":
            continue
        if meaning in ("family", "hypothetical") and other != "family":
            continue
        opener = later.start - 1
        if opener >= cue.end and words[opener] in _OPENERS:
            if opener > cue.end:
                return opener
        elif meaning == "negated" and not adjacent and words[later.start] in _FINITE:
            return later.start
    return limit


def _qualifies(words: Sequence[str], meaning: str, later: Found) -> bool:
    """Whether what would end a reach only goes on with it ("no reported falls", "presumed to be due to")."""
    if meaning == "possible":
        return words[later.start] in _CAUSES
    return meaning == "negated" and words[later.start] in _PARTICIPLES


def _within(cue: Found, reach: int, end: int, findings: Sequence[tuple[int, int]]) -> int:
    """Findings that begin at most `reach` words after the cue."""
    limit = min(end, cue.end + reach)
    for first, last in findings:
        if cue.end <= first <= limit:
            return max(limit, last) if first < limit or first == cue.end else limit
    return limit


def _backward_limit(
    words: Sequence[str], start: int, cues: Sequence[Found], index: int, findings: Sequence[tuple[int, int]]
) -> int:
    """The first word that a cue looking back reaches; the cue's own start if it reaches nothing."""
    cue = cues[index]
    reach = int(cue.cue.reach) if cue.cue.reach.isdecimal() else _BACK
    before = [finding for finding in findings if finding[1] <= cue.start]
    if not before:
        return cue.start
    first, last = before[-1]
    gap = words[last : cue.start]
    if gap and gap[0] == "(" and ")" in gap:
        gap = gap[gap.index(")") + 1 :]  # "deep vein thrombosis (DVT) was ruled out"
    inner = gap[:-1] if gap and gap[-1] in ",:-–—(" else gap
    listed = cue.cue.meaning != "present" and is_rest_of_list(gap)
    if not listed and (len(inner) > reach or any(word in ",;" for word in inner)):
        return cue.start
    for other in cues:
        blocks = other.cue.meaning in _STOPS or other.cue.meaning in _ASSERTING
        if last <= other.start < cue.start and blocks and other.cue.meaning != cue.cue.meaning:
            if other.cue.scope == "before" or other.cue.meaning == "stop-family":
                continue
            if other.end == cue.start and words[other.start] in _BETWEEN:
                continue  # "has | not been ruled out", "then | subsided"
            return cue.start
    chain = [first]
    joined = listed or (bool(gap) and gap[-1] in ",:-–—(")
    for earlier, its_end in reversed(before[:-1]):
        link = words[its_end : chain[-1]]
        answered = link[:2] == ["+", ","]  # "cough +, wheeze -"
        if not link or len(link) > 3 or not set(link) <= LINKS or answered:
            break
        joined = joined or not {"and", "or", "nor", "/", "&"}.isdisjoint(link)
        if "and" in link and chain[-1] != first and not joined:
            break
        chain.append(earlier)
    return chain[-1] if joined or chain[-1] == start else first


def past_findings(
    words: Sequence[str], cues: Sequence[Found], findings: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Found]:
    """Findings that an event of a time that is over speaks about ("had pneumonia last winter").

    Args:
        words: of the note.
        cues: of one clause, in order.
        findings: of that clause.

    Returns:
        For each of them the cue that names the time.
    """
    times = [found for found in cues if found.cue.meaning == "past"]
    lasting = [
        found
        for found in cues
        if found.cue.meaning == "current" or found.cue.phrase.startswith(("diagnosed", "dx"))
    ]
    hits: dict[tuple[int, int], Found] = {}
    for finding in findings if times else ():
        if any(_same_part(words, (one.start, one.end), finding) for one in lasting):
            continue
        after_event = _after_event(cues, finding)
        for time in times:
            span = (time.start, time.end)
            gap = max(time.start - finding[1], finding[0] - time.end)
            directly = 0 <= time.start - finding[1] <= 1 and any(
                unit in time.cue.phrase for unit in ("year", "yr", "decade")
            )
            together = _same_part(words, span, finding) or time.end <= finding[0]
            if directly or (
                after_event and together and gap <= _FAR and ";" not in _between(words, span, finding)
            ):
                hits[finding] = time
                break
    return hits


def _after_event(cues: Sequence[Found], finding: tuple[int, int]) -> bool:
    """Whether an event stands before the finding, with no stop between them."""
    return any(
        event.cue.meaning in ("event", "historical")
        and event.end <= finding[0]
        and not any(event.end <= stop.start < finding[0] for stop in cues if stop.cue.meaning in _STOPS)
        for event in cues
    )


def _between(words: Sequence[str], one: tuple[int, int], other: tuple[int, int]) -> Sequence[str]:
    """The words between two spans."""
    return words[min(one[1], other[1]) : max(one[0], other[0])]


def _same_part(words: Sequence[str], one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether no comma or semicolon stands between two spans."""
    between = _between(words, one, other)
    return "," not in between and ";" not in between
