"""GET /usage: what was used of what an anonymous session may."""

from typing import Any

from fastapi.responses import JSONResponse
from mangum import Mangum

from opey.wire import surface
from reprise.accounts.sessions import REQUEST_LIMIT, TOKEN_LIMIT
from reprise.store.sessions import Session
from reprise.web.cookies import CurrentSession

NEAR = 0.8  # of a limit

app = surface()


@app.get("/usage")
def get_usage(session: CurrentSession) -> JSONResponse:
    return JSONResponse(_usage(session) if session.account_id is None else UNLIMITED)


# An account's sessions are not counted: its plan is what limits it.
UNLIMITED: dict[str, Any] = {
    "session_type": "authenticated",
    "unlimited_usage": True,
    "tokens_used": 0,
    "token_limit": None,
    "tokens_remaining": None,
    "requests_made": 0,
    "request_limit": None,
    "requests_remaining": None,
    "approaching_token_limit": False,
    "approaching_request_limit": False,
}


def _usage(session: Session) -> dict[str, Any]:
    tokens, requests = session.tokens, min(session.requests, REQUEST_LIMIT)
    return {
        "session_type": "anonymous",
        "unlimited_usage": False,
        "tokens_used": tokens,
        "token_limit": TOKEN_LIMIT,
        "tokens_remaining": max(0, TOKEN_LIMIT - tokens),
        "requests_made": requests,
        "request_limit": REQUEST_LIMIT,
        "requests_remaining": REQUEST_LIMIT - requests,
        "approaching_token_limit": tokens >= NEAR * TOKEN_LIMIT,
        "approaching_request_limit": requests >= NEAR * REQUEST_LIMIT,
    }


handler = Mangum(app, lifespan="off")
