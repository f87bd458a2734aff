"""Which models this deployment can really reach: read once from the environment."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

OPENROUTER = "https://openrouter.ai/api/v1"
DEMO_RATE = 40.0  # tokens per second: about as fast as one likes to read along

_URL = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(/[^\s?#]*)?", re.ASCII)
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Settings:
    """`key` and `base_url` of the OpenAI-compatible server, `demo_rate` in tokens per second (0: no
    delay)."""

    key: str | None = field(default=None, repr=False)
    base_url: str = OPENROUTER
    demo_rate: float = DEMO_RATE

    @property
    def demo(self) -> bool:
        """Whether the demo model answers for every model, because there is no key."""
        return self.key is None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in `environ`; what is empty there counts as not set.

        Raises ValueError for a value that cannot be meant, with a sentence for whoever set it, and
        never with a key in it.
        """
        key = environ.get("OPENROUTER_API_KEY", "").strip() or None
        if key and not _KEY.fullmatch(key):
            raise ValueError("OPENROUTER_API_KEY holds a character that no key has")
        base_url = environ.get("OPENROUTER_BASE_URL", "").strip().rstrip("/") or OPENROUTER
        if not _URL.fullmatch(base_url):
            # Not repeated: a URL with a password in it ends up here.
            raise ValueError(
                f"OPENROUTER_BASE_URL must be an http or https URL such as {OPENROUTER}"
            )
        rate = environ.get("REPRISE_DEMO_TOKENS_PER_SECOND", "").strip()
        return cls(key, base_url, _rate(rate) if rate else DEMO_RATE)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise ValueError(
            "REPRISE_DEMO_TOKENS_PER_SECOND must be a number of tokens per second, 0 for no delay; "
            f"it is {text[:40]!r}"
        )
    return rate


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process. Raises ValueError like `Settings.read`."""
    return Settings.read(os.environ)
