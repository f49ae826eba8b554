"""A note as words and clauses: the ground that cues and findings stand on.

A clause is what one cue can speak about: a sentence, an item of a list, or a line of a telegraphic note. A line that
was only wrapped goes on in the next one. Cutting too often loses a scope; cutting too rarely lets a "no" reach the
next line. Time is linear in the text.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from operator import itemgetter


def word_set(words: str) -> frozenset[str]:
    """Words separated by white space, as a set."""
    return frozenset(words.split())


_WORD = re.compile(r"(?<![\w/])[wW]/(?:o(?!\w)|out(?!\w))?|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|\n|[^\w\s]|_")
_ITEM = re.compile(r"[ \t]*+(?:[-*•·●○◦▪■–—>#+]+(?=[ \t])|\(?\d{1,2}[.)](?=[ \t])|\(?[a-z][).](?=[ \t]))")
_ABBREVIATIONS = word_set(
    """dr drs mr mrs ms prof st vs pt pts approx e g i ie eg fig no nos ca hx fhx pmhx dx ddx tx rx sx fx w
    abd ext resp neuro bilat inc sec temp wt ht min max esp incl neg pos poss prob susp h o p r s c d q
    b t y m a n f x"""
)
_WORDY = word_set("no neg pos poss prob susp")  # may also end a sentence, before a capital
_OPEN_END = word_set(
    ", and or of the a an with for to in on by no nor denies from any without is was at has had as who"
)
_NOT = word_set(
    """isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't won't wouldn't shouldn't needn't
    isnt arent wasnt werent dont doesnt didnt hasnt havent hadnt"""
)
_CANNOT = word_set("can't cant couldn't couldnt")
_SHORT_FORMS = (
    {"w/": "with", "w/o": "without", "w/out": "without"}
    | dict.fromkeys(_NOT, "not")
    | dict.fromkeys(_CANNOT, "cannot")
)
_OFTEN_MISTYPED = word_set(
    """possible possibly possibility probable suspicious suspected negative denies denied without evidence
    history previous previously monitor recognize father brother sister unlikely excluded resolved concern
    concerning consistent prevent prevention screening probably questionable differential"""
)


def _slips(word: str) -> set[str]:
    """Ways to mistype a word: a letter left out or doubled, or two swapped, neither the first nor the last."""
    inner = range(1, len(word) - 1)
    missed = {word[:at] + word[at + 1 :] for at in inner}
    doubled = {word[:at] + word[at] + word[at:] for at in inner}
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in inner}
    return (missed | doubled | swapped) - {word}


_MISTYPED = {slip: word for word in _OFTEN_MISTYPED for slip in _slips(word)}
_SPELLINGS = {slip: word for slip, word in _MISTYPED.items() if slip not in _OFTEN_MISTYPED} | _SHORT_FORMS
_SIGNED = re.compile(r"(?<!\S)[-+](?=[A-Za-z])")  # "-CP -SOB +cough"
_SIGN_AFTER = re.compile(r"(?<=[A-Za-z)] )[-+](?=[ \t]*(?:[,;.]|$))")  # "cough +, wheeze -"
_SIGNED_WORDS = 4
_DENIED = "ø"  # how the lexicon knows the minus
_LONGEST_WRAP = 132  # characters of a line that a program wrapped


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text.

    Args:
        lower: each word in small letters, possessives and contractions undone.
        starts: first character of each.
        ends: one past the last character of each.
        clauses: word offsets `(start, end)` of each clause, ascending, covering all words.
        blanks: for each clause whether a blank line stands before it.
    """

    lower: list[str]
    starts: list[int]
    ends: list[int]
    clauses: list[tuple[int, int]]
    blanks: list[bool]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The words that the characters `start` to `end` touch, end exclusive; at least one if there is one."""
        first = bisect_left(self.ends, start + 1)
        last = bisect_left(self.starts, end)
        return first, max(last, first + 1)


def read_words(text: str) -> Words:
    """Splits a note into words and clauses.

    Args:
        text: any Unicode.

    Returns:
        The words, with character offsets into `text`.
    """
    small = text.lower()
    matches = list(_WORD.finditer(small if len(small) == len(text) else text))
    spelt = _SPELLINGS.get
    if len(small) != len(text):
        lower = [_normal(match[0]) for match in matches]
    else:
        lower = [spelt(word, word) for word in map(_first, matches)]
        if "'" in small or "’" in small:
            lower = [_normal(word) if "'" in word or "’" in word else word for word in lower]
    starts = [match.start() for match in matches]
    ends = [match.end() for match in matches]
    for offset in _minuses(text):
        lower[bisect_left(starts, offset)] = _DENIED
    cuts = _cuts(text, lower, starts, ends)
    clauses: list[tuple[int, int]] = []
    blanks: list[bool] = []
    kept = [at for at, word in enumerate(lower) if word != "\n"]
    begin = before = 0
    blank = False
    for cut in cuts:
        here = bisect_left(kept, cut, begin)
        if here > begin:
            clauses.append((begin, here))
            blanks.append(blank)
            begin, blank = here, False
        else:
            blank = blank or (cut > before and lower[cut - 1] == "\n" and cut > 1 and lower[cut - 2] == "\n")
        before = cut
    if len(kept) == len(lower):
        return Words(lower, starts, ends, clauses, blanks)
    return Words(
        [lower[at] for at in kept], [starts[at] for at in kept], [ends[at] for at in kept], clauses, blanks
    )


def split_phrase(phrase: str) -> tuple[str, ...]:
    """A phrase of a lexicon as words, the way notes are split."""
    return tuple(_normal(word) for word in _WORD.findall(phrase))


def _minuses(text: str) -> list[int]:
    """Offsets of the minus signs of lines such as "-CP -SOB +cough" and "cough +, wheeze -".

    Without a plus in its line a dash may as well begin an item.
    """
    if " -" not in text and " +" not in text:
        return []
    found: list[int] = []
    begin = 0
    for line in text.split("\n"):
        signs = [begin + match.start() for match in _SIGNED.finditer(line)]
        if any(text[offset] == "+" for offset in signs):
            ends = [*signs[1:], begin + len(line)]
            found += [
                offset
                for offset, end in zip(signs, ends, strict=True)
                if text[offset] == "-" and len(text[offset:end].split()) <= _SIGNED_WORDS
            ]
        after = [begin + match.start() for match in _SIGN_AFTER.finditer(line)]
        if any(text[offset] == "+" for offset in after):
            found += [offset for offset in after if text[offset] == "-"]
        begin += len(line) + 1
    return found


_first = itemgetter(0)


def _normal(word: str) -> str:
    word = word.lower().replace("’", "'")
    if "'" in word and word.endswith("'s"):
        return word[:-2]
    return _SPELLINGS.get(word, word)


def _cuts(text: str, lower: list[str], starts: list[int], ends: list[int]) -> list[int]:
    """Where clauses end, as word offsets; line breaks are still words here."""
    cuts: list[int] = []
    begin = 0
    width = -1
    for at, word in enumerate(lower):
        if word == "\n":
            if width < 0:
                width = max(map(len, text.split("\n")))
            cut = _ends_at_break(text, lower, starts, at, begin, width)
        elif word in ".!?":
            cut = _ends_at_stop(text, lower, starts, ends, at, begin)
        else:
            continue
        if cut:
            begin = at + 1
            cuts.append(begin)
    if begin < len(lower):
        cuts.append(len(lower))
    return cuts


def _ends_at_stop(
    text: str, lower: list[str], starts: list[int], ends: list[int], at: int, begin: int
) -> bool:
    """Whether a full stop, `!` or `?` ends its clause."""
    after = ends[at]
    if after < len(text) and not text[after].isspace() and text[after] not in "\"')]}":
        return False
    following = lower[at + 1] if at + 1 < len(lower) else ""
    if lower[at] == "?":  # "? pneumonia" is a query, and "Pneumonia? No" is answered here
        queried = starts[at] == 0 or text[starts[at] - 1].isspace() or text[starts[at] - 1] in "(:/-?"
        return not queried and following not in ("no", "yes", "none")
    if lower[at] != "." or at == begin:
        return True
    before = lower[at - 1]
    if ends[at - 1] != starts[at]:
        return True
    if before.isdecimal() and (at - 1 == begin or text[starts[at - 1] - 1] == "\n"):
        return False  # the number of an item
    if before in _ABBREVIATIONS:
        if before in _WORDY or (len(before) == 1 and at >= 2 and lower[at - 2] != "."):
            return at + 1 < len(lower) and text[starts[at + 1]].isupper()
        dotted = at >= 2 and lower[at - 2] == "."
        return dotted and at + 1 < len(lower) and text[starts[at + 1]].isupper()
    return True


def _ends_at_break(text: str, lower: list[str], starts: list[int], at: int, begin: int, width: int) -> bool:
    """Whether a line break ends its clause, rather than being where a long line was wrapped."""
    here = starts[at]
    if at + 1 >= len(lower) or lower[at + 1] == "\n" or at == begin:
        return True
    if _ITEM.match(text, here + 1):
        return True
    before = lower[at - 1]
    if before == ":":
        return True
    if before in _OPEN_END:
        return False
    line = text.rfind("\n", 0, here) + 1
    next_space = text.find(" ", starts[at + 1])
    next_line = text.find("\n", starts[at + 1])
    stops = [stop for stop in (next_space, next_line) if stop >= 0]
    word = (min(stops) if stops else len(text)) - starts[at + 1]
    if width > _LONGEST_WRAP or width < 40:
        return True
    fits = here - line + 1 + word <= width  # a program wraps where the next word no longer fits
    return fits and not (text[starts[at + 1]].islower() and here - line > 0.7 * width)
