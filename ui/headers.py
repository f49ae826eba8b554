"""Security headers on every answer of the app, and paths that it does not offer.

Guarantees: against a page of another origin, or a note that holds markup: the browser loads scripts from this app
only, connects to this app only, and shows the app in no frame; nothing but static files is kept in its cache; no
address is handed on as a referrer. `style-src` allows inline styles, without which Streamlit draws nothing, so a
note must still be escaped before it is drawn (`ui.marked`).
"""

import base64
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FIXED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    "x-robots-tag": "noindex",
}
_CLOSED = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check", "/component/")
"""Parts of Streamlit that no page of ours needs."""


class SecurityHeaders:
    """ASGI middleware that adds the headers, and answers 404 for what is closed.

    Args:
        app: what answers.
        policy: the content security policy.
        encrypted: whether browsers shall insist on TLS from then on.
    """

    def __init__(self, app: ASGIApp, policy: str, encrypted: bool) -> None:
        self._app = app
        self._headers = _FIXED | {"content-security-policy": policy}
        if encrypted:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if "/static/" not in scope["path"]:
                    headers["cache-control"] = "no-store"
            await send(message)

        closed = scope["path"].startswith(_CLOSED)
        await (PlainTextResponse("Not found", 404) if closed else self._app)(scope, receive, guarded)


def content_policy(hosts: tuple[str, ...], port: int) -> str:
    """The content security policy of the app.

    Args:
        hosts: names the app is called by; older browsers want each websocket address by name, and a policy cannot
            name an IPv6 address.
        port: it listens on.
    """
    sockets = " ".join(
        f"ws://{host}:{port} wss://{host} wss://{host}:{port}" for host in hosts if ":" not in host
    )
    scripts = " ".join(f"'sha256-{digest}'" for digest in _inline_scripts())
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' {sockets}",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'self'",
        ]
    )


def _inline_scripts() -> list[str]:
    """Hashes of the scripts in the installed Streamlit's own page."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in scripts]
