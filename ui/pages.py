"""The pages of the app, in the order of the menu: what each is for, who may see it, and where its layout stands."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from ui.settings import Role, Settings


@dataclass(frozen=True)
class Page:
    """One page.

    Args:
        title: in the menu.
        path: in the address; the same on every visit and without anything of a note.
        what: it is for, in one sentence.
        roles: that may see it.
        module: that lays it out, with a function `page(settings)`.
    """

    title: str
    path: str
    what: str
    roles: frozenset[Role]
    module: str

    def lay_out(self, settings: Settings) -> None:
        """Draws the page."""
        cast(Callable[[Settings], None], import_module(self.module).page)(settings)


def _page(title: str, what: str, *roles: Role) -> Page:
    path = title.lower().replace(" ", "-")
    return Page(title, path, what, frozenset(roles), f"ui.screens.{path.replace('-', '_')}")


PAGES = (
    _page("Extract", "Findings in a note: what the patient has, and what only looks like it.", "clinician"),
    _page(
        "Redact", "A note without its identifiers, for a person to review.", "clinician", "privacy_officer"
    ),
    _page("Compare", "Two models on one note, and where they differ.", "clinician", "operator"),
    _page(
        "Federation", "Rounds of training across hospitals, as they happen.", "privacy_officer", "operator"
    ),
    _page(
        "Privacy",
        "What each hospital has spent of its privacy budget, and what is left.",
        "privacy_officer",
        "operator",
    ),
    _page(
        "First run", "A federation of synthetic hospitals on this machine, to look at everything.", "operator"
    ),
)
