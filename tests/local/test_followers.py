"""Following and stopping an answer through `make dev`: real HTTP, a process of its own, the demo
model at its usual pace.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.conversations import START, stop, stream
from tests.dev_server import DevServer

FOR_EVER = {"content": "Count to 100000"}


@contextmanager
def listening(
    client: httpx.Client, method: str, path: str, **request: object
) -> Iterator["Reader"]:
    with client.stream(method, path, **request) as answer:  # type: ignore[arg-type]
        yield Reader(answer)


class Reader:
    """What comes of a stream, event by event; ids are left out, the last one is kept."""

    def __init__(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200
        self.last_id = ""
        self._lines = answer.iter_lines()

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
            elif line:
                yield line.removeprefix("data: ")


def test_whoever_follows_comes_back_or_stops_gets_what_the_first_got() -> None:
    with (
        DevServer() as server,
        httpx.Client(base_url=server.url, headers=server.auth, timeout=30) as client,
        ThreadPoolExecutor(2) as pool,
        listening(client, "POST", START, json=FOR_EVER) as first,
    ):
        own = iter(first)
        created = next(own)
        made = httpx.Response(200, text=created).json()["data"]["conversation_id"]

        with listening(client, "GET", stream(made)) as left:
            events = iter(left)
            seen = [next(events) for _ in range(3)]
        back = {"Last-Event-ID": left.last_id}
        with listening(client, "GET", stream(made), headers=back) as again:
            others = iter(again)
            seen.append(next(others))
            stopped = client.post(stop(made)).json()["data"]
            reading = [pool.submit(list, each) for each in (own, others)]
            rest, of_others = (each.result() for each in reading)
        nothing = client.get(stream(made), headers={"Last-Event-ID": again.last_id})

    assert stopped == {"generation_id": again.last_id.partition(":")[0], "stopped": True}
    assert '"state":"stopped"' in rest[-2]
    assert rest[-1] == "[DONE]"
    assert [*seen, *of_others] == [created, *rest]
    assert (nothing.status_code, nothing.content) == (204, b"")
