"""The script that Streamlit runs for every visitor and every change: who is there, which pages, the page itself.

It wires and computes nothing. An error of ours is shown with its code and remedy; any other only with its type and
place, since its message may quote a note.
"""

import privacy.logs.first  # noqa: F401 - before anything else, so that nothing is logged unredacted

# isort: split
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from ui.access import EVERYBODY, Visitor, may_see, visitor_of
from ui.pages import PAGES, Page
from ui.settings import Settings, current
from ui.shell import footer, guarded, no_role, refused, sign_in_page, start

STYLE = Path(__file__).with_name("style.css")


def main() -> None:
    """One run of the script."""
    settings = current()
    start(STYLE)
    visitor = _visitor(settings)
    shown = {page: _entry(page, visitor, settings) for page in PAGES}
    if visitor is None:
        home: Callable[[], None] = sign_in_page
    elif not visitor.roles:
        home = partial(no_role, visitor)
    else:
        first = next(page for page in PAGES if may_see(visitor, page.roles))
        home = partial(st.switch_page, shown[first])
    front = st.Page(home, title="clinfed", url_path="home", default=True, visibility="hidden")
    st.navigation([front, *shown.values()], position="top").run()
    footer(settings)


def _visitor(settings: Settings) -> Visitor | None:
    if settings.sign_in is None:
        return EVERYBODY
    return visitor_of(st.user.to_dict(), settings.sign_in, time.time())


def _entry(page: Page, visitor: Visitor | None, settings: Settings) -> st.Page:
    """A page in the menu; one that the visitor may not see is out of the menu, and its address says why."""
    body: Callable[[], None]
    allowed = visitor is not None and may_see(visitor, page.roles)
    if visitor is None:
        body = sign_in_page
    elif not visitor.roles:
        body = partial(no_role, visitor)
    else:
        body = partial(guarded if allowed else refused, page, settings, visitor)
    visibility: Literal["visible", "hidden"] = "visible" if allowed else "hidden"
    return st.Page(body, title=page.title, url_path=page.path, visibility=visibility)


main()
