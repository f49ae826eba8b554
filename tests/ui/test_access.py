"""Who may see what: every role against every page, and tokens that are old, odd or empty."""

from pathlib import Path
from typing import Any

import pytest

from ui.access import EVERYBODY, Visitor, may_see, visitor_of
from ui.pages import PAGES
from ui.settings import SignIn

NOW = 1_800_000_000.0
SIGN_IN = SignIn(
    discovery="https://id.example.org/d",
    redirect="https://app.example.org/oauth2callback",
    client_id="clinfed",
    client_secret_file=Path("a"),
    cookie_secret_file=Path("b"),
    hours=8,
    roles={"clinician": ("doctors",), "privacy_officer": ("privacy",), "operator": ("it", "doctors-it")},
)
RIGHTS = {
    "clinician": {"Extract", "Redact", "Compare"},
    "privacy_officer": {"Redact", "Federation", "Privacy"},
    "operator": {"Compare", "Federation", "Privacy", "First run"},
}


def claims(**changed: Any) -> dict[str, Any]:
    return {"is_logged_in": True, "iat": NOW - 60, "name": "Dr. A", "groups": ["doctors"]} | changed


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_sees_its_pages_and_no_other(role: str) -> None:
    visitor = Visitor("x", frozenset([role]))  # type: ignore[list-item]
    assert {page.title for page in PAGES if may_see(visitor, page.roles)} == RIGHTS[role]


def test_without_sign_in_everybody_sees_everything_and_without_a_role_nobody_anything() -> None:
    assert all(may_see(EVERYBODY, page.roles) for page in PAGES)
    assert not any(may_see(Visitor("x", frozenset()), page.roles) for page in PAGES)


@pytest.mark.parametrize(
    ("changed", "roles"),
    [
        ({}, {"clinician"}),
        ({"groups": ["doctors", "it"]}, {"clinician", "operator"}),
        ({"groups": "privacy"}, {"privacy_officer"}),
        ({"groups": ["doctor"]}, set()),  # a part of a name is no name
        ({"groups": [["doctors"], 7, None]}, set()),
        ({"groups": None}, set()),
    ],
)
def test_groups_become_roles(changed: dict[str, Any], roles: set[str]) -> None:
    visitor = visitor_of(claims(**changed), SIGN_IN, NOW)
    assert visitor is not None
    assert visitor.roles == roles


@pytest.mark.parametrize(
    "changed",
    [
        {"is_logged_in": False},
        {"is_logged_in": "yes"},
        {"iat": NOW - 8 * 3600 - 1},
        {"iat": None},
        {"iat": "now"},
    ],
)
def test_who_is_not_signed_in_or_too_long_ago_is_nobody(changed: dict[str, Any]) -> None:
    assert visitor_of(claims(**changed), SIGN_IN, NOW) is None
    assert visitor_of({}, SIGN_IN, NOW) is None


@pytest.mark.parametrize(
    ("changed", "name"),
    [({}, "Dr. A"), ({"name": None, "email": "a@b.org"}, "a@b.org"), ({"name": 1, "sub": "u7"}, "u7")],
)
def test_a_visitor_has_a_name(changed: dict[str, Any], name: str) -> None:
    visitor = visitor_of(claims(**changed), SIGN_IN, NOW)
    assert visitor is not None
    assert visitor.name == name
