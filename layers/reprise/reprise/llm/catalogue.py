"""The models that there are, by every name they have. `catalogue.toml` is read when first asked
for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from reprise.chat.errors import Invalid
from reprise.llm import settings as configuration
from reprise.llm.settings import ProviderName, Settings

DEMO = "demo"
_MAX_NAME = 100
_UNLISTED = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.:-]*", re.ASCII)


@dataclass(frozen=True)
class Model:
    """A model. `id` is the provider's name for it, `window` its context in tokens, `credits` what
    each begun thousand tokens of an answer cost (question and context included), as an integer,
    `fallbacks` the names of those who answer in its place.
    """

    name: str
    id: str
    provider: ProviderName
    window: int
    credits: int
    aliases: frozenset[str] = frozenset()
    fallbacks: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return self.aliases | {self.name}


@dataclass(frozen=True)
class Catalogue:
    """All models. `defaults` are names, the first that can be had counts; `unlisted` has the terms
    for models that are not listed.
    """

    models: tuple[Model, ...]
    defaults: tuple[str, ...]
    unlisted: Model

    @classmethod
    def parse(cls, text: str) -> "Catalogue":
        """Reads TOML of the form that `catalogue.toml` describes.

        Raises ValueError, KeyError or TypeError for any other: a test keeps the file right.
        """
        import tomllib  # not needed by the many functions that never call a model

        data = tomllib.loads(text)
        return cls(
            models=tuple(_model(entry) for entry in data["models"]),
            defaults=tuple(data["defaults"]),
            unlisted=_model({"name": ""} | data["unlisted"]),
        )

    @cached_property
    def by_name(self) -> Mapping[str, Model]:
        return {name: model for model in self.models for name in model.names}


def _model(entry: dict[str, Any]) -> Model:
    terms = {"id": entry["name"]} | entry
    terms["aliases"] = frozenset(entry.get("aliases", ()))
    terms["fallbacks"] = tuple(entry.get("fallbacks", ()))
    return Model(**terms)


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """The catalogue of this package. Not read at import: most functions never call a model."""
    return Catalogue.parse(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))


def find(name: str, settings: Settings | None = None) -> Model:
    """The model called `name`, which may be an alias.

    An unlisted `vendor/name` is taken at its word where a server can be asked for it. In demo mode
    every listed model is to be had, because the demo answers for it. Raises Invalid("model", …) for
    every other name.
    """
    settings = settings or configuration.current()
    model = load().by_name.get(name)
    if model is not None:
        if not _to_be_had(model, settings):
            raise Invalid("model", "is not to be had here")
        return model
    if is_name(name):
        if settings.reaches(load().unlisted.provider):
            return replace(load().unlisted, name=name, id=name)
        raise Invalid("model", "is not listed, and only listed models answer here")
    raise Invalid("model", "is not a known model")


def is_name(name: str) -> bool:
    """Whether a model may be called so: it is listed, or may be had without being listed. Where it
    is to be had depends on settings, which `find` goes by.
    """
    return name in load().by_name or (
        len(name) <= _MAX_NAME and _UNLISTED.fullmatch(name) is not None
    )


def default(settings: Settings | None = None) -> Model:
    """The model of a request that names none."""
    settings = settings or configuration.current()
    models = [load().by_name[name] for name in load().defaults]
    return next(model for model in models if _to_be_had(model, settings))


def answering(model: Model, settings: Settings | None = None) -> str:
    """The name of who really answers for a model: the demo one's, where its provider cannot be
    asked.
    """
    settings = settings or configuration.current()
    return model.name if settings.reaches(model.provider) else DEMO


def _to_be_had(model: Model, settings: Settings) -> bool:
    return settings.demo or settings.reaches(model.provider)


def aliases_of(name: str) -> frozenset[str]:
    """Every name of the model called `name`. An unknown name has only itself: filters never
    fail.
    """
    model = load().by_name.get(name)
    return model.names if model else frozenset({name})
