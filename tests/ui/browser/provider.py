"""An identity provider for tests: OpenID Connect with code flow, PKCE and signed tokens, on this machine only.

Its one page lists the people it knows; whoever opens it chooses one. Everything an honest provider checks is
checked: client, secret, redirect, code (once), and the PKCE verifier.
"""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "clinfed-ui", "a client secret of the test provider"


@dataclass
class Provider:
    """The provider.

    Args:
        port: to listen on.
        people: claims by user name.
        redirect: the only address people are sent back to.
    """

    port: int
    people: dict[str, dict[str, Any]]
    redirect: str
    issued: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    age_seconds: int = 0
    """How old the next token is said to be."""

    def __post_init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/choose", self._choose),
            Route("/token", self._token, methods=["POST"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), "127.0.0.1", self.port, log_level="error", ws="none", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    @property
    def issuer(self) -> str:
        """Address of the provider."""
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Listens."""
        self._thread.start()

    def stop(self) -> None:
        """Ends."""
        self._server.should_exit = True
        self._thread.join(timeout=20)

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["openid", "email", "profile"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != self.redirect:
            return self._refuse("client or redirect")
        if asked.get("code_challenge_method") != "S256" or "nonce" not in asked:
            return self._refuse("PKCE or nonce")
        kept = {name: asked[name] for name in ("state", "nonce", "code_challenge")}
        links = (
            f'<p><a href="/choose?{urlencode(kept | {"person": name})}">{name}</a></p>'
            for name in self.people
        )
        return HTMLResponse(f"<h1>Who are you?</h1>{''.join(links)}")

    async def _choose(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(24)
        self.issued[code] = asked
        return RedirectResponse(f"{self.redirect}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        basic = base64.b64encode(f"{CLIENT}:{_quoted(SECRET)}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") not in (f"Basic {basic}", f"Basic {plain}"):
            return self._refuse("client secret")
        asked = self.issued.pop(form.get("code", ""), None)
        if asked is None or form.get("redirect_uri") != self.redirect:
            return self._refuse("code or redirect")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return self._refuse("verifier")
        now = int(time.time()) - self.age_seconds
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": asked["person"],
            "iat": now,
            "exp": now + 86_400,
            "nonce": asked["nonce"],
            **self.people[asked["person"]],
        }
        token = jwt.encode({"alg": "RS256", "kid": "test"}, claims, self.key)
        return JSONResponse(
            {"access_token": "none", "token_type": "Bearer", "expires_in": 3600, "id_token": token}
        )

    def _refuse(self, what: str) -> Response:
        self.refused.append(what)
        return JSONResponse({"error": "invalid_request"}, 400)


def _quoted(secret: str) -> str:
    return urlencode({"": secret})[1:]
