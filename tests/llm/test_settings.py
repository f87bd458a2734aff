"""The environment is read into settings, and what cannot be meant is said in a sentence."""

import pytest

from reprise.llm.settings import OPENROUTER, Settings


def test_an_empty_environment_means_demo_mode() -> None:
    settings = Settings.read({"OPENROUTER_API_KEY": "", "OPENROUTER_BASE_URL": ""})
    assert settings == Settings(key=None, base_url=OPENROUTER)
    assert settings.demo
    assert settings.reaches("demo")


def test_a_key_means_the_real_thing() -> None:
    settings = Settings.read(
        {"OPENROUTER_API_KEY": "sk-1\n", "OPENROUTER_BASE_URL": "http://localhost:4000/v1/"}
    )
    assert settings == Settings(key="sk-1", base_url="http://localhost:4000/v1")
    assert not settings.demo


def test_the_key_is_in_no_repr() -> None:
    assert "sk-1" not in repr(Settings(key="sk-1"))


@pytest.mark.parametrize("key", ["sk 1", "sk-é", "sk\x001"])
def test_a_key_that_no_header_carries_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ValueError, match="OPENROUTER_API_KEY") as refused:
        Settings.read({"OPENROUTER_API_KEY": key})
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("OPENROUTER_API_KEY_PARAMETER", Settings(key_parameter="/reprise/key")),
        ("OPENROUTER_API_KEY_SECRET", Settings(key_secret="/reprise/key")),
    ],
)
def test_a_key_may_be_stored_elsewhere(variable: str, settings: Settings) -> None:
    assert Settings.read({variable: "/reprise/key"}) == settings
    assert settings.reaches("openrouter")
    assert not settings.reaches("bedrock")
    assert not settings.demo


def test_a_key_comes_from_one_place() -> None:
    with pytest.raises(ValueError, match="only one of") as refused:
        Settings.read({"OPENROUTER_API_KEY": "sk-1", "OPENROUTER_API_KEY_SECRET": "reprise"})
    assert "sk-1" not in str(refused.value)


def test_a_region_means_bedrock() -> None:
    settings = Settings.read({"BEDROCK_REGION": "us-gov-west-1"})
    assert settings == Settings(bedrock_region="us-gov-west-1")
    assert settings.reaches("bedrock")
    assert not settings.reaches("openrouter")
    assert not settings.demo


@pytest.mark.parametrize("region", ["1", "US", "https://bedrock.example", "us-east"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match="BEDROCK_REGION"):
        Settings.read({"BEDROCK_REGION": region})


@pytest.mark.parametrize(
    "url", ["openrouter.ai", "ftp://x", "http://", "http://u:p@x", "http://x/?q", "http://x:port"]
)
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="OPENROUTER_BASE_URL"):
        Settings.read({"OPENROUTER_BASE_URL": url})


@pytest.mark.parametrize("url", ["http://[::1]:8000/v1", "https://my_proxy", "http://a.b:1/c/d"])
def test_a_base_url_may_be_any_server(url: str) -> None:
    assert Settings.read({"OPENROUTER_BASE_URL": url}).base_url == url


@pytest.mark.parametrize(("text", "rate"), [("0", 0), ("12.5", 12.5), (" 1e3 ", 1000)])
def test_the_demo_speed_is_a_number_of_tokens_per_second(text: str, rate: float) -> None:
    assert Settings.read({"REPRISE_DEMO_TOKENS_PER_SECOND": text}).demo_rate == rate


@pytest.mark.parametrize("text", ["fast", "-1", "nan", "inf", "1,5"])
def test_a_demo_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number of tokens per second"):
        Settings.read({"REPRISE_DEMO_TOKENS_PER_SECOND": text})
