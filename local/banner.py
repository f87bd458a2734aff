"""What `make dev` says when it is ready: where, with which key, and what to try first."""

from collections.abc import Mapping

from local.backend import DYNAMODB, S3, own_endpoint
from reprise.llm.settings import OPENROUTER, Settings

READY = "Reprise is ready. Ctrl-C ends it."


def text(url: str, key: str, settings: Settings, environ: Mapping[str, str]) -> str:
    """The lines to print. `url` is the API's; `environ` is that of the running functions."""
    return f"""
{READY}

  API      {url}
  table    {environ.get("TABLE_NAME")} at {own_endpoint(environ, DYNAMODB)}
  bucket   {environ.get("BUCKET_NAME")} at {own_endpoint(environ, S3)}
  API key  {key}
  model    {_model(settings)}

Try:

  curl -N {url}/v1/chat/conversations/stream \\
    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
    -d '{{"content": "Count to 10"}}'
"""


def _model(settings: Settings) -> str:
    asked = []
    if settings.reaches("openrouter"):
        asked.append("OpenRouter" if settings.base_url == OPENROUTER else settings.base_url)
    if settings.reaches("bedrock"):
        asked.append(f"Bedrock in {settings.bedrock_region}")
    if not asked:
        return "the demo, which only pretends; set OPENROUTER_API_KEY for real ones"
    return " and ".join(asked)
