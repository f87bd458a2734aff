"""The issuer of JWTs that this deployment trusts, and its public keys.

The operator names it by two variables of the environment: `OIDC_ISSUER`, the URL that its tokens
have as `iss`, letter by letter; and `OIDC_AUDIENCE`, what they must be meant for: one or more
texts with spaces between them, for Cognito the ids of the app clients.
"""

import json
import os
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger

from reprise.chat.errors import RepriseError

KEPT = 3600  # seconds that keys are trusted without asking for them again
PAUSE = 60  # seconds between two requests for them, whatever tokens come
RETRY = 5  # the same, while there are none at all
TIMEOUT = 3  # seconds for each step of a request
MAX_BYTES = 1 << 20  # of an answer

# The type and, of EC, the curve that the key of an algorithm must have. What is not in here is not
# accepted: neither `none`, nor the HS… whose secret would be the public key.
ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}

# In the clear only within this machine.
_ORIGIN = r"(https://(\[[0-9a-fA-F:.]+\]|[\w.-]+)|http://(localhost|127(\.\d{1,3}){3}|\[::1\]))"
_ADDRESS = re.compile(_ORIGIN + r"(:\d{1,5})?(/[!-~]*)?", re.ASCII)

Jwk = Mapping[str, Any]
Fetch = Callable[[str], bytes]

logger = Logger(child=True)


class KeysUnavailable(RepriseError):
    """The issuer's keys cannot be had, so whether a token is good cannot be told."""


@dataclass(frozen=True)
class Settings:
    issuer: str
    audiences: frozenset[str]

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings | None":
        """The settings in `environ`, None without any; what is empty there counts as not set.

        Raises ValueError for what cannot be meant, with a sentence for whoever set it.
        """
        issuer = environ.get("OIDC_ISSUER", "").strip()
        audiences = frozenset(environ.get("OIDC_AUDIENCE", "").split())
        if not issuer and not audiences:
            return None
        if not issuer or not audiences:
            raise ValueError("OIDC_ISSUER and OIDC_AUDIENCE must both be set, or neither")
        if not _may_be_asked(issuer) or "?" in issuer or "#" in issuer:
            raise ValueError("OIDC_ISSUER must be an https URL without query or fragment")
        return cls(issuer, audiences)


class Issuer:
    """An issuer with the keys it had when it was last asked, for all threads of this process."""

    def __init__(self, settings: Settings, fetch: Fetch | None = None) -> None:
        self.url = settings.issuer
        self.audiences = settings.audiences
        self._fetch = fetch or _fetch
        self._asking = threading.Lock()
        self._keys: tuple[Jwk, ...] = ()
        self._stale = 0.0  # from when on the keys are to be renewed
        self._again = 0.0  # before which the issuer is not asked again

    def key(self, kid: str | None, algorithm: str, now: float) -> Jwk | None:
        """The key for tokens of an algorithm that name `kid`, None where there is not exactly one.

        May wait for the issuer: when there are no keys yet, when they are an hour old, and when
        `kid` is not among them, as after a rotation. Old keys stay good while new ones cannot be
        had. Raises KeysUnavailable where there are none.
        """
        found = self._find(kid, algorithm)
        if found is None or now >= self._stale:
            # who has a key need not wait for somebody else's renewal
            self._renew(now, wait=found is None)
            found = self._find(kid, algorithm)
        if not self._keys:
            raise KeysUnavailable
        return found

    def _find(self, kid: str | None, algorithm: str) -> Jwk | None:
        kind, curve = ALGORITHMS[algorithm]
        fitting = [
            key
            for key in self._keys
            if (key["kty"], key.get("crv")) == (kind, curve)
            and key.get("alg", algorithm) == algorithm
            and kid in (None, key.get("kid"))
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _renew(self, now: float, wait: bool) -> None:
        if not self._asking.acquire(blocking=wait):
            return
        try:
            if now >= self._again:
                self._again = now + (PAUSE if self._keys else RETRY)
                self._keys = self._current_keys()
                self._again, self._stale = now + PAUSE, now + KEPT
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            logger.error(
                "the issuer's keys cannot be had",
                issuer=self.url,
                reason=f"{type(error).__name__}: {error}"[:300],
                kept=len(self._keys),
            )
        finally:
            self._asking.release()

    def _current_keys(self) -> tuple[Jwk, ...]:
        """What the issuer's discovery document leads to (OpenID Connect Discovery 1.0 §4)."""
        described = _object(self._fetch(f"{self.url.rstrip('/')}/.well-known/openid-configuration"))
        if described.get("issuer") != self.url:
            raise ValueError(f"it calls itself {described.get('issuer')!r}")
        address = described.get("jwks_uri")
        if not isinstance(address, str) or not _may_be_asked(address):
            raise ValueError(f"its keys lie at {address!r}, which is not an https URL")
        if self.url.startswith("https:") and not address.startswith("https:"):
            raise ValueError("its keys lie on this machine, which it does not")
        listed = _object(self._fetch(address)).get("keys")
        keys = tuple(key for key in listed if _verifies(key)) if isinstance(listed, list) else ()
        if not keys:
            raise ValueError("none of its keys is for verifying")
        return keys


@cache
def trusted() -> Issuer | None:
    """The issuer that the environment of this process names. Raises ValueError like
    `Settings.read`.
    """
    try:
        settings = Settings.read(os.environ)
    except ValueError as error:
        logger.error("JWTs cannot be verified", reason=str(error))
        raise
    return Issuer(settings) if settings else None


def _may_be_asked(url: str) -> bool:
    return bool(_ADDRESS.fullmatch(url))


def _verifies(key: Any) -> bool:
    """Whether a JWK is a public key that signatures may be verified with (RFC 7517 §4)."""
    if not isinstance(key, dict) or "d" in key:
        return False
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("kty") in ("RSA", "EC")
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _fetch(url: str) -> bytes:
    """The body of a 200; redirects are not followed.

    Raises OSError, HTTPException or ValueError for everything else.
    """
    parts = urlsplit(url)
    connection: HTTPConnection
    if parts.scheme == "https":
        connection = HTTPSConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT, context=_tls()
        )
    else:
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    with closing(connection):
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"{url} answers {response.status}")
        body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValueError(f"{url} has more than {MAX_BYTES} bytes")
    return body


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the system's certificates takes longer than the request."""
    return ssl.create_default_context()
