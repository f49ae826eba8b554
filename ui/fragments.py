"""Small pieces of HTML that every page is put together from: tables, figures, notices.

Whatever is not `Markup` is escaped, so text of a note can enter anywhere and stays text.
"""

from collections.abc import Iterable, Sequence

from markupsafe import Markup


def join(parts: Iterable[str]) -> Markup:
    """Puts pieces together, each escaped unless it is markup."""
    return Markup("").join(parts)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    figures: Sequence[int] = (),
    kinds: Sequence[str] = (),
    shown: bool = False,
) -> Markup:
    """A table.

    Args:
        head: of the columns.
        rows: of cells; the first of each is the row's head.
        caption: what the table shows, for screen readers and, if `shown`, for everyone.
        figures: columns that are set flush right.
        kinds: CSS class of each row.
        shown: whether the caption is visible.
    """

    def cells(row: Sequence[str], tag: str, first: str) -> Markup:
        made = []
        for place, cell in enumerate(row):
            name = first if place == 0 else tag
            scope = Markup(' scope="{}"').format("col" if tag == "th" else "row") if name == "th" else ""
            number = Markup(' class="n"') if place in figures else ""
            made.append(Markup("<{0}{1}{2}>{3}</{0}>").format(name, scope, number, cell))
        return join(made)

    body = []
    for place, row in enumerate(rows):
        kind = Markup(' class="{}"').format(kinds[place]) if place < len(kinds) and kinds[place] else ""
        body.append(Markup("<tr{}>{}</tr>").format(kind, cells(row, "td", "th")))
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="t">'
        '<caption class="{hidden}">{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    ).format(label=caption, hidden="" if shown else "unseen", head=cells(head, "th", "th"), body=join(body))


def key_figures(entries: Iterable[tuple[str, str, str]]) -> Markup:
    """A strip of figures.

    Args:
        entries: name, figure, and what it is about.
    """
    made = (
        Markup("<div><dt>{}</dt><dd>{}<small>{}</small></dd></div>").format(name, figure, about)
        for name, figure, about in entries
    )
    return Markup('<dl class="figures">{}</dl>').format(join(made))


def facts(entries: Iterable[tuple[str, str]]) -> Markup:
    """Names and values under each other."""
    made = (Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in entries)
    return Markup('<dl class="facts">{}</dl>').format(join(made))


def notice(text: str, kind: str = "plain") -> Markup:
    """A boxed sentence.

    Args:
        text: to show.
        kind: `plain`, `warn` for what a person must heed, `stop` for what cannot go on.
    """
    role = "alert" if kind == "stop" else "note"
    return Markup('<div class="notice {}" role="{}">{}</div>').format(kind, role, text)


def quiet(text: str) -> Markup:
    """A sentence that explains."""
    return Markup('<p class="quiet">{}</p>').format(text)


def on_paper(name: str, value: str) -> Markup:
    """What was chosen, for a printed page, which shows no choices."""
    return Markup('<p class="on-paper">{}: {}</p>').format(name, value)


def percent(value: float | None, digits: int = 1) -> str:
    """A score in percent, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def size(count: float) -> str:
    """Bytes with a unit."""
    for large, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= large:
            return f"{count / large:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def seconds(value: float) -> str:
    """A stretch of time."""
    if value < 60:
        return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
