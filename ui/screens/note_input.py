"""Where a note comes in: pasted, uploaded or an example. It stays in the visitor's session and nowhere else."""

from collections.abc import Callable

import streamlit as st

from shared.errors import FixNotes
from ui.fragments import quiet
from ui.samples import sample, sample_names

LONGEST = 100_000
"""Characters; about 15,000 words."""
_NOTE = "note"
_WAYS = ("Paste", "Upload", "Example")


def given_note(action: str, beside: Callable[[], object] | None = None) -> str | None:
    """The visitor's note; without one, asks for it.

    Args:
        action: what the page will do with it, for the button.
        beside: draws further choices beside the question.

    Returns:
        The note, the same on every page of the session; None until there is one.

    Raises:
        FixNotes: it is too long, or not text.
    """
    note = st.session_state.get(_NOTE)
    if note is None:
        note = _asked(action, beside)
        if note is None:
            return None
        check_note(note)
        st.session_state[_NOTE] = note
        st.rerun()
    return str(note)


def forget_button() -> None:
    """Offers to forget the note and everything made of it."""
    if st.button("Another note", help="Forgets this note and what was found in it."):
        for key in [key for key in st.session_state if str(key).startswith((_NOTE, "made:"))]:
            del st.session_state[key]
        st.rerun()


def check_note(note: str) -> None:
    """Refuses what is no note.

    Raises:
        FixNotes: it is empty or too long.
    """
    if not note.strip():
        raise FixNotes("the note is empty", where="note", remedy="Paste some text.")
    if len(note) > LONGEST:
        raise FixNotes(
            f"the note has {len(note):,} characters",
            where="note",
            remedy=f"Cut it to {LONGEST:,} characters or fewer.",
        )


def _asked(action: str, beside: Callable[[], object] | None) -> str | None:
    left, right = st.columns([7, 3], gap="large")
    with right:
        if beside is not None:
            beside()
        st.html(
            quiet(
                "The note is read on this server and kept in this session only: in no file, no log, no address. "
                "It is forgotten when you close the page, or ask for another note."
            )
        )
    with left:
        way = st.segmented_control("Where the note comes from", _WAYS, default=_WAYS[0], required=True)
        with st.form("note-form", border=False):
            text: str | None = None
            if way == "Upload":
                file = st.file_uploader("A text file, UTF-8", type=["txt", "text"])
                text = None if file is None else _decoded(file.getvalue())
            elif way == "Example":
                text = sample(st.selectbox("An invented note", sample_names()))
            else:
                text = st.text_area("Note text", height=340, placeholder="Paste a clinical note here.")
            return text if st.form_submit_button(action, type="primary") else None


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FixNotes(
            f"byte {error.start} is not UTF-8", where="uploaded file", remedy="Save it as UTF-8."
        ) from None
