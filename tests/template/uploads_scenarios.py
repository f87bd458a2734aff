"""What can happen to the functions of the uploads surface, and to those that answer by files."""

import os
from typing import TYPE_CHECKING

from reprise.chat.ids import number_of
from reprise.store import keys
from tests.api import aws_client
from tests.calls import Call, intercept
from tests.chatbase import caller_of
from tests.conversations import conversation, create
from tests.conversations import send as say
from tests.knowledge.pdfs import document
from tests.template.permissions import BUCKET, Access
from tests.turns import WAYS, Room, by_opey, regenerated_by_opey
from tests.uploads import HELLO, file, form, one, upload, uploads
from workers import extract_upload

if TYPE_CHECKING:
    from tests.template.scenarios import Stage

LONG = document(*["\n".join(["words and words and words"] * 50)] * 60)  # it goes to the bucket
OFFER = {"filename": "a.pdf", "size": 1000}


def takes_files(stage: "Stage") -> None:
    number = number_of(create(stage.api))
    for data in (HELLO, LONG):
        request = form([file(data)])
        request["headers"] |= {"Idempotency-Key": str(len(data))}
        for _ in range(2):
            answer = stage.api.post(upload(number), **request)
            assert answer.status == 200, answer.text
        assert stage.api.get(one(number, answer.json()["file"]["id"])).status == 200


def takes_none_where_the_session_is_deleted_meanwhile(stage: "Stage") -> None:
    number = number_of(create(stage.api))
    assert number
    meta = {"pk": {"S": keys.conversation(stage.owner, number)}, "sk": {"S": keys.META}}

    def handle(called: Call) -> object:
        if called.operation == "TransactWriteItems":
            called.aside("DeleteItem", TableName=os.environ["TABLE_NAME"], Key=meta)
        return called.proceed()

    with intercept(handle):
        assert stage.api.post(upload(number), **form([file(HELLO)])).status == 404


def says_how_the_caller_stands(stage: "Stage") -> None:
    """Also where the request is refused before it is counted."""
    for path in (upload(1), uploads(1)):
        headers = {"Idempotency-Key": "k" * 300}
        refused = stage.api.post(path, json=OFFER, headers=headers)
        assert refused.status == 422
        assert refused.headers["x-ratelimit-remaining"]


def offers_and_extracts(stage: "Stage") -> None:
    made = create(stage.api)
    number = number_of(made)
    assert number
    for data in (HELLO, LONG, b"no PDF", None):
        headers = {"Idempotency-Key": repr(data)[:50]}
        for _ in range(2):
            answer = stage.api.post(uploads(number), json=OFFER, headers=headers)
            assert answer.status == 201
        offered = answer.json()["id"]
        key = keys.pending_upload(keys.conversation(stage.owner, number), offered)
        # what the client does with the form, it does in the name of who signed it
        done = Access("s3:PutObject", BUCKET, key)
        stage.recorder.done["UploadsOfferUpload"].add(done)
        put(key, data or HELLO)
        if data is None:
            stage.api.delete(conversation(made))
        with stage.recorder.at_work("WorkersExtractUpload"):
            event = {"detail": {"object": {"key": key, "size": len(data or HELLO)}}}
            extract_upload.handler(event, None)


def put(key: str, data: bytes) -> None:
    aws_client("s3").put_object(Bucket="reprise-bodies", Key=key, Body=data)


def answers_by_files(stage: "Stage") -> None:
    for way in WAYS:
        if way in (by_opey, regenerated_by_opey):
            continue  # as a visitor, of whom nobody takes notes here
        made = create(stage.api)
        number = number_of(made)
        assert number
        question, reply = say(stage.api, made, "Hello")
        for data in (HELLO, LONG):
            assert stage.api.post(upload(number), **form([file(data)])).status == 200
        agent = caller_of(stage.api).account_id
        way(Room(stage.api, "", agent, made, number, question["id"], reply["id"]))


SCENARIOS = (
    takes_files,
    takes_none_where_the_session_is_deleted_meanwhile,
    says_how_the_caller_stands,
    offers_and_extracts,
    answers_by_files,
)
