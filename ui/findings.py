"""What the extract page shows of a note's facts: marks in the text, a table beside it."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from markupsafe import Markup

from shared.facts import Assertion, Code, Fact
from ui.fragments import join
from ui.marked import Mark

ASSERTIONS: dict[Assertion, tuple[str, str, str]] = {
    "present": ("Present", "", "The patient has it"),
    "possible": ("Possible", "?", "Possible"),
    "historical": ("Past", "past", "The patient had it"),
    "hypothetical": ("Hypothetical", "if", "Only if it happens"),
    "negated": ("Negated", "not", "Ruled out or denied"),
    "family": ("Family", "family", "Somebody else has it"),
}
"""Assertion: its name, the word that is set beside a marked span, and the heading of its group."""
NOT_THE_PATIENTS: frozenset[Assertion] = frozenset(("hypothetical", "negated", "family"))
NO_SECTION = "No heading"


def sections_of(facts: Iterable[Fact]) -> list[str]:
    """Sections with a finding, in the order of the text."""
    return list(dict.fromkeys(fact.section or NO_SECTION for fact in facts))


def chosen(
    facts: Iterable[Fact], assertions: Collection[str], sections: Collection[str], least_score: float = 0.0
) -> list[Fact]:
    """Findings that pass every filter; an empty one lets everything pass."""
    return [
        fact
        for fact in facts
        if (not assertions or fact.assertion in assertions)
        and (not sections or (fact.section or NO_SECTION) in sections)
        and round(fact.score, 2) >= least_score  # as it is shown
    ]


def left_out(facts: Sequence[Fact], shown: Sequence[Fact]) -> str:
    """How many findings the filters leave out, so that a page on paper says so, too; empty if none."""
    missing = len(facts) - len(shown)
    return f"Filters leave out {missing} of {len(facts)} findings." if missing else ""


def summary(text: str, facts: Sequence[Fact], seconds: float) -> str:
    """A note in one sentence."""
    counts = Counter(fact.assertion for fact in facts)
    said = ", ".join(f"{counts[kind]} {ASSERTIONS[kind][0].lower()}" for kind in ASSERTIONS if counts[kind])
    found = f"{len(facts)} finding{'' if len(facts) == 1 else 's'}"
    return f"{found} in {len(text.split()):,} words, {1000 * seconds:,.0f} ms{': ' if said else ''}{said}."


def marks(facts: Iterable[Fact]) -> list[Mark]:
    """Findings as marks; `f3` is the third finding of the note, whatever is filtered out."""
    return [
        Mark(
            start=fact.start,
            end=fact.end,
            kind=fact.assertion,
            label=ASSERTIONS[fact.assertion][1],
            name=_name(fact),
            tip=_tip(fact),
        )
        for fact in facts
    ]


def findings_table(facts: Sequence[Fact]) -> Markup:
    """Findings in groups: what is the patient's, then what is not."""
    if not facts:
        return Markup('<p class="quiet">No finding.</p>')
    parts: list[Markup] = []
    for assertion, (_, _, heading) in ASSERTIONS.items():
        group = [fact for fact in facts if fact.assertion == assertion]
        if group:
            parts.append(
                Markup('<tr class="group"><th colspan="4" scope="rowgroup">{} ({})</th></tr>').format(
                    heading, len(group)
                )
            )
            parts += map(_row, group)
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="Findings"><table class="t findings">'
        '<caption class="unseen">Findings</caption><thead><tr><th scope="col">Finding</th>'
        '<th scope="col">ICD-10-CM</th><th scope="col">Why</th><th scope="col" class="n">Score</th></tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(join(parts))


def legend() -> Markup:
    """How each assertion looks."""
    made = (
        Markup('<li><span class="tag {0}">{1}{2}</span></li>').format(
            kind, name, Markup("<sup> {}</sup>").format(word) if word else ""
        )
        for kind, (name, word, _) in ASSERTIONS.items()
    )
    return Markup('<ul class="key" aria-label="How findings are marked">{}</ul>').format(join(made))


def _row(fact: Fact) -> Markup:
    code = best_code(fact.codes)
    shown = Markup("–")
    if code is not None:
        flag = Markup(" <small>suggested</small>") if code.how == "suggested" else ""
        shown = Markup("{}{}<br><small>{}</small>").format(code.code, flag, code.name)
    how = [part for part in (fact.reason.rule if fact.reason.cue else "", fact.section) if part]
    return Markup(
        '<tr><th scope="row"><a href="#{}"><span class="tag {}">{}</span></a></th><td>{}</td>'
        '<td>{}<br><small>{}</small></td><td class="n">{}</td></tr>'
    ).format(
        _name(fact),
        fact.assertion,
        fact.text,
        shown,
        f"“{fact.reason.cue}”" if fact.reason.cue else "–",
        " · ".join(how),
        f"{fact.score:.2f}",
    )


def best_code(codes: Sequence[Code]) -> Code | None:
    """The first candidate; None without one."""
    return codes[0] if codes else None


def _tip(fact: Fact) -> tuple[tuple[str, str], ...]:
    lines = [("assertion", ASSERTIONS[fact.assertion][0].lower())]
    for code in fact.codes[:3]:
        flag = " (suggested)" if code.how == "suggested" else ""
        lines.append(("code", f"{code.code} {code.name}, {code.score:.2f}{flag}"))
    if why := _why(fact):
        lines.append(("because of", why))
    if fact.reason.alias:
        lines.append(("alias", fact.reason.alias))
    if fact.section:
        lines.append(("section", fact.section))
    lines.append(("score", f"{fact.score:.2f}"))
    if fact.reason.model:
        lines.append(("model", f"{fact.reason.model} {fact.reason.version[:12]}".strip()))
    return tuple(lines)


def _why(fact: Fact) -> str:
    """What decided the assertion; empty if nothing but the finding itself did."""
    cue, rule = fact.reason.cue, fact.reason.rule
    if cue:
        return f"“{cue}” ({rule})"
    return rule if rule.startswith("section") else ""


def _name(fact: Fact) -> str:
    return f"f{fact.start}"
