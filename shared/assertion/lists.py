"""Lists of findings in a clause: where one ends that a cue speaks about, and whether words are the rest of one.

A note marks or leaves unmarked any item of a list, so these look at words and not at findings alone.
"""

from collections.abc import Sequence

from shared.assertion.words import word_set

PART_ENDS = word_set(". , ; ) ] ! ?")
LINKS = word_set(", / & and or nor vs versus + as well the a an any no other either both of")
_OR = word_set("or nor vs versus and/or")
_NP_ENDS = word_set(
    """, ( with without in on for status from during after since who that which given by at when while
    causing requiring"""
)
_QUANTITIES = word_set(  # after "and" or a comma, unless an "or" ends the list: something is there after all
    """a an only some mild moderate severe marked slight minimal trace mildly moderately markedly slightly elevated
    increased decreased reduced multiple several occasional scattered stable diffuse prominent small large tiny
    his her their"""
)
_ITEM_VERBS = word_set(
    """is are was were be been has have had do does did with which who that but then for show shows showed reveal
    reveals revealed demonstrates demonstrated reports reported presents presented if because on in by"""
)
_ITEM_LENGTH = 3
_LONGEST = 40


def list_end(words: Sequence[str], start: int, end: int) -> int:
    """Where "no rub, elevated pressure" or "no fever and only a slight cough" turns to what is there.

    Args:
        words: of the note, in small letters.
        start: first word after a negation.
        end: one past the last word it could reach.

    Returns:
        One past the last word it does reach.
    """
    if _QUANTITIES.isdisjoint(words[start:end]):
        return end
    last, before_or = end, False
    for at in range(end - 2, start, -1):
        word, following = words[at], words[at + 1]
        if word in _OR:
            before_or = True
        elif word in (";", "."):
            before_or = False
        elif word in (",", "and") and following in _QUANTITIES and not before_or:
            last = at if word == "," or words[at - 1] != "," else last
    return last


def phrase_end(words: Sequence[str], at: int, end: int, findings: Sequence[tuple[int, int]]) -> int:
    """Finds the end of a noun phrase, or of the list joined by "or" that it begins.

    Args:
        words: of the note, in small letters.
        at: first word of the phrase.
        end: one past the last word it could have.
        findings: word offsets of the findings of the clause, in order.

    Returns:
        One past the last word of it.
    """
    held = {word for first, last in findings for word in range(first, last)}
    while at < end and (at in held or words[at] not in _NP_ENDS):
        at += 1
    if at < end and words[at] == ",":
        chain, previous = at, at
        for first, last in findings:
            if first <= at:
                continue
            link = words[previous:first]
            if len(link) > 4 or not set(link) <= LINKS:
                break
            previous = last
            if not _OR.isdisjoint(link):
                chain = last
        return chain
    return at


def is_rest_of_list(gap: Sequence[str]) -> bool:
    """Says whether between a finding and a cue stands the rest of the finding's list ("[rubs], gallops:").

    Args:
        gap: the words between them, in small letters.

    Returns:
        Whether it is one, of short items and closed by a conjunction or a colon.
    """
    if not 2 <= len(gap) <= _LONGEST or gap[0] not in (",", "/", "and", "or", "nor", "&"):
        return False
    items: list[int] = [0]
    links: list[str] = []
    for word in gap[:-1] if gap[-1] in ":-–—(" else gap:
        if word in LINKS:
            links += [word]
            if items[-1]:
                items.append(0)
        elif word in PART_ENDS or word in _ITEM_VERBS:
            return False
        else:
            items[-1] += 1
    if items[-1] == 0 or max(items) > _ITEM_LENGTH:
        return False
    closed = gap[-1] in ":-–—(" or not {"/", "and", "&"}.isdisjoint(links) or not _OR.isdisjoint(links)
    return closed and tuple(gap[:2]) != (",", "and")  # ", and" begins a clause
