"""`events/`: an event for each function, as API Gateway and the table's stream would send it.

    python -m local.sample_events [--check]

They speak of what `local.samples` stores. `--check` writes nothing and fails if a file is not up to
date.
"""

import hashlib
import json
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local import samples, template
from local.bucket_stream import object_created
from local.cloudformation import ACCOUNT
from local.events import Request, proxy_event
from local.table_stream import as_lambda_has_it
from local.template import Route, Template
from reprise.store import conversations
from reprise.web.cookies import COOKIE

FOLDER = Path(__file__).parent.parent / "events"
REGION = "us-east-1"
CLIENT, SERVER, HOST = "192.0.2.44", ("api.example.com", 443), "api.example.com"
ORIGIN = "http://localhost:5174"  # listed by default
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/reprise/stream/2026-01-05T09:00:00.000"
IDS = {
    "agent_id": samples.ACCOUNT.id,  # its implicit default agent
    "conversation_id": samples.CONVERSATION.id,
    "message_id": samples.ANSWER.id,
    "prompt_id": str(samples.PROMPT.number),
    "session_id": str(samples.CONVERSATION.number),
    "thread_id": samples.CONVERSATION.id,
    "upload_id": str(samples.UPLOAD.number),
    "user_id": "ada",
}
IDS_OF: Mapping[str, Mapping[str, str]] = {  # where it is another
    "ChatbaseSubmitToolResult": {"conversation_id": samples.CALLING.id},
    "ConversationsEditMessage": {"message_id": samples.QUESTION.id},
    "ConversationsSelectVersion": {"message_id": samples.FIRST_ANSWER.id},
    "UploadsGetUpload": {"session_id": str(samples.READING.number)},
}
HEADERS: Mapping[str, Mapping[str, str]] = {
    "ConversationsResumeStream": {"last-event-id": f"{samples.ANSWER.id}:1"},
    "ConversationsSendMessage": {"idempotency-key": "0b5c1d3e-2a77-4c55-9d0e-6f1f7c1c8a10"},
}
QUERIES = {
    "ConversationsListConversations": "page=1&limit=10",
    "ChatbaseListConversations": "limit=20",
    "SessionsGetHistory": "page=1&page_size=10&start_date=2026-01-01T00:00:00Z",
    "PromptsListPrompts": "scenario=travel&page=1&page_size=20",
    "OpeyRegenerate": f"message_id={samples.QUESTION.id}",
}
FORMS = {"UploadsUpload": {"file": ("guide.pdf", samples.PDF)}}  # names and bytes of files
BOUNDARY = "------------------------4f1c9a70d2b8e653"
ALSO_STREAMED = {"ConversationsEditMessage"}
WITHOUT_BODY = {
    "ConversationsSelectVersion",
    "ConversationsStopGeneration",
    "FixieRegenerate",
    "FixieStop",
    "OpeyCreateSession",
    "OpeyDeleteSession",
    "OpeyRegenerate",
    "OpeyStop",
}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "ConversationsCreateConversation": {"title": "Trip to Lisbon"},
    "ConversationsEditMessage": {"content": "Where to in June?"},
    "ConversationsRegenerateMessage": {"temperature": 1.0},
    "ConversationsRenameConversation": {"title": "Trip to Lisbon"},
    "ConversationsSendMessage": {"content": "And where to stay?"},
    "ConversationsStartConversation": {"content": "Where to in May?", "temperature": 0.5},
    "ConversationsStreamMessage": {"content": "And where to stay?"},
    "ChatbaseChat": {
        "message": "And where to stay?",
        "conversationId": samples.CONVERSATION.id,
        "stream": True,
    },
    "ChatbaseRetry": {"messageId": samples.ANSWER.id},
    "ChatbaseSubmitToolResult": {
        "toolCallId": samples.CALL.id,
        "output": {"status": "sent", "days": 2},
    },
    "ChatbaseGiveFeedback": {"feedback": "positive"},
    "FixieStartConversation": {
        "message": "Where to in May?",
        "runtimeParameters": {"systemPrompt": "Name one place only."},
    },
    "FixieSendMessage": {"message": "And where to stay?"},
    "SessionsStream": {
        "model": "gpt-4",
        "messages": [
            {"role": "user", "content": samples.QUESTION.text},
            {"role": "assistant", "content": samples.ANSWER.text},
            {"role": "user", "content": "And where to stay?"},
        ],
        "session_id": samples.CONVERSATION.number,
    },
    "SessionsSwitchModel": {"session_id": samples.CONVERSATION.number, "model": "gpt-3.5-turbo"},
    "UploadsOfferUpload": {"filename": "atlas.pdf", "size": 9_000_000},
    "PromptsCreatePrompt": {
        "title": "Packing list",
        "content": "What do I take along to {place}?",
        "scenario": "travel",
    },
    "PromptsPreviewPrompt": {
        "prompt_id": samples.PROMPT.number,
        "variables": {"place": "Lisbon"},
    },
    "PromptsUpdatePrompt": {"description": "For a few days"},
    "OpeyStream": {"message": "And where to stay?", "thread_id": samples.CONVERSATION.id},
}


