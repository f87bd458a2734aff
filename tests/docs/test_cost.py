"""`docs/cost.md`: its tables are those of the script, and the script's figures are measured."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local import cost
from reprise.accounts import keys as api_keys
from reprise.chat.events import Produced
from reprise.chat.messages import Text
from reprise.engine.engine import Engine, Timing
from reprise.store import conversations, generations, keys
from reprise.store.table import connection
from reprise.web import engine as web_engine
from tests import uploads
from tests.api import Api, Response, aws_client, new_account, new_key
from tests.calls import Call, intercept
from tests.capacity import Cost, measured, size_of
from tests.conversations import CONVERSATIONS, stream
from tests.knowledge.pdfs import document
from tests.models import FakeModels
from tests.store.scribe import Scribe, put_all
from tests.template.deployed import functions

OF = cost.figures()
TURN, UPLOAD = OF["turn"], OF["upload"]
TOKENS = 200
TEXT = "word " * 160  # 800 bytes

Partition = list[dict[str, Any]]


def stored(owner: str, number: int) -> int:
    """Bytes of a conversation and of its account's own items."""
    partitions = (keys.conversation(owner, number), owner)
    items: Partition = [
        item
        for partition in partitions
        for item in connection().query(partition, consistent_read=True)["Items"]
    ]
    return sum(size_of(item) for item in items)


@pytest.fixture
def turn(aws: None) -> Callable[[], tuple[Response, Cost, int]]:
    """Makes a turn: what was sent, what it cost, and how many bytes it left in the table."""

    def make() -> tuple[Response, Cost, int]:
        _, secret = new_key(new_account("standard"))
        api, scribe = Api(secret), Scribe(now_ms=int((time.time() - 3600) * 1000))
        api.get(CONVERSATIONS)  # notes the day of the key's use
        owner = api_keys.authenticate(secret, time.time())[0].owner
        made = scribe.conversation(owner=owner)
        branch = scribe.branch(made, 20, TEXT)
        conversations.create(replace(made, head=branch[-1].id, version=20))
        put_all(made, branch)
        models, before = FakeModels(), stored(owner, made.number)
        models.enqueue([TEXT[4 * n : 4 * n + 4] for n in range(TOKENS)])
        web_engine.use(Engine(models))
        try:
            with measured() as spent:
                answer = api.stream(stream(made.id), json={"content": TEXT})
        finally:
            web_engine.use(None)
        assert "ai_complete" in answer.text
        return answer, spent, stored(owner, made.number) - before

    return make


def test_the_page_has_the_scripts_tables() -> None:
    assert cost.main(["--check"]) == 0


def test_a_turn_takes_what_is_measured(turn: Callable[[], tuple[Response, Cost, int]]) -> None:
    answer, spent, kept = turn()

    log = sum(each.write_units for each in spent.charges if each.what.startswith("CHUNK#"))
    assert spent.write_units - log == TURN["write_units"]
    assert spent.read_units == TURN["read_units"]
    assert len(answer.body) == pytest.approx(TURN["sent_bytes"], rel=0.05)
    assert kept == pytest.approx(TURN["stored_bytes"], rel=0.05)


def test_a_chunk_of_the_log_and_a_renewal_of_the_lease_cost_what_is_measured(aws: None) -> None:
    scribe, tokens = Scribe(), int(TOKENS / TURN["seconds"] * TURN["chunk_every"])
    conversation, answer = scribe.begun(scribe.stored())
    events = [Produced(n + 1, scribe.now_ms + 25 * n, Text("word")) for n in range(tokens)]

    with measured() as logging:
        generations.log(answer.id, 1, events, time.time())
    with measured() as renewing:
        generations.renew(conversation, answer.id, time.time() + 30)
    with measured() as looking:
        generations.is_stopped(conversation, answer.id)

    assert logging.write_units == TURN["chunk_units"]
    assert renewing.write_units == TURN["renewal_units"]
    assert looking.read_units == TURN["look_units"]
    (charge,) = logging.charges
    assert charge.bytes == pytest.approx(TURN["chunk_bytes"], rel=0.05)


def test_an_upload_takes_what_is_measured(aws: None) -> None:
    _, secret = new_key(new_account("standard"))
    api = Api(secret)
    number, calls = uploads.session(api), list[str]()

    def count(call: Call) -> Any:
        calls.append(call.operation)
        return call.proceed()

    with measured() as spent:
        offered = uploads.offer(api, number)
    file = document(*["A line of a long file. " * 40] * 60)
    key = offered["upload"]["fields"]["key"]
    aws_client("s3").put_object(Bucket=os.environ["BUCKET_NAME"], Key=key, Body=file)
    with measured() as reading, intercept(count):
        uploads.deliver()

    assert uploads.state(api, number, offered["id"])["status"] == "ready"
    assert spent.write_units + reading.write_units == UPLOAD["write_units"]
    assert calls.count("PutObject") + 1 == UPLOAD["s3_writes"]
    assert calls.count("GetObject") == UPLOAD["s3_reads"]
    assert UPLOAD["events"] == UPLOAD["s3_writes"] + 1


def test_times_and_memory_are_those_of_the_code() -> None:
    worker = functions()["WorkersExtractUpload"].properties["MemorySize"]
    assert worker == UPLOAD["memory_gb"] * 1024
    assert (TURN["chunk_every"], TURN["renew_every"]) == (Timing.chunk_every, Timing.renew_every)
    for name in ("ConversationsSendMessage", "ConversationsStreamMessage"):
        assert functions()[name].properties["MemorySize"] == TURN["memory_gb"] * 1024


def test_the_volumes_are_those_of_the_issue() -> None:
    assert [volume["turns"] for volume in OF["volumes"]] == [1_000, 100_000, 10_000_000]


def test_every_price_is_used_and_has_a_date() -> None:
    used: set[str] = set()

    class Watched(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            used.add(name)
            return super().__getitem__(name)

    cost.tables({**OF, "prices": Watched(OF["prices"])})

    assert used == OF["prices"].keys() - {"read"}
    assert OF["prices"]["read"].year >= 2026


def test_a_month_is_the_sum_of_its_turns() -> None:
    """But for what does not grow with them."""
    volume = OF["volumes"][1] | {"cold": 0}
    twice = volume | {"turns": 2 * volume["turns"]}
    fixed = ("Alarms and dashboard", "Metrics")

    one, two = (cost.month(OF, each) for each in (volume, twice))

    assert [one.pop(each) for each in fixed] == [two.pop(each) for each in fixed]
    assert sum(two.values()) == pytest.approx(2 * sum(one.values()))


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places for the table turn"):
        cost.filled("# Empty", OF)
