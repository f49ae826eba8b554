"""What stands around every page: style, title, errors, sign-in, refusal, and who is signed in."""

import logging
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import streamlit as st
from markupsafe import Markup

from shared.errors import ClinfedError
from ui.access import Visitor, role_names
from ui.fragments import notice, quiet
from ui.pages import Page
from ui.settings import LOOPBACK, Settings

Given = ParamSpec("Given")

_log = logging.getLogger(__name__)

_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 118 28" width="118" height="28">'
    '<g fill="none" stroke="#2b8a9c" stroke-width="2.2"><circle cx="14" cy="14" r="10.5"/>'
    '<circle cx="14" cy="8.2" r="2.4" fill="#2b8a9c"/><circle cx="8.9" cy="17" r="2.4" fill="#2b8a9c"/>'
    '<circle cx="19.1" cy="17" r="2.4" fill="#2b8a9c"/></g>'
    '<text x="33" y="20" font-family="Georgia, serif" font-size="19" font-weight="600" fill="#2b8a9c">clinfed</text>'
    "</svg>"
)


def start(style: Path) -> None:
    """Begins every page alike."""
    st.set_page_config(
        page_title="clinfed",
        layout="wide",
        menu_items={"Get help": None, "Report a bug": None, "About": None},
    )
    st.html(style)
    st.logo(_LOGO, size="medium")


def guarded(page: Page, settings: Settings, visitor: Visitor) -> None:
    """Draws a page; what goes wrong is said without a word of a note."""
    _head(page.title, page.what, visitor)
    careful(page.lay_out)(settings)


def careful(body: Callable[Given, None]) -> Callable[Given, None]:
    """Shows errors of a part of a page in its place; a part that runs again by itself needs this of its own."""

    @wraps(body)
    def run(*given: Given.args, **named: Given.kwargs) -> None:
        try:
            body(*given, **named)
        except ClinfedError as error:
            st.html(problem(error))
        except Exception as error:
            _log.error("a page failed", exc_info=error)  # the log layer leaves type and places of it
            st.html(defect(error))

    return run


def problem(error: ClinfedError) -> Markup:
    """An error of ours: code, place, what is wrong and what to do."""
    where = Markup("<code>{}</code>: ").format(error.where) if error.where else Markup("")
    return notice(
        Markup("<strong>{}</strong> {}{}. {}").format(error.code, where, error.what, error.remedy), "stop"
    )


def defect(error: Exception) -> Markup:
    """A defect of clinfed: its type and place; the message is withheld because it may quote a note."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return notice(
        Markup(
            "<strong>defect</strong> {} at <code>{}:{}</code>. The message is withheld because it may quote a note. "
            "Please report type and place."
        ).format(type(error).__name__, Path(frame.filename).name, frame.lineno),
        "stop",
    )


def refused(page: Page, _: Settings, visitor: Visitor) -> None:
    """Says that a page is for others."""
    _head(page.title, page.what, visitor)
    wanted, own = role_names(page.roles), role_names(visitor.roles)
    st.html(notice(f"This page is for: {wanted}. You are signed in as: {own}.", "stop"))


def no_role(visitor: Visitor) -> None:
    """Says that a person is signed in and has no role."""
    _head("No access", "You are signed in, and your account has no role in this app.", visitor)
    st.html(notice("Ask whoever runs this app to add one of your groups to [sign_in.roles].", "stop"))


def sign_in_page() -> None:
    """Asks to sign in."""
    st.title("clinfed")
    st.html(quiet("Clinical extraction, redaction and federated training at this hospital."))
    if st.button("Sign in with your hospital account", type="primary"):
        st.login()


def footer(settings: Settings) -> None:
    """What holds for every page."""
    alone = settings.sign_in is None and settings.address in LOOPBACK
    access = " Without sign-in, the app answers to this machine only." if alone else ""
    st.html(
        Markup(
            '<footer class="foot">Research software, not a medical device: check every finding against the '
            "note. A note is kept in this session only, and forgotten with it.{}</footer>"
        ).format(access)
    )


def _head(title: str, what: str, visitor: Visitor) -> None:
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    with left:
        st.title(title, anchor=False)
        st.html(quiet(what))
    if visitor.name:
        with right.popover(visitor.name, width="stretch"):
            st.html(quiet(f"Signed in as {role_names(visitor.roles) or 'nobody in particular'}."))
            if st.button("Sign out", width="stretch"):
                st.logout()