def events() -> dict[str, Any]:
    """Every function's event, by its name in the template. Raises KeyError where a path has a
    variable, or a method a body, that is not known here.
    """
    design = template.load(REGION, {})
    first: dict[str, Route] = {}
    for route in design.routes:
        first.setdefault(route.function.name, route)
    return {
        **{name: _request(name, route, design) for name, route in first.items()},
        "WorkersPurgeConversation": {"Records": [_deletion()]},
        "WorkersRepairGeneration": {"Records": [_expiry()]},
        "WorkersExtractUpload": _arrival(),
    }


def _request(name: str, route: Route, design: Template) -> dict[str, Any]:
    ids = {**IDS, **IDS_OF.get(name, {})}
    variables = {
        segment[1:-1]: ids[segment[1:-1]]
        for segment in route.path.split("/")
        if segment.startswith("{")
    }
    streamed = route.path.endswith(("/stream", "/regenerate")) or name in ALSO_STREAMED
    headers = [
        ("accept", "text/event-stream" if streamed else "application/json"),
        _credentials(name),
        ("host", HOST),
        ("user-agent", "curl/8.7.1"),
        *HEADERS.get(name, {}).items(),
    ]
    if route.method == "OPTIONS":
        headers.append(("origin", ORIGIN))
    body = b""
    if name in FORMS:
        body = _form(FORMS[name])
        headers.append(("content-type", f"multipart/form-data; boundary={BOUNDARY}"))
    elif name not in WITHOUT_BODY and route.method in ("POST", "PUT", "PATCH"):
        body = json.dumps(BODIES[name]).encode()
        headers.append(("content-type", "application/json"))
    request = Request(
        method=route.method,
        path=route.path.format(**variables),
        query=QUERIES.get(name, ""),
        headers=tuple(headers),
        body=body,
        client=CLIENT,
        server=SERVER,
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://{HOST}/{name}")),
        time=samples.MOMENT / 1000,
    )
    event = proxy_event(request, route.path, variables, design.stage, design.binary_types)
    event["headers"]["X-Forwarded-Proto"] = "https"  # which nothing local is reached by
    event["multiValueHeaders"]["X-Forwarded-Proto"] = ["https"]
    return event


def _form(files: Mapping[str, tuple[str, bytes]]) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/pdf\r\n\r\n".encode()
        + content
        + b"\r\n"
        for field, (name, content) in files.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _credentials(name: str) -> tuple[str, str]:
    """The header that a function knows its caller by."""
    if name.startswith("Opey") and name != "OpeyCreateSession":
        return "cookie", f"{COOKIE}={samples.COOKIE}"
    return "authorization", f"Bearer {samples.KEY}"


def _deletion() -> dict[str, Any]:
    """A conversation's own item was deleted."""
    deleted = conversations.to_item(samples.DELETED).serialize()
    return _removal("1", deleted, {})


def _expiry() -> dict[str, Any]:
    """The table has removed a lease by its TTL."""
    by_the_table = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    return _removal("2", samples.LEASE.serialize(), {"userIdentity": by_the_table})


def _arrival() -> dict[str, Any]:
    """A client has put a file into the bucket."""
    put = {
        "Key": samples.PENDING_KEY,
        "Size": len(samples.PDF),
        "ETag": hashlib.md5(samples.PDF, usedforsecurity=False).hexdigest(),
        "LastModified": datetime.fromtimestamp(samples.MOMENT / 1000, UTC),
    }
    return object_created("reprise", put)


def _removal(number: str, item: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    record = {
        "eventID": uuid.uuid5(uuid.NAMESPACE_URL, number).hex,
        "eventName": "REMOVE",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": datetime.fromtimestamp(samples.MOMENT / 1000, UTC),
            "Keys": {name: item[name] for name in ("pk", "sk")},
            "OldImage": item,
            "SequenceNumber": number.rjust(21, "4"),
            "SizeBytes": len(json.dumps(item)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        **more,
    }
    return as_lambda_has_it(record, STREAM)


def text(event: Any) -> str:
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    made = {FOLDER / f"{name}.json": text(event) for name, event in events().items()}
    if arguments == ["--check"]:
        there = {path: path.read_text() for path in FOLDER.glob("*.json")}
        if there != made:
            print("events/ is not up to date: make events", file=sys.stderr)
            return 1
        return 0
    FOLDER.mkdir(exist_ok=True)
    for path in set(FOLDER.glob("*.json")) - made.keys():
        path.unlink()
    for path, content in made.items():
        path.write_text(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
