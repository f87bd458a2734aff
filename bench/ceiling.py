"""How many calls a second moto can answer when nobody else does anything."""

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.backend import Backend

CLIENTS = 4
SECONDS = 1.5
_BODY = (
    b'{"TableName":"reprise","Item":{"pk":{"S":"GEN#bench-%d"},"sk":{"S":"CHUNK#000001"},'
    b'"kind":{"S":"G"},"e":{"S":"%b"},"ttl":{"N":"1750000000"}}}'
)
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.PutItem",
    # moto reads account and region off it, and checks nothing
    "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20250101/us-east-1/dynamodb/aws4_request",
}


def ceiling(moto: Backend) -> float:
    """Calls a second: chunks put by a few clients that cost it next to nothing."""
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CLIENTS) as pool:
        return (
            sum(pool.map(lambda number: _puts(moto.url, number, until), range(CLIENTS))) / SECONDS
        )


def _puts(url: str, number: int, until: float) -> int:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    body, done = _BODY % (number, b"x" * 200), 0
    try:
        while time.monotonic() < until:
            connection.request("POST", "/", body, _HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"moto answered {answer.status}: {said[:200]!r}")
            done += 1
    finally:
        connection.close()
    return done
