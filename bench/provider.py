"""A fast OpenAI-compatible provider on loopback, in a process of its own.

`python -m bench.provider` prints its port. It answers `POST …/chat/completions` whose last message
is `stream 2000 0.002` with 2,000 events, 2 ms apart, or with a pause of 0 as fast as they can go.
Each is written by itself, so that it travels as a segment of its own, and its text tells when, on
the clock that all processes of a machine share: ` @12345.678901`.
"""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator

_ASKED = re.compile(rb"stream (\d+) ([\d.]+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Cache-Control: no-cache\r\n\r\n"
)
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
# As long as those of real providers: a third of a kilobyte.
_BEFORE, _AFTER = (
    b'data: {"id":"gen-1750000000-Zx81kQ0b7HcQp3vTnLrW","provider":"Loopback","model":'
    b'"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1750000000,"choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"',
    b'"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}],'
    b'"system_fingerprint":"fp_34a54ae93c"}\n\n',
)
_END = (
    _BEFORE + b'"},"finish_reason":"stop","native_finish_reason":"stop","logprobs":null}]}\n\n',
    _BEFORE + b'"},"finish_reason":null}],"usage":{"prompt_tokens":9,"completion_tokens":9,'
    b'"total_tokens":18}}\n\n',
    b"data: [DONE]\n\n",
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _events(count: int, pause: float) -> AsyncIterator[bytes]:
    begun = time.monotonic()
    for number in range(count):
        # Due times count from the beginning, so that oversleeping does not add up.
        wait = begun + number * pause - time.monotonic() if pause else 0.0
        await asyncio.sleep(max(0.0, wait))
        yield b"%b @%.6f%b" % (_BEFORE, time.monotonic(), _AFTER)
    for event in _END:
        yield event


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            if not (asked := _ASKED.findall(body)):
                writer.write(_NOT_FOUND)
                continue
            count, pause = asked[-1]
            writer.write(_HEAD)
            async for event in _events(int(count), float(pause)):
                writer.write(_chunk(event))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(_serve, "127.0.0.1", backlog=1024)  # TCP_NODELAY is set
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
