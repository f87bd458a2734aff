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


_given: list[Engine] = []


@cache
def _own() -> Engine:
    return Engine(_Models())


def engine() -> Engine:
    return _given[-1] if _given else _own()


def use(engine: Engine | None) -> None:
    """Have every function of this process work with another engine, as tests do; None: with its own
    again.
    """
    _given[:] = [engine] if engine else []
