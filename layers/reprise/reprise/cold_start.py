"""Imports what functions stand on, in less time than that takes by itself.

Each package in `functions/` calls this before its modules import anything. Where one does not,
nothing is different but the time.
"""

# ruff: noqa: F401  (imported to be there)

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def import_for_workers() -> None:
    with _uncollected():
        import aws_lambda_powertools
        import pynamodb.models


def import_for_endpoints() -> None:
    with _uncollected(), _unbuilt_models():
        import fastapi
        import mangum
    import_for_workers()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nearly all that imports make stays, so looking for garbage meanwhile is in vain, and looking
    through it at every later collection, too: a fifteenth of a cold start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _unbuilt_models() -> Iterator[None]:
    """Pydantic's models that are defined meanwhile get their validators when they are first used.
    FastAPI defines forty for OpenAPI documents, which only `make openapi` makes: a sixth of a cold
    start.
    """
    from pydantic import BaseModel

    rebuild = BaseModel.__dict__["model_rebuild"]

    def rebuild_in_use(model: type[BaseModel], /, **how: Any) -> bool | None:
        """Pydantic's own calls, which say how, are for a model that is being used. FastAPI's, which
        do not, are for later use and can wait for it.
        """
        return rebuild.__func__(model, **how) if how else None

    BaseModel.model_config["defer_build"] = True
    BaseModel.model_rebuild = classmethod(rebuild_in_use)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]
        del BaseModel.model_config["defer_build"]
