"""Who answers for a model, by configuration."""

from functools import lru_cache

from reprise.llm import settings as configuration
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Provider
from reprise.llm.settings import Settings

# A provider is imported when it is first needed: the demo model must not cost an HTTP client's
# import. It is then kept: the HTTP provider's connections outlive a request.


@lru_cache(maxsize=4)
def _openrouter(settings: Settings) -> Provider:
    from reprise.llm.openai_compatible import OpenAICompatible

    return OpenAICompatible(settings.base_url, settings.key or "")


@lru_cache(maxsize=4)
def _demo(settings: Settings) -> Provider:
    from reprise.llm.demo import Demo

    return Demo(settings.demo_rate)


def provider_for(model: Model, settings: Settings | None = None) -> Provider:
    """The provider that answers for `model`: without a key the demo one, and for `demo` always.

    Raises ValueError for an environment that cannot be meant; see `Settings.read`.
    """
    settings = settings or configuration.current()
    if settings.demo or model.provider == "demo":
        return _demo(settings)
    return _openrouter(settings)
