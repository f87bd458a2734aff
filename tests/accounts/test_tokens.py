"""Which JWTs are taken, and what they say."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.accounts.issuer import ALGORITHMS, Issuer, Settings
from reprise.accounts.tokens import Identity, looks_like_jwt, verify
from reprise.chat.errors import Unauthorized
from tests.accounts.issuers import AUDIENCE, NOW, FakeIssuer, Key, part, sign

BOTH = frozenset({"read", "write"})


def refused(token: str, issuer: Issuer, now: float = NOW) -> bool:
    try:
        verify(token, issuer, now)
    except Unauthorized:
        return True
    return False


# --- What is taken for one ------------------------------------------------------------------------


def test_a_token_of_an_issuer_looks_like_one(fake: FakeIssuer) -> None:
    assert looks_like_jwt(fake.token())


@pytest.mark.parametrize(
    "text",
    [
        "rp_yDqm7RYq0n0_k-7Gv9mWl0ExcWjq3iT9qI1cKx1oZ2k",
        "a-local-key-of-16-or-more",
        "some.local.key",
        "a.b",
        "..",
        "...",
        "",
        f"{part({'typ': 'JWT'})}.{part({})}.c2ln",
        f"{part({'alg': 256})}.{part({})}.c2ln",
        f"{part(['alg'])}.{part({})}.c2ln",
        f"{part({'alg': 'RS256'})}.{part({})}",
        f"{part({'alg': 'RS256'})}..c2ln",
        f"{part({'alg': 'RS256'})}.{part({})}.c2ln.more",
        f"{part({'alg': 'RS256'})}.{part({})}.c2ln=",
        f"{part({'alg': 'RS256'})}.{part({})}.c2ln\n",
        f"{part(b'[' * 100_000)}.{part({})}.c2ln",
        f"{part(b'9' * 5_000)}.{part({})}.c2ln",
        f"{part(bytes(range(256)))}.{part({})}.c2ln",
        "é.é.é",
    ],
)
def test_other_texts_do_not(text: str) -> None:
    assert not looks_like_jwt(text)


# --- Whom it is about -----------------------------------------------------------------------------


def test_a_good_token_says_whom_it_is_about(fake: FakeIssuer, issuer: Issuer) -> None:
    assert verify(fake.token(sub="ada"), issuer, NOW) == Identity(fake.url, "ada", BOTH)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        (None, BOTH),
        ("", BOTH),
        ("openid email", BOTH),
        ("reprise/read", {"read"}),
        ("openid reprise/write", {"write"}),
        ("read write", BOTH),
        ("read", {"read"}),
        (["read", "email"], {"read"}),
        ("other/read", BOTH),
        (7, BOTH),
    ],
)
def test_it_may_have_scopes_of_ours(
    fake: FakeIssuer, issuer: Issuer, scope: object, scopes: set[str]
) -> None:
    assert verify(fake.token(scope=scope), issuer, NOW).scopes == scopes


@pytest.mark.parametrize("subject", [None, "", "x" * 256, 7, ["ada"], "a\nb", "\ud800", "\0"])
def test_one_about_nobody_is_refused(fake: FakeIssuer, issuer: Issuer, subject: object) -> None:
    assert refused(fake.token(sub=subject), issuer)


def test_a_subject_may_have_255_characters(fake: FakeIssuer, issuer: Issuer) -> None:
    assert verify(fake.token(sub="x" * 255), issuer, NOW).subject == "x" * 255


# --- By whom and for whom -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [None, "", "https://issuer.example.test/pool/", "https://issuer.example.test", ["x"], 7],
)
def test_one_of_another_issuer_is_refused(fake: FakeIssuer, issuer: Issuer, url: object) -> None:
    assert refused(fake.token(iss=url), issuer)
    assert fake.asked == []


@pytest.mark.parametrize("audience", [None, "", "other", ["other"], [], f"{AUDIENCE} x", 7, [7]])
def test_one_for_others_is_refused(fake: FakeIssuer, issuer: Issuer, audience: object) -> None:
    assert refused(fake.token(aud=audience), issuer)
    assert fake.asked == []


def test_one_for_others_too_is_taken(fake: FakeIssuer, issuer: Issuer) -> None:
    assert not refused(fake.token(aud=["other", AUDIENCE]), issuer)


def test_there_may_be_several_audiences(fake: FakeIssuer) -> None:
    issuer = Issuer(Settings(fake.url, frozenset({"web", "mobile"})), fake.fetch)

    assert not refused(fake.token(aud="web"), issuer)
    assert not refused(fake.token(aud="mobile"), issuer)
    assert refused(fake.token(aud=AUDIENCE), issuer)


def test_the_audience_of_cognitos_access_tokens_is_the_client(
    fake: FakeIssuer, issuer: Issuer
) -> None:
    assert not refused(fake.token(aud=None, client_id=AUDIENCE, token_use="access"), issuer)
    assert refused(fake.token(aud=None, client_id="other", token_use="access"), issuer)


def test_of_no_other_tokens(fake: FakeIssuer, issuer: Issuer) -> None:
    assert refused(fake.token(aud=None, client_id=AUDIENCE), issuer)
    assert refused(fake.token(aud=None, client_id=AUDIENCE, token_use="id"), issuer)
    assert refused(fake.token(aud="other", client_id=AUDIENCE, token_use="access"), issuer)


# --- When -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "good"),
    [
        ({"exp": NOW + 1}, True),
        ({"exp": NOW - 59}, True),
        ({"exp": NOW - 60}, False),
        ({"exp": NOW - 3600}, False),
        ({"exp": None}, False),
        ({"exp": "soon"}, False),
        ({"exp": True}, False),
        ({"exp": float("nan")}, False),
        ({"exp": 10**400}, True),
        ({"nbf": NOW - 1}, True),
        ({"nbf": NOW + 60}, True),
        ({"nbf": NOW + 61}, False),
        ({"nbf": "now"}, False),
        ({"nbf": True}, False),
        ({"nbf": None}, True),
        ({"iat": NOW + 60}, True),
        ({"iat": NOW + 61}, False),
        ({"iat": 10**400}, False),
        ({"iat": None}, True),
        ({"iat": float("nan")}, False),
    ],
)
def test_clocks_may_differ_by_a_minute(
    fake: FakeIssuer, issuer: Issuer, claims: dict[str, Any], good: bool
) -> None:
    assert refused(fake.token(**claims), issuer) is not good


# --- How it is signed -----------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_of_the_list_is_taken(fake: FakeIssuer, algorithm: str) -> None:
    fake.keys = [Key("theirs", algorithm)]

    assert not refused(fake.token(), Issuer(fake.settings, fake.fetch))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_one_is_refused(fake: FakeIssuer, issuer: Issuer, algorithm: str) -> None:
    unsigned = f"{part({'alg': algorithm, 'kid': 'first'})}.{part(fake.claims())}."

    assert refused(unsigned, issuer)
    assert refused(unsigned + "c2ln", issuer)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_nobodys_secret(fake: FakeIssuer, issuer: Issuer, algorithm: str) -> None:
    secrets = [fake.keys[0].pem, fake.keys[0].pem.strip(), json.dumps(fake.keys[0].jwk()).encode()]
    for secret in secrets:
        said = f"{part({'alg': algorithm, 'kid': 'first'})}.{part(fake.claims())}"
        code = hmac.new(secret, said.encode(), getattr(hashlib, f"sha{algorithm[2:]}")).digest()

        assert refused(f"{said}.{part(code)}", issuer)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256K", "RSA1_5", "rs256", "RS256 ", "RS1"])
def test_other_algorithms_are_refused(fake: FakeIssuer, issuer: Issuer, algorithm: str) -> None:
    _, claims, signature = fake.token().split(".")

    assert refused(f"{part({'alg': algorithm, 'kid': 'first'})}.{claims}.{signature}", issuer)


def test_a_key_is_used_for_its_own_algorithm_only(fake: FakeIssuer, issuer: Issuer) -> None:
    assert refused(fake.token(Key("first", "RS512")), issuer)
    assert refused(fake.token(Key("first", "PS256")), issuer)


def test_a_key_that_names_no_algorithm_is_used_for_all_of_its_type(fake: FakeIssuer) -> None:
    theirs = Key().jwk()
    del theirs["alg"]
    fake.jwks = {"keys": [theirs]}
    issuer = Issuer(fake.settings, fake.fetch)

    assert not refused(fake.token(Key("first", "RS512")), issuer)
    assert not refused(fake.token(Key("first", "PS256")), issuer)
    assert refused(fake.token(Key("first", "ES256")), issuer)


def test_the_curve_of_a_key_must_be_that_of_the_algorithm(fake: FakeIssuer) -> None:
    fake.keys = [Key("first", "ES384")]
    theirs = fake.keys[0].jwk()
    del theirs["alg"]
    fake.jwks = {"keys": [theirs]}

    assert refused(fake.token(Key("first", "ES256")), Issuer(fake.settings, fake.fetch))


@pytest.mark.parametrize("kid", [None, 7, ["first"], {"kid": "first"}])
def test_a_key_id_is_a_text(fake: FakeIssuer, issuer: Issuer, kid: object) -> None:
    header = {"alg": "RS256", "kid": kid}

    assert refused(sign(fake.keys[0], header, fake.claims()), issuer)
    assert fake.asked == []


def test_a_key_that_is_too_short_is_not_used(fake: FakeIssuer) -> None:
    fake.keys = [Key(bits=1024)]

    assert refused(fake.token(), Issuer(fake.settings, fake.fetch))


def test_somebody_elses_key_of_the_same_name_does_not_sign(
    fake: FakeIssuer, issuer: Issuer
) -> None:
    assert refused(fake.token(Key("first", which="another")), issuer)


def test_a_key_that_the_token_brings_itself_is_not_used(fake: FakeIssuer, issuer: Issuer) -> None:
    own = Key("first", which="another")
    for headers in ({"jwk": own.jwk()}, {"jku": "https://evil.example/keys"}):
        assert refused(fake.token(own, headers=headers), issuer)
    assert fake.asked.count("/keys") == 1


def test_what_was_changed_is_refused(fake: FakeIssuer, issuer: Issuer) -> None:
    header, claims, signature = fake.token().split(".")
    other = part(fake.claims(sub="bob"))
    padded = part({"alg": "RS256", "kid": "first", "x": 1})
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))

    assert not refused(f"{header}.{claims}.{signature}", issuer)
    for tampered in (
        f"{header}.{other}.{signature}",
        f"{padded}.{claims}.{signature}",
        f"{header}.{claims}.{flipped}",
        f"{header}.{claims}.{signature[:-4]}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature}AAAA",
    ):
        assert refused(tampered, issuer)


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_its_type_may_be_that_of_such_tokens(
    fake: FakeIssuer, issuer: Issuer, kind: str | None
) -> None:
    assert not refused(fake.token(headers={"typ": kind}), issuer)


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", 7, []])
def test_tokens_of_other_types_say_other_things(
    fake: FakeIssuer, issuer: Issuer, kind: object
) -> None:
    assert refused(fake.token(headers={"typ": kind}), issuer)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", None, 7])
def test_what_must_be_understood_and_is_not_is_refused(
    fake: FakeIssuer, issuer: Issuer, crit: object
) -> None:
    header = {"alg": "RS256", "kid": "first", "crit": crit}

    assert refused(sign(fake.keys[0], header, fake.claims()), issuer)


# --- Garbage --------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "ES256", "none"]) | st.text(max_size=5)},
    optional={"kid": st.just("first") | ANYTHING, "typ": ANYTHING, "crit": ANYTHING},
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        name: st.just(value) | ANYTHING
        for name, value in FakeIssuer().claims(scope="read", nbf=NOW, token_use="access").items()
    },
)


@given(header=HEADERS, claims=CLAIMS | ANYTHING, signature=st.binary(max_size=300))
def test_whatever_is_in_it_it_is_refused_without_another_error(
    header: dict[str, Any], claims: Any, signature: bytes
) -> None:
    fake = FakeIssuer(keys=[Key(), Key("second", "ES256")])
    token = f"{part(header)}.{part(claims)}.{part(signature)}"

    assert looks_like_jwt(token)
    assert refused(token, Issuer(fake.settings, fake.fetch))


@given(claims=CLAIMS)
def test_whatever_its_issuer_signs_is_taken_or_refused(claims: dict[str, Any]) -> None:
    fake = FakeIssuer()
    issuer = Issuer(fake.settings, fake.fetch)

    refused(sign(fake.keys[0], {"alg": "RS256", "kid": "first"}, claims), issuer)
