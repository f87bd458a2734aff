"""Who answers depends on what is configured, and costs no import that is not needed."""

import sys
from subprocess import run

import pytest

from reprise.llm.bedrock import Bedrock
from reprise.llm.catalogue import find
from reprise.llm.demo import Demo
from reprise.llm.openai_compatible import OpenAICompatible
from reprise.llm.providers import provider_for
from reprise.llm.settings import Settings

REAL = Settings(key="sk-test", base_url="http://127.0.0.1:9/v1")
BEDROCK = Settings(bedrock_region="us-east-1")
NO_KEY = Settings()


def test_with_a_key_the_server_answers() -> None:
    assert isinstance(provider_for(find("gpt-4"), REAL), OpenAICompatible)


def test_without_a_key_the_demo_model_answers_for_every_model() -> None:
    assert isinstance(provider_for(find("gpt-4"), NO_KEY), Demo)


def test_demo_is_always_the_demo_model() -> None:
    assert isinstance(provider_for(find("demo"), REAL), Demo)


def test_a_provider_is_kept_for_the_next_request() -> None:
    assert provider_for(find("gpt-4"), REAL) is provider_for(find("gpt-4o"), REAL)


def test_with_a_region_bedrock_answers() -> None:
    assert isinstance(provider_for(find("bedrock/nova-pro", BEDROCK), BEDROCK), Bedrock)


def test_without_a_region_the_demo_model_answers_for_bedrock() -> None:
    assert isinstance(provider_for(find("bedrock/nova-pro", NO_KEY), NO_KEY), Demo)


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        ("", "gpt-4"),
        ("", "bedrock/nova-pro"),
        ("bedrock_region='us-east-1'", "demo"),
        ("key_secret='reprise'", "demo"),
    ],
)
def test_the_demo_model_needs_no_client(settings: str, model: str) -> None:
    asked = f"provider_for(find({model!r}, settings), settings)"
    assert not imported_by(f"settings = Settings({settings}); {asked}")


def test_asking_who_answers_needs_none_either() -> None:
    assert not imported_by("find('gpt-4')")


def test_a_stored_key_is_not_asked_for_before_a_model_is() -> None:
    settings = "settings = Settings(key_secret='reprise')"
    provider = "provider_for(find('gpt-4', settings), settings)"
    assert imported_by(f"{settings}; {provider}") == {"httpx"}


def test_bedrock_needs_no_http_client_but_its_own() -> None:
    settings = "settings = Settings(bedrock_region='us-east-1')"
    provider = "provider_for(find('bedrock/nova-pro', settings), settings)"
    assert imported_by(f"{settings}; {provider}") == {"botocore.session"}


def imported_by(statements: str) -> set[str]:
    """What of the costly modules these statements import."""
    script = (
        "import sys; from reprise.llm.catalogue import find; "
        "from reprise.llm.providers import provider_for; "
        f"from reprise.llm.settings import Settings; {statements}; "
        "costly = {'httpx', 'boto3', 'botocore.session', "
        "'aws_lambda_powertools.utilities.parameters'}; "
        "print(*costly & sys.modules.keys())"
    )
    done = run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())
