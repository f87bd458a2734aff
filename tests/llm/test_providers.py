"""Who answers depends on the key, and costs no import that is not needed."""

import sys
from subprocess import run

from reprise.llm.catalogue import find
from reprise.llm.demo import Demo
from reprise.llm.openai_compatible import OpenAICompatible
from reprise.llm.providers import provider_for
from reprise.llm.settings import Settings

REAL = Settings(key="sk-test", base_url="http://127.0.0.1:9/v1")
NO_KEY = Settings()


def test_with_a_key_the_server_answers() -> None:
    assert isinstance(provider_for(find("gpt-4"), REAL), OpenAICompatible)


def test_without_a_key_the_demo_model_answers_for_every_model() -> None:
    assert isinstance(provider_for(find("gpt-4"), NO_KEY), Demo)


def test_demo_is_always_the_demo_model() -> None:
    assert isinstance(provider_for(find("demo"), REAL), Demo)


def test_a_provider_is_kept_for_the_next_request() -> None:
    assert provider_for(find("gpt-4"), REAL) is provider_for(find("gpt-4o"), REAL)


def test_the_demo_model_needs_no_http_client() -> None:
    script = (
        "import sys; from reprise.llm.catalogue import find; "
        "from reprise.llm.providers import provider_for; "
        "from reprise.llm.settings import Settings; "
        "provider_for(find('gpt-4'), Settings()); "
        "assert not {'httpx', 'httpcore'} & sys.modules.keys()"
    )
    run([sys.executable, "-c", script], check=True)
