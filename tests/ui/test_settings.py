"""`ui.toml`: what is read, what is refused, and that the app is never open to strangers by accident."""

from pathlib import Path

import pytest

from shared.errors import FixSettings
from ui.settings import Settings, check, read_secret, read_settings

SIGN_IN = """
[sign_in]
discovery = "https://id.example.org/.well-known/openid-configuration"
redirect = "https://app.example.org/oauth2callback"
client_id = "clinfed"
client_secret_file = "client.secret"
cookie_secret_file = "cookie.secret"
[sign_in.roles]
clinician = ["doctors"]
privacy_officer = ["privacy", "board"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "ui.toml"
    path.write_text(text)
    return path


def test_a_file_fills_every_field_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    text = (
        'address = "10.0.0.5"\nport = 443\nhosts = ["app.example.org"]\nruns = "r"\nmodels = ["m/a"]\n'
        + SIGN_IN
    )
    settings = read_settings(write(tmp_path, text))
    assert settings.runs == tmp_path / "r"
    assert settings.models == (tmp_path / "m" / "a",)
    assert settings.sign_in is not None
    assert settings.sign_in.cookie_secret_file == tmp_path / "cookie.secret"
    assert settings.sign_in.roles["privacy_officer"] == ("privacy", "board")
    check(settings)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("port = 0", "port"),
        ("prot = 1", "prot"),
        ("port = ", "ui.toml"),
        (SIGN_IN.replace("clinician", "doctor"), "sign_in.roles"),
        (SIGN_IN.replace("[sign_in.roles]", "hours = 100\n[sign_in.roles]"), "sign_in.hours"),
    ],
)
def test_a_wrong_file_is_refused_and_the_place_is_named(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(FixSettings, match=place):
        read_settings(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="cannot be read"):
        read_settings(tmp_path / "ui.toml")


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "::"])  # noqa: S104
def test_the_network_is_served_only_with_sign_in_or_on_purpose(tmp_path: Path, address: str) -> None:
    alone = Settings(address=address)
    with pytest.raises(FixSettings, match="without sign-in"):
        check(alone)
    check(alone.model_copy(update={"open": True}))
    check(alone.model_copy(update={"sign_in": read_settings(write(tmp_path, SIGN_IN)).sign_in}))


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_is_served_without_sign_in(address: str) -> None:
    check(Settings(address=address))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="belong together"):
        check(Settings(certificate=tmp_path / "c.pem"))


@pytest.mark.parametrize("content", ["", "short", "a" * 31])
def test_a_secret_must_be_long_enough_and_is_never_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cookie.secret"
    path.write_text(content)
    with pytest.raises(FixSettings) as refused:
        read_secret(path, 32)
    assert not content or content not in str(refused.value)


def test_a_secret_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cookie.secret"
    path.write_text("x" * 32 + "\n")
    assert read_secret(path, 32) == "x" * 32
