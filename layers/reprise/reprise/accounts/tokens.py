"""JWTs as bearer tokens: signed by the issuer that the operator trusts, and meant for us.

Both of OpenID Connect's kinds are taken: ID tokens, and access tokens that are JWTs (RFC 9068, and
Cognito's, which have a `client_id` in place of an audience).
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from reprise.accounts import accounts
from reprise.accounts.callers import SCOPES, Caller
from reprise.accounts.issuer import ALGORITHMS, Issuer, Jwk
from reprise.chat.errors import Unauthorized
from reprise.chat.ids import Mint

LEEWAY = 60  # seconds that the issuer's clock may differ from ours
MAX_SUBJECT = 255  # characters (OpenID Connect Core 1.0 §2)
SCOPE_PREFIX = "reprise/"  # before a scope's name where the issuer wants one, as Cognito does
TYPES = (None, "jwt", "at+jwt")  # other kinds of JWT say other things (RFC 8725 §3.11)

_JWT = re.compile(r"([\w-]+)\.([\w-]+)\.[\w-]*", re.ASCII)

logger = Logger(child=True)


@dataclass(frozen=True)
class Identity:
    """Whom a token is about: `subject` in the words of the issuer."""

    issuer: str
    subject: str
    scopes: frozenset[str]


def looks_like_jwt(text: str) -> bool:
    """Whether a bearer token is to be taken for a JWT. Keys that are made here have no dots."""
    return bool(_JWT.fullmatch(text)) and isinstance(_part(text, 0).get("alg"), str)


def authenticate(token: str, issuer: Issuer, now: float) -> Caller:
    """The caller whom a token is about, in one read; one who was never seen before gets an account.

    Raises Unauthorized, and KeysUnavailable where the token cannot be judged.
    """
    identity = verify(token, issuer, now)
    subject = accounts.of_subject(Mint(), identity.issuer, identity.subject)
    return Caller(subject.account_id, subject.owner, subject.plan, identity.scopes)


def verify(token: str, issuer: Issuer, now: float) -> Identity:
    """Whom a token that looks like a JWT is about. `now` is in seconds since the Unix epoch.

    May wait for the issuer (see `Issuer.key`). Raises Unauthorized, and KeysUnavailable.
    """
    header, claims = _part(token, 0), _part(token, 1)
    # The signature last: what would be refused anyway costs neither a request nor the library.
    problem = _problem_of_header(header) or _problem_of_claims(claims, issuer, now)
    if problem is None:
        key = issuer.key(header.get("kid"), header["alg"], now)
        if key is None:
            problem = "the issuer has no such key"
        elif not _signed(token, key, header["alg"]):
            problem = "not signed with the issuer's key"
    if problem:
        logger.info("JWT refused", reason=problem)
        raise Unauthorized
    return Identity(issuer.url, claims["sub"], _scopes(claims))


def _problem_of_header(header: dict[str, Any]) -> str | None:
    if header.get("alg") not in ALGORITHMS:
        return "algorithm not accepted"
    if not isinstance(header.get("kid", ""), str):
        return "no text for a key id"
    kind = header.get("typ")
    if isinstance(kind, str):
        kind = kind.lower().removeprefix("application/")
    return None if kind in TYPES else "JWT of another type"


def _problem_of_claims(claims: dict[str, Any], issuer: Issuer, now: float) -> str | None:
    subject = claims.get("sub")
    if claims.get("iss") != issuer.url:
        return "another issuer"
    if issuer.audiences.isdisjoint(_audiences(claims)):
        return "meant for others"
    if not _is_number(claims.get("exp")) or not now - LEEWAY < claims["exp"]:
        return "expired"
    for name in ("nbf", "iat"):
        begins = claims.get(name, now)
        if not _is_number(begins) or not begins <= now + LEEWAY:
            return "not valid yet"
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        return "no subject"
    return None if subject.isprintable() else "no subject"


def _audiences(claims: dict[str, Any]) -> list[str]:
    given = claims.get("aud")
    if given is None and claims.get("token_use") == "access":
        given = claims.get("client_id")  # Cognito's access tokens have this instead
    return _texts(given)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Ours among the token's scopes; all, where the issuer has not made them its business."""
    words = " ".join(_texts(claims.get("scope"))).split()
    ours = {word.removeprefix(SCOPE_PREFIX) for word in words} & set(SCOPES)
    return frozenset(ours or SCOPES)


def _signed(token: str, key: Jwk, algorithm: str) -> bool:
    import jwt  # with its cryptography: only for who brings a JWT

    try:
        jwt.PyJWS().decode(
            token,
            jwt.PyJWK(dict(key), algorithm),
            [algorithm],
            {"verify_signature": True, "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError:
        return False
    return True


def _part(token: str, number: int) -> dict[str, Any]:
    """The JSON object in one of a token's parts; an empty one where there is none."""
    text = token.split(".")[number]
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    """One text or several, as some claims may be."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
