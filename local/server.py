"""Serving the gateway over HTTP until a signal, and ending it in good order."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from local.gateway import Gateway

GRACE = 2.0  # seconds that open streams and their generations have to end by themselves
THREADS = 64  # for what functions hand to asyncio.to_thread: their calls of DynamoDB and S3


async def serve(gateway: Gateway, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, and return when everything has ended. `ready` is called when
    requests are answered.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with running(gateway, listener):
        ready()
        await stop.wait()
        until = loop.time() + GRACE
    # A generation may outlive its stream.
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await _end(left, max(0.0, until - loop.time()))


async def _end(tasks: set[asyncio.Task[object]], grace: float) -> None:
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)


@contextlib.asynccontextmanager
async def running(gateway: Gateway, listener: socket.socket) -> AsyncIterator[None]:
    """The gateway on a bound socket and this loop, while the context lasts; then open streams have
    their grace.
    """
    config = uvicorn.Config(
        gateway,
        interface="asgi3",  # do not guess
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # the gateway says itself what went wrong
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.answering.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await gateway.stop(GRACE)
        await serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn would raise them again at the end."""
        yield
