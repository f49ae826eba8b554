"""Headers and hosts of the real app, asked without a browser; without the layer the attack is open."""

from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ui.headers import content_policy
from ui.serve import options
from ui.settings import Settings


@pytest.fixture(scope="module")
def ask(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., HTTPResponse]:
    app = serve("--runs", str(tmp_path_factory.mktemp("none")))

    def get(path: str, host: str | None = None, method: str = "GET", **headers: str) -> HTTPResponse:
        place = urlsplit(app.address)
        connection = HTTPConnection(place.hostname or "", place.port, timeout=20)
        connection.request(method, path, headers=headers | {"Host": host or place.netloc})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    return get


@pytest.mark.parametrize("path", ["/", "/extract", "/_stcore/health", "/static/css/none.css", "/favicon.png"])
def test_every_answer_carries_the_headers(ask: Callable[..., HTTPResponse], path: str) -> None:
    headers = ask(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "http" not in scripts


def test_nothing_but_static_files_is_kept_by_browsers(ask: Callable[..., HTTPResponse]) -> None:
    assert ask("/").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"])
def test_another_name_for_the_app_is_refused(ask: Callable[..., HTTPResponse], host: str) -> None:
    assert ask("/", host=host).status == 400
    assert ask("/", host="localhost").status == 200


@pytest.mark.parametrize(
    "path", ["/_stcore/agent/interact", "/_stcore/agent/openapi.json", "/_stcore/metrics"]
)
def test_what_no_page_needs_is_closed(ask: Callable[..., HTTPResponse], path: str) -> None:
    assert ask(path).status == 404
    assert ask(path, method="POST").status == 404


def test_an_upload_without_the_token_is_refused(ask: Callable[..., HTTPResponse]) -> None:
    assert ask("/_stcore/upload_file/session/file", method="PUT").status in (400, 403)


def test_an_ipv6_name_is_left_out_of_the_policy() -> None:
    policy = content_policy(("app.example.org", "[::1]"), 8501)
    assert "wss://app.example.org " in policy
    assert "::1" not in policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("browser.gatherUsageStats", False),
        ("client.showErrorDetails", "none"),
        ("client.toolbarMode", "viewer"),
        ("server.enableXsrfProtection", True),
        ("server.enableStaticServing", False),
        ("server.fileWatcherType", "none"),
        ("server.address", "127.0.0.1"),
    ],
)
def test_streamlit_is_told(name: str, value: object) -> None:
    assert options(Settings())[name] == value


def test_hosts_are_told_to_the_sockets_too() -> None:
    told = options(Settings(hosts=("app.example.org",)))["server.allowedHosts"]
    assert set(told) == {"127.0.0.1", "localhost", "::1", "app.example.org"}


def test_no_page_keeps_a_note_in_streamlits_cache() -> None:
    """`cache_data` keeps arguments' results for everybody; only figures of ledgers may be there."""
    root = Path(__file__).resolve().parents[2] / "ui"
    users = {path.name for path in root.rglob("*.py") if "cache_data" in path.read_text("utf-8")}
    assert users == {"privacy.py"}
