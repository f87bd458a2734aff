"""Whose connections are kept, and for how long. No network: clients connect when they are used."""

import asyncio
import gc
import weakref

import httpx

from reprise.llm.connections import IDLE, Connections


class Clock:
    """A wall clock that is set by hand."""

    time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


def make() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False)


async def used(connections: Connections) -> httpx.AsyncClient:
    async with connections.client() as client:
        return client


async def test_requests_share_a_client() -> None:
    connections = Connections(make)
    assert await used(connections) is await used(connections)


async def test_a_client_that_idled_too_long_is_closed_and_replaced() -> None:
    clock = Clock()
    connections = Connections(make, clock)
    old = await used(connections)
    clock.time += IDLE + 1
    assert await used(connections) is not old
    assert old.is_closed


async def test_only_idle_time_counts() -> None:
    clock = Clock()
    connections = Connections(make, clock)
    async with connections.client() as client:
        clock.time += 10 * IDLE
    clock.time += IDLE - 1
    assert await used(connections) is client


async def test_a_client_in_use_is_not_closed() -> None:
    clock = Clock()
    connections = Connections(make, clock)
    async with connections.client() as client:
        clock.time += IDLE + 1
        assert await used(connections) is client
        assert not client.is_closed


def test_a_closed_loop_is_forgotten() -> None:
    connections = Connections(make)
    first = weakref.ref(asyncio.run(used(connections)))
    assert asyncio.run(used(connections)) is not first()
    gc.collect()
    assert first() is None
