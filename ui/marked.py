"""A note with spans marked in it, as HTML in which the note's own characters can only be text.

Guarantees: every character of the note passes `markupsafe.escape`; whatever markup a note holds is shown, never run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True, slots=True)
class Mark:
    """One span to mark.

    Args:
        start: first character, as an index into the note.
        end: one past the last.
        kind: CSS class that decides the style.
        label: short word shown after the span, so that style is not all that tells; may be empty.
        name: of the mark, for links to it: letters and digits.
        tip: lines to show on hovering, as pairs of a name and a value.
        shown: text to show in place of the span; None for the span itself.
    """

    start: int
    end: int
    kind: str
    label: str = ""
    name: str = ""
    tip: tuple[tuple[str, str], ...] = ()
    shown: str | None = None


def marked(text: str, marks: Iterable[Mark], *, title: str) -> Markup:
    """Draws a note.

    Args:
        text: the note.
        marks: sorted by start; of two that overlap the first is drawn.
        title: what the text is, for screen readers.

    Returns:
        One region with the whole text; its lines break where the note's do.
    """
    parts: list[Markup] = []
    at = 0
    for mark in marks:
        if mark.start < at or mark.end <= mark.start:
            continue
        parts += (escape(text[at : mark.start]), _span(text[mark.start : mark.end], mark))
        at = mark.end
    parts.append(escape(text[at:]))
    return Markup('<div class="note" role="region" aria-label="{}" tabindex="0">{}</div>').format(
        title, Markup("").join(parts)
    )


def _span(own: str, mark: Mark) -> Markup:
    label = Markup("<sup>{}</sup>").format(mark.label) if mark.label else Markup("")
    lines = Markup("").join(
        Markup("<span><b>{}</b> {}</span>").format(name, value) for name, value in mark.tip
    )
    tip = Markup('<span class="tip" role="tooltip">{}</span>').format(lines) if mark.tip else Markup("")
    name = Markup(' id="{}"').format(mark.name) if mark.name else Markup("")
    focus = Markup(' tabindex="0"') if mark.tip else Markup("")
    shown = own if mark.shown is None else mark.shown
    return Markup('<mark class="m {}"{}{}>{}{}{}</mark>').format(mark.kind, name, focus, shown, label, tip)
