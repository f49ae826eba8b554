"""Starts the app: Streamlit's server with our headers, hosts, secrets and options."""

from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from ui import settings as told
from ui.headers import SecurityHeaders, content_policy
from ui.settings import LOOPBACK, Settings, SignIn, check, read_secret
from ui.theme import theme_options

SCRIPT = Path(__file__).with_name("app.py")
_COOKIE_SECRET_LENGTH = 32


def serve(settings: Settings) -> None:
    """Serves the app until it is stopped.

    Raises:
        FixSettings: a setting would open the app to anybody, or a secret is missing.
    """
    check(settings)
    told.use(settings)
    make_app(settings).run(config=options(settings))


def make_app(settings: Settings) -> st.App:
    """The app as ASGI, with everything that stands before Streamlit."""
    hosts = _hosts(settings)
    names = tuple(f"[{host}]" if ":" in host else host for host in hosts)
    return st.App(
        SCRIPT,
        secrets=None if settings.sign_in is None else {"auth": _auth(settings.sign_in)},
        middleware=[
            Middleware(
                SecurityHeaders,
                policy=content_policy(names, settings.port),
                encrypted=settings.certificate is not None,
            ),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False),
        ],
    )


def options(settings: Settings) -> dict[str, Any]:
    """Streamlit's options: nothing is sent home, no error detail is shown, no file is watched."""
    files = {
        "server.sslCertFile": settings.certificate,
        "server.sslKeyFile": settings.certificate_key,
    }
    return (
        theme_options()
        | {name: str(path) for name, path in files.items() if path is not None}
        | {
            "browser.gatherUsageStats": False,
            "client.showErrorDetails": "none",
            "client.showErrorLinks": False,
            "client.toolbarMode": "viewer",
            "global.developmentMode": False,
            "logger.level": "warning",
            "runner.magicEnabled": False,
            "server.address": settings.address,
            "server.allowedHosts": list(_hosts(settings)),
            "server.disconnectedSessionTTL": 30,
            "server.enableCORS": True,
            "server.enableStaticServing": False,
            "server.enableXsrfProtection": True,
            "server.fileWatcherType": "none",
            "server.headless": True,
            "server.maxMessageSize": 32,
            "server.maxUploadSize": 2,
            "server.port": settings.port,
            "server.showEmailPrompt": False,
        }
    )


def _hosts(settings: Settings) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*LOOPBACK, *settings.hosts)))


def _auth(sign_in: SignIn) -> dict[str, Any]:
    """Streamlit's secrets for sign-in."""
    return {
        "redirect_uri": sign_in.redirect,
        "cookie_secret": read_secret(sign_in.cookie_secret_file, _COOKIE_SECRET_LENGTH),
        "client_id": sign_in.client_id,
        "client_secret": read_secret(sign_in.client_secret_file, 1),
        "server_metadata_url": sign_in.discovery,
    }
