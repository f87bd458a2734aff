"""Who answers for a model, by configuration."""

from functools import lru_cache

from reprise.llm import settings as configuration
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Provider
from reprise.llm.settings import Settings

# A provider is imported when it is first needed: the demo model must not cost an HTTP client's
# import. It is then kept: connections outlive a request.


@lru_cache(maxsize=4)
def _openrouter(settings: Settings) -> Provider:
    from reprise.llm.openai_compatible import OpenAICompatible
    from reprise.llm.secrets import GivenKey, Key, StoredKey

    key: Key = GivenKey(settings.key or "")
    if settings.key_parameter:
        key = StoredKey("ssm", settings.key_parameter)
    elif settings.key_secret:
        key = StoredKey("secretsmanager", settings.key_secret)
    return OpenAICompatible(settings.base_url, key)


@lru_cache(maxsize=4)
def _bedrock(settings: Settings) -> Provider:
    from reprise.llm.bedrock import Bedrock

    return Bedrock(settings.bedrock_region or "")


@lru_cache(maxsize=4)
def _demo(settings: Settings) -> Provider:
    from reprise.llm.demo import Demo

    return Demo(settings.demo_rate)


_PROVIDERS = {"openrouter": _openrouter, "bedrock": _bedrock, "demo": _demo}


def provider_for(model: Model, settings: Settings | None = None) -> Provider:
    """The provider that answers for `model`: its own, or the demo one where that cannot be asked.

    Raises ValueError for an environment that cannot be meant; see `Settings.read`.
    """
    settings = settings or configuration.current()
    if not settings.reaches(model.provider):
        return _demo(settings)
    return _PROVIDERS[model.provider](settings)
