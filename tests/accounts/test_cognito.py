"""Tokens as Amazon Cognito makes them; moto stands in for it."""

import time
from dataclasses import dataclass

import boto3
import pytest
import requests

from reprise.accounts.issuer import Issuer, Settings
from reprise.accounts.tokens import verify
from reprise.chat.errors import Unauthorized


@dataclass(frozen=True)
class Pool:
    """A user pool with one user, signed in through one app client."""

    issuer: Issuer
    subject: str
    access_token: str
    id_token: str


def ask(url: str) -> bytes:
    """moto answers what is asked with requests."""
    answer = requests.get(url, timeout=5)
    answer.raise_for_status()
    return answer.content


@pytest.fixture
def pool(aws: None) -> Pool:
    cognito = boto3.client("cognito-idp", "us-east-1")
    pool = cognito.create_user_pool(PoolName="chat")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ada")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="ada", Password="Correct-horse-1", Permanent=True
    )
    signed_in = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": "Correct-horse-1"},
    )["AuthenticationResult"]
    user = cognito.admin_get_user(UserPoolId=pool, Username="ada")
    url = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    return Pool(
        Issuer(Settings(url, frozenset({client})), ask),
        {each["Name"]: each["Value"] for each in user["UserAttributes"]}["sub"],
        signed_in["AccessToken"],
        signed_in["IdToken"],
    )


def test_both_of_its_tokens_are_taken(pool: Pool) -> None:
    for token in (pool.access_token, pool.id_token):
        assert verify(token, pool.issuer, time.time()).subject == pool.subject


def test_those_for_another_client_are_not(pool: Pool) -> None:
    other = Issuer(Settings(pool.issuer.url, frozenset({"other"})), ask)

    for token in (pool.access_token, pool.id_token):
        with pytest.raises(Unauthorized):
            verify(token, other, time.time())


def test_nor_are_those_of_another_pool(pool: Pool) -> None:
    other = Issuer(Settings(f"{pool.issuer.url}x", pool.issuer.audiences), ask)

    with pytest.raises(Unauthorized):
        verify(pool.access_token, other, time.time())


def test_nor_those_that_expired(pool: Pool) -> None:
    with pytest.raises(Unauthorized):
        verify(pool.access_token, pool.issuer, time.time() + 3600 + 60)
