"""Which models this deployment can really reach: read once from the environment.

OPENROUTER_API_KEY              the key of the OpenAI-compatible server, on one's own machine
OPENROUTER_API_KEY_PARAMETER    in the cloud: the Parameter Store parameter that holds the key,
OPENROUTER_API_KEY_SECRET       or the Secrets Manager secret that does, by name or ARN
OPENROUTER_BASE_URL             any OpenAI-compatible server instead of OpenRouter
BEDROCK_REGION                  where to ask Bedrock, with the AWS credentials that there are
REPRISE_DEMO_TOKENS_PER_SECOND  how fast the demo model speaks

Without any key and region, the demo model answers for every model. Otherwise only for itself: the
models of a provider that is not configured are not to be had.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

ProviderName = Literal["openrouter", "bedrock", "demo"]

OPENROUTER = "https://openrouter.ai/api/v1"
DEMO_RATE = 40.0  # tokens per second: about as fast as one likes to read along

_URL = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(/[^\s?#]*)?", re.ASCII)
_KEY = re.compile(r"[!-z|~]+")  # no braces: JSON with a key in it is not one
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")


def is_key(text: str) -> bool:
    """Whether this can be a key: what an HTTP header carries."""
    return bool(_KEY.fullmatch(text))


@dataclass(frozen=True)
class Settings:
    """`base_url` and `key` of the OpenAI-compatible server, or where the key is stored: a
    `key_parameter` or a `key_secret`; `demo_rate` in tokens per second (0: no delay).
    """

    key: str | None = field(default=None, repr=False)
    base_url: str = OPENROUTER
    demo_rate: float = DEMO_RATE
    key_parameter: str | None = None
    key_secret: str | None = None
    bedrock_region: str | None = None

    @property
    def demo(self) -> bool:
        """Whether the demo model answers for every model, because no other can be had."""
        return not (self.reaches("openrouter") or self.reaches("bedrock"))

    def reaches(self, provider: ProviderName) -> bool:
        """Whether this provider can be asked."""
        match provider:
            case "openrouter":
                return bool(self.key or self.key_parameter or self.key_secret)
            case "bedrock":
                return bool(self.bedrock_region)
            case "demo":
                return True

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in `environ`; what is empty there counts as not set.

        Raises ValueError for a value that cannot be meant, with a sentence for whoever set it, and
        never with a key in it.
        """

        def value(name: str) -> str | None:
            return environ.get(name, "").strip() or None

        key = value("OPENROUTER_API_KEY")
        if key and not is_key(key):
            raise ValueError("OPENROUTER_API_KEY holds a character that no key has")
        key_parameter = value("OPENROUTER_API_KEY_PARAMETER")
        key_secret = value("OPENROUTER_API_KEY_SECRET")
        if [key, key_parameter, key_secret].count(None) < 2:
            raise ValueError(
                "only one of OPENROUTER_API_KEY, OPENROUTER_API_KEY_PARAMETER and "
                "OPENROUTER_API_KEY_SECRET can be meant"
            )
        base_url = (value("OPENROUTER_BASE_URL") or OPENROUTER).rstrip("/")
        if not _URL.fullmatch(base_url):
            # Not repeated: a URL with a password in it ends up here.
            raise ValueError(
                f"OPENROUTER_BASE_URL must be an http or https URL such as {OPENROUTER}"
            )
        region = value("BEDROCK_REGION")
        if region and not _REGION.fullmatch(region):
            raise ValueError("BEDROCK_REGION must be the name of an AWS region such as us-east-1")
        rate = value("REPRISE_DEMO_TOKENS_PER_SECOND")
        return cls(
            key=key,
            base_url=base_url,
            demo_rate=_rate(rate) if rate else DEMO_RATE,
            key_parameter=key_parameter,
            key_secret=key_secret,
            bedrock_region=region,
        )


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
