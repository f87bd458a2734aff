"""The engine of this process, put together when it is first asked for."""

from functools import cache

from reprise.engine.engine import Engine
from reprise.llm import catalogue
from reprise.llm.catalogue import Model
from reprise.llm.protocol import Provider


class _Models:
    """The catalogue's models; see `engine.engine.Models`."""

    def find(self, name: str | None) -> Model:
        return catalogue.default() if name is None else catalogue.find(name)

    def provider(self, model: Model) -> Provider:
        from reprise.llm.providers import provider_for

        return provider_for(model)


@cache
def engine() -> Engine:
    return Engine(_Models())
