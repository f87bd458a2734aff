"""An issuer of JWTs for tests: its keys, its tokens, its answers, and a server on loopback.

issuer = FakeIssuer()
trusted = Issuer(issuer.settings, issuer.fetch)     # asked without a network
with serving(issuer):                               # or over HTTP, at `issuer.url`
    token = issuer.token(sub="ada")
"""

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from reprise.accounts.issuer import ALGORITHMS, Settings

NOW = 1_800_000_000.0
AUDIENCE = "reprise-app"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"

_CURVES: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


@cache
def _private(kind: str, curve: str | None, bits: int, which: object) -> Any:
    """Making keys takes long; equal arguments give the same one."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return ec.generate_private_key(_CURVES[str(curve)]())


@dataclass(frozen=True)
class Key:
    """A key pair for one algorithm. Those of equal `which` have the same secret."""

    kid: str | None = "first"
    algorithm: str = "RS256"
    which: object = 1
    bits: int = 2048

    @property
    def private(self) -> Any:
        return _private(*ALGORITHMS[self.algorithm], self.bits, self.which)

    @property
    def pem(self) -> bytes:
        """The public half as it may be found anywhere."""
        form = PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self.private.public_key().public_bytes(Encoding.PEM, form)
        return pem

    def jwk(self) -> dict[str, Any]:
        kind = RSAAlgorithm if self.algorithm[:2] in ("RS", "PS") else ECAlgorithm
        public: dict[str, Any] = kind.to_jwk(self.private.public_key(), as_dict=True)
        named = {"kid": self.kid} if self.kid else {}
        return {"kty": public.pop("kty"), **public, **named, "alg": self.algorithm, "use": "sig"}


def part(value: Any) -> str:
    """A part of a token: bytes, or what becomes JSON."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def sign(key: Key, header: Any, claims: Any) -> str:
    """A token that says just that."""
    said = f"{part(header)}.{part(claims)}"
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    return f"{said}.{part(algorithm.sign(said.encode(), key.private))}"


@dataclass
class FakeIssuer:
    """`asked` are the paths that were asked for; `jwks` what it publishes where that is not simply
    its `keys`, and with which `status`; `described` goes over its discovery document. While it is
    `down` it answers 503.
    """

    url: str = "https://issuer.example.test/pool"
    keys: list[Key] = field(default_factory=lambda: [Key()])
    jwks: Any = None
    status: int = 200
    described: dict[str, Any] = field(default_factory=dict)
    down: bool = False
    slow: float = 0
    asked: list[str] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return Settings(self.url, frozenset({AUDIENCE}))

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Of a good token at NOW; what is changed to None is left out."""
        usual = {
            "iss": self.url,
            "sub": "ada",
            "aud": AUDIENCE,
            "iat": int(NOW),
            "exp": int(NOW) + 300,
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def token(
        self, key: Key | None = None, *, headers: dict[str, Any] | None = None, **changed: Any
    ) -> str:
        """A token signed with its last key or another; headers of None are left out."""
        key = key or self.keys[-1]
        header = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid} | (headers or {})
        header = {name: value for name, value in header.items() if value is not None}
        return sign(key, header, self.claims(**changed))

    def token_now(self, **changed: Any) -> str:
        """One that is good by the real clock."""
        now = int(time.time())
        return self.token(**{"iat": now, "exp": now + 300} | changed)

    def fetch(self, url: str) -> bytes:
        """What it answers. Raises OSError while it is down."""
        assert url.startswith(self.url), f"not at the issuer: {url}"
        status, body = self.answer(url.removeprefix(self.url))
        if status != 200:
            raise ConnectionError(f"{url} answers {status}")
        return body

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        time.sleep(self.slow)
        if self.down:
            return 503, b"down"
        match path:
            case "/.well-known/openid-configuration":
                described = {"issuer": self.url, "jwks_uri": self.url + KEYS} | self.described
                return 200, json.dumps(described).encode()
            case "/keys":
                listed = {"keys": [key.jwk() for key in self.keys]}
                jwks = listed if self.jwks is None else self.jwks
                return self.status, jwks if isinstance(jwks, bytes) else json.dumps(jwks).encode()
        return 404, b"not found"


@contextmanager
def serving(issuer: FakeIssuer) -> Iterator[FakeIssuer]:
    """Answer over HTTP on loopback, where its `url` points to from now on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuer.answer(urlsplit(self.path).path)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked may have given up
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield issuer
        server.shutdown()
        thread.join()
