"""Who may see which page: the identity provider's claims in, roles and rights out.

Guarantees: a page's content is computed only for a visitor who has one of its roles (`ui.app` asks before it runs a
page). The claims are the provider's, checked by Streamlit's sign-in; a visitor whose token is older than the
configured hours, or names no role, sees nothing but that. Without `[sign_in]` everybody who reaches the app has every
role, so the app then listens to this machine only (`ui.settings.check`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ui.settings import ROLES, Role, SignIn

ROLE_NAMES: dict[Role, str] = {
    "clinician": "clinician",
    "privacy_officer": "privacy officer",
    "operator": "operator",
}


@dataclass(frozen=True)
class Visitor:
    """A person before the screen.

    Args:
        name: to show; empty without sign-in.
        roles: may be empty.
    """

    name: str
    roles: frozenset[Role]


EVERYBODY = Visitor("", frozenset(ROLES))


def visitor_of(claims: Mapping[str, Any], sign_in: SignIn, now: float) -> Visitor | None:
    """Who a person is by the identity provider.

    Args:
        claims: of the identity token, with Streamlit's `is_logged_in`.
        sign_in: the provider, and which of its groups have which role.
        now: seconds since the epoch.

    Returns:
        The visitor; None if the person has to sign in, for the first time or again.
    """
    issued = claims.get("iat")
    if claims.get("is_logged_in") is not True or not isinstance(issued, int | float):
        return None
    if now - issued > sign_in.hours * 3600:
        return None
    said = claims.get(sign_in.claim)
    groups = {said} if isinstance(said, str) else {one for one in said or () if isinstance(one, str)}
    roles = frozenset(role for role, values in sign_in.roles.items() if groups & set(values))
    name = next((claims[key] for key in ("name", "email", "sub") if isinstance(claims.get(key), str)), "")
    return Visitor(name, roles)


def may_see(visitor: Visitor, roles: frozenset[Role]) -> bool:
    """Whether a visitor has one of a page's roles."""
    return bool(visitor.roles & roles)


def role_names(roles: frozenset[Role]) -> str:
    """Roles in words, in their usual order."""
    return ", ".join(ROLE_NAMES[role] for role in ROLES if role in roles)
