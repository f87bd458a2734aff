"""The functions that a table's stream wakes, or a bucket, and the threads that drive them."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from local.delivery import Delivery
from local.expiry import Expiry
from local.table_stream import Record
from local.template import Worker

POLL_EVERY = 0.4  # seconds
SWEEP_EVERY = 60.0

logger = logging.getLogger(__name__)


class Stream(Protocol):
    def read(self) -> list[Record]:
        """What is new, the oldest first. Raises botocore's errors; then it is called again."""


class Workers:
    """The workers of one stream: one thread reads that, and each worker has one of its own.

    `expiry` removes expired items where the table does not do so itself.
    """

    def __init__(
        self,
        stream: Stream,
        workers: Iterable[tuple[Worker, Callable[[Any, Any], Any]]],
        expiry: Expiry | None = None,
        poll_every: float = POLL_EVERY,
        sweep_every: float = SWEEP_EVERY,
    ) -> None:
        self._stream = stream
        self._expiry = expiry
        self._poll_every = poll_every
        self._sweep_every = sweep_every
        self._stopping = threading.Event()
        self._deliveries = [
            Delivery(worker, handler, self._stopping.wait) for worker, handler in workers
        ]
        runs = [self._poll, *(delivery.run for delivery in self._deliveries)]
        self._threads = [threading.Thread(target=run, daemon=True) for run in runs]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = 2.0) -> None:
        """End all threads, waiting at most `patience` seconds for what is under way."""
        self._stopping.set()
        for delivery in self._deliveries:
            delivery.end()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _poll(self) -> None:
        sweep_at, failing = time.monotonic() + self._sweep_every, False
        while not self._stopping.wait(self._poll_every):
            try:
                if self._expiry and time.monotonic() >= sweep_at:
                    self._expiry.sweep(time.time())
                    sweep_at = time.monotonic() + self._sweep_every
                self._read()
                failing = False
            except Exception as error:
                if not failing:  # once per outage
                    logger.warning("reading what wakes workers failed: %s", error)
                failing = True

    def _read(self) -> None:
        while records := self._stream.read():
            if self._expiry:
                self._expiry.follow(records)
            for delivery in self._deliveries:
                delivery.offer(records)
