"""Sign-in against a real identity provider on this machine: who gets in, and to what."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.browser.provider import CLIENT, SECRET, Provider

PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {"name": "Dr. Ada Example", "email": "ada@hospital.example", "groups": ["doctors"]},
    "piet": {"name": "Piet Privacy", "groups": ["privacy"]},
    "otto": {"name": "Otto Operator", "groups": ["it", "doctors"]},
    "nora": {"name": "Nora Nobody", "groups": ["kitchen"]},
}


@pytest.fixture(scope="module")
def site(
    serve: Callable[..., Any],
    runs: Path,
    free_port: Callable[[], int],
    browser: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Any, Any]]:
    """The provider, and the app that trusts it."""
    port, own = free_port(), free_port()
    provider = Provider(port, PEOPLE, f"http://localhost:{own}/oauth2callback")
    provider.start()
    folder = tmp_path_factory.mktemp("site")
    (folder / "client.secret").write_text(SECRET + "\n")
    (folder / "cookie.secret").write_text("0123456789abcdef" * 4)
    (folder / "ui.toml").write_text(
        f'''runs = "{runs}"
[sign_in]
discovery = "{provider.issuer}/.well-known/openid-configuration"
redirect = "{provider.redirect}"
client_id = "{CLIENT}"
client_secret_file = "client.secret"
cookie_secret_file = "cookie.secret"
hours = 8
[sign_in.roles]
clinician = ["doctors"]
privacy_officer = ["privacy"]
operator = ["it"]
'''
    )
    app = serve("--config", str(folder / "ui.toml"), port=own)
    app.address = f"http://localhost:{own}"  # cookies belong to the name in `redirect`
    yield provider, app
    provider.stop()


def sign_in(one: Any, person: str) -> None:
    one.open()
    one.page.get_by_role("button", name="Sign in").click()
    one.page.get_by_text("Who are you?").wait_for()
    one.page.get_by_role("link", name=person).click()
    one.page.locator("[data-testid=stApp] h1").wait_for()
    one.settle()


def menu(one: Any) -> list[str]:
    return [link.inner_text() for link in one.page.locator("[data-testid=stTopNavLink]").all()]


@pytest.mark.parametrize("path", ["/", "/extract", "/federation", "/privacy", "/first-run"])
def test_a_stranger_sees_nothing_but_the_way_in(
    site: tuple[Any, Any], person: Callable[..., Any], path: str
) -> None:
    stranger = person(site[1].address)
    stranger.open(path)
    stranger.page.get_by_role("button", name="Sign in").wait_for()
    assert not menu(stranger)
    assert "harbour" not in stranger.page.content()
    assert stranger.page.get_by_label("Note text").count() == 0
    stranger.page.get_by_role("button", name="Sign in").click()  # no dialog stands before it
    stranger.page.get_by_text("Who are you?").wait_for()


@pytest.mark.parametrize(
    ("who", "pages"),
    [
        ("ada", ["Extract", "Redact", "Compare"]),
        ("piet", ["Redact", "Federation", "Privacy"]),
        ("otto", ["Extract", "Redact", "Compare", "Federation", "Privacy", "First run"]),
    ],
)
def test_a_person_sees_the_pages_of_her_roles(
    site: tuple[Any, Any], person: Callable[..., Any], who: str, pages: list[str]
) -> None:
    one = person(site[1].address)
    sign_in(one, who)
    assert menu(one) == pages
    assert PEOPLE[who]["name"] in one.text()
    assert not site[0].refused


def test_a_page_of_another_role_is_refused_by_name_and_shows_nothing(
    site: tuple[Any, Any], person: Callable[..., Any]
) -> None:
    doctor = person(site[1].address)
    sign_in(doctor, "ada")
    for path in ("/federation", "/privacy", "/first-run"):
        doctor.open(path)
        assert "This page is for" in doctor.text()
        assert "You are signed in as: clinician" in doctor.text()
        assert "harbour" not in doctor.page.content()
    doctor.open("/extract")
    doctor.page.get_by_label("Note text").wait_for()


def test_a_person_without_a_role_gets_nowhere(site: tuple[Any, Any], person: Callable[..., Any]) -> None:
    nobody = person(site[1].address)
    sign_in(nobody, "nora")
    assert "has no role" in nobody.text()
    assert not menu(nobody)
    nobody.open("/extract")
    assert nobody.page.get_by_label("Note text").count() == 0


def test_signing_out_ends_it(site: tuple[Any, Any], person: Callable[..., Any]) -> None:
    doctor = person(site[1].address)
    sign_in(doctor, "ada")
    doctor.paste("Admitted with asthma today.")
    doctor.page.get_by_role("button", name="Dr. Ada Example").click()
    doctor.page.get_by_role("button", name="Sign out").click()
    doctor.page.get_by_role("button", name="Sign in").wait_for()
    doctor.open("/extract")
    assert "asthma" not in doctor.page.content()
    doctor.page.get_by_role("button", name="Sign in").wait_for()


def test_a_token_older_than_the_hours_is_no_token(site: tuple[Any, Any], person: Callable[..., Any]) -> None:
    provider, app = site
    provider.age_seconds = 8 * 3600 + 60
    late = person(app.address)
    sign_in(late, "ada")
    provider.age_seconds = 0
    late.page.get_by_role("button", name="Sign in").wait_for()
    assert not menu(late)


def test_a_forged_cookie_is_no_sign_in(site: tuple[Any, Any], person: Callable[..., Any]) -> None:
    doctor, forger = person(site[1].address), person(site[1].address)
    sign_in(doctor, "ada")
    cookies = doctor.page.context.cookies()
    (own,) = [one for one in cookies if one["name"].endswith("streamlit_user")]
    assert own["httpOnly"]
    assert own["sameSite"] == "Lax"
    forger.page.context.add_cookies([own | {"value": own["value"][:-4] + "AAAA"}])
    forger.open("/extract")
    forger.page.get_by_role("button", name="Sign in").wait_for()
    thief = person(site[1].address)
    thief.page.context.add_cookies([own])  # the twin: the true cookie does sign in
    thief.open("/extract")
    thief.page.get_by_label("Note text").wait_for()
