"""The key of an upstream: given once, or kept where it may be replaced while we run, in AWS Secrets
Manager or Systems Manager Parameter Store.
"""

import asyncio
import threading
from typing import Any, Literal, Protocol

from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError

from reprise.chat.errors import UpstreamFailed
from reprise.llm.settings import is_key

logger = Logger(child=True)

MAX_AGE = 300  # seconds for which a store is not asked again
Store = Literal["secretsmanager", "ssm"]

# A model's answer waits for it.
PATIENCE = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 3})


class Key(Protocol):
    """The key of an upstream."""

    async def current(self) -> str:
        """Raises UpstreamFailed if it cannot be had."""

    async def replaced(self, refused: str) -> bool:
        """Whether there is another by now than the one that the upstream has refused."""


class GivenKey:
    """A key that stays."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def current(self) -> str:
        return self._key

    async def replaced(self, refused: str) -> bool:
        return False


class StoredKey:
    """A key that is stored under a name, or for a secret also an ARN, as plain text. `max_age` is
    in seconds. While the store cannot be had, the last key from it is good.
    """

    def __init__(self, store: Store, name: str, *, max_age: int = MAX_AGE) -> None:
        self._store = store
        self._name = name
        self._max_age = max_age
        self._asking = threading.Lock()
        self._provider: Any = None
        self._last: str | None = None

    async def current(self) -> str:
        key = await asyncio.to_thread(self._get)
        if key is None:
            raise UpstreamFailed("the upstream's key cannot be had", refused=True)
        return key

    async def replaced(self, refused: str) -> bool:
        return await asyncio.to_thread(self._get, refused) != refused

    def _get(self, refused: str | None = None) -> str | None:
        """The cached key; the store's own, if there is none or only the one that was refused."""
        with self._asking:
            try:
                value = self._ask(again=refused is not None and refused == self._last)
            except Exception as error:  # whatever it is, the last key may still be good
                code = error.response["Error"]["Code"] if isinstance(error, ClientError) else None
                self._complain(code or type(error).__name__)
            else:
                if isinstance(value, str) and is_key(value.strip()):
                    self._last = value.strip()
                else:
                    self._complain("what is stored is not a key as plain text")
            return self._last

    def _ask(self, again: bool) -> object:
        # Imported here because it brings all of boto3, which only the first question needs.
        from aws_lambda_powertools.utilities import parameters

        how: dict[str, Any] = {"max_age": self._max_age, "force_fetch": again}
        if self._store == "ssm":
            how["decrypt"] = True
        try:
            if self._provider is None:
                of = {"secretsmanager": parameters.SecretsProvider, "ssm": parameters.SSMProvider}
                self._provider = of[self._store](boto_config=PATIENCE)
            return self._provider.get(self._name, **how)
        except parameters.GetParameterError as error:
            raise error.__context__ or error from None  # it hides the cause within a text

    def _complain(self, reason: str) -> None:
        """For the operator: by the error's code, as its text is not ours."""
        logger.error(
            "upstream's key cannot be had", store=self._store, stored_as=self._name, reason=reason
        )
