"""The redact page: a note before and after, with every identifier that was found."""

import secrets

import streamlit as st

from ui import redaction
from ui.fragments import notice, quiet
from ui.marked import marked
from ui.redaction import LEAST_KEY_BYTES, MODES, Mode, Replaced
from ui.screens.note_input import forget_button, given_note
from ui.settings import Settings, read_secret


def page(settings: Settings) -> None:
    """Lays the page out."""
    note = given_note("Redact")
    if note is None:
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    with left:
        mode = st.radio("What stands in place of an identifier", list(MODES), format_func=MODES.__getitem__)
    with right:
        forget_button()
    st.html(
        notice(
            "A person must read the result before it leaves the hospital. The detector finds most identifiers and "
            "not all: rare names, nicknames, and what only a neighbour would recognise can remain.",
            "warn",
        )
    )
    replaced = _replaced(note, mode, settings)
    st.html(quiet(redaction.summary(replaced)))
    first, second = st.columns(2, gap="large")
    with first:
        st.subheader("Before", anchor=False)
        st.html(marked(note, redaction.before(note, replaced), title="Note with identifiers marked"))
    with second:
        st.subheader("After", anchor=False)
        st.html(marked(note, redaction.after(note, replaced), title="Note without identifiers"))
        with st.expander("Copy the redacted text"):
            st.code(redaction.redacted(note, replaced), language=None, wrap_lines=True, height=260)
    st.header("Every identifier", anchor=False)
    st.html(redaction.span_table(note, replaced))
    if mode != "mask" and settings.redaction_key_file is None:
        st.html(
            quiet("The key of these values was drawn for this session: another session gives other values.")
        )


def _replaced(note: str, mode: Mode, settings: Settings) -> list[Replaced]:
    """What was found, kept for the session as long as note and mode stay the same."""
    kept = st.session_state.get("made:redaction")
    if kept is not None and kept[0] == (note, mode):
        return list(kept[1])
    with st.spinner("Looking for identifiers"):
        replaced = redaction.redact(note, mode, _key(settings))
    st.session_state["made:redaction"] = (note, mode), replaced
    return replaced


def _key(settings: Settings) -> bytes:
    if settings.redaction_key_file is not None:
        return read_secret(settings.redaction_key_file, LEAST_KEY_BYTES).encode()
    return bytes(st.session_state.setdefault("redaction-key", secrets.token_bytes(32)))
