"""AWS event streams, written by hand: what Bedrock sends, frame by frame.

The format is that of https://smithy.io/2.0/aws/amazon-eventstream.html. botocore only reads it.
"""

import json
import struct
from typing import Any
from zlib import crc32

from tests.upstream import Reply, whole

HEADERS = {"Content-Type": "application/vnd.amazon.eventstream"}


def frame(headers: dict[str, str], payload: Any) -> bytes:
    """One message: lengths, their checksum, headers that are all strings, JSON, the checksum."""
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value
        for name, value in ((name, text.encode()) for name, text in headers.items())
    )
    body = json.dumps(payload, ensure_ascii=False).encode()
    start = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = start + struct.pack("!I", crc32(start)) + head + body
    return message + struct.pack("!I", crc32(message))


def event(kind: str, **payload: Any) -> bytes:
    """An event such as `contentBlockDelta`. Real ones are padded, too."""
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return frame(headers, payload | {"p": "abcdefgh"})


def exception(kind: str, message: str = "secret") -> bytes:
    """An error in the midst of a stream, such as `throttlingException`."""
    return frame({":message-type": "exception", ":exception-type": kind}, {"message": message})


START = event("messageStart", role="assistant")


def text(piece: str, index: int = 0) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta={"text": piece})


def tool(name: str, *pieces: str, index: int = 1, id: str = "tooluse_1") -> tuple[bytes, ...]:  # noqa: A002
    """A tool call, its input in pieces."""
    use = {"toolUseId": id, "name": name}
    return (
        event("contentBlockStart", contentBlockIndex=index, start={"toolUse": use}),
        *(
            event("contentBlockDelta", contentBlockIndex=index, delta={"toolUse": {"input": piece}})
            for piece in pieces
        ),
        event("contentBlockStop", contentBlockIndex=index),
    )


def stop(reason: str = "end_turn") -> bytes:
    return event("messageStop", stopReason=reason)


def usage(read: int = 5, written: int = 2) -> bytes:
    """The last event."""
    tokens = {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}
    return event("metadata", usage=tokens, metrics={"latencyMs": 7})


def frames(*texts: str, reason: str = "end_turn") -> tuple[bytes, ...]:
    """A whole answer's."""
    pieces = (text(piece) for piece in texts)
    ended = event("contentBlockStop", contentBlockIndex=0)
    return (START, *pieces, ended, stop(reason), usage(written=len(texts)))


def reply(*steps: Any, **more: Any) -> Reply:
    """A response of these frames, waits and ends; see `tests.upstream.Reply`."""
    return Reply(steps, headers=HEADERS, **more)


def answer(*texts: str) -> Reply:
    return reply(*frames(*texts))


def error(kind: str, status: int, **headers: str) -> Reply:
    """An error instead of a stream, such as `ThrottlingException`."""
    headers = {"x-amzn-ErrorType": kind} | headers
    return whole({"message": "secret"}, status=status, headers=headers)
