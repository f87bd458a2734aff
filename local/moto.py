"""moto, made fit to be the local table and bucket: `patch()` for `mock_aws`, or `serve()`.

moto 5.2.5 as it is copies the whole table for each item of a transaction and undoes by putting the
copy back, which loses what other threads wrote meanwhile and leaves the undone in the stream. It
changes items in place, so that a failed update leaves half of itself. Its queries sort and scan the
whole table, and most of a read is spent writing its answer. Its server closes the connection after
each. Here instead:

- `moto_changes.py`: a change is made on a draft and takes effect whole or not at all
- `moto_queries.py`: a query finds its partition by key, in the table and in its indexes
- `moto_expressions.py`: an expression is parsed once, and an item's size added up once
- `moto_server.py`: connections stay open
- one lock around each call, and items written as they are
- a call of this process to the table goes straight to its handler

The rest of moto is as it was. One test in `tests/local/test_moto.py` fails once none of this is
needed.
"""

import re
import threading
from base64 import b64encode
from collections.abc import Callable
from functools import cache, wraps
from itertools import count
from types import SimpleNamespace
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto import backends
from moto.core import models, responses, utils
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.common_types import TYPE_RESPONSE
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import BaseResponse
from moto.core.serialize import SERVICE_SPECIFIC_SERIALIZERS, JSONSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import StreamRecord, Table
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.models import ShardIterator
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from responses import CallbackResponse

from local import moto_changes, moto_expressions, moto_queries
from local.moto_server import MotoServer

_lock = threading.RLock()


def _one_at_a_time(
    call_action: Callable[[BaseResponse], TYPE_RESPONSE],
) -> Callable[[BaseResponse], TYPE_RESPONSE]:
    @wraps(call_action)
    def locked(handler: BaseResponse) -> TYPE_RESPONSE:
        with _lock:
            return call_action(handler)

    return locked


class _Serializer(JSONSerializer):
    """Writes the values of attributes as they are. moto's looks for each type under ten names."""

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue":
            serialized[key] = _wire(value)
        else:
            super()._serialize_type_structure(serialized, value, shape, key)


def _wire(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return {kind: {name: _wire(inner) for name, inner in content.items()}}
        case "L":
            return {kind: [_wire(inner) for inner in content]}
        case "B":
            return {kind: _base64(content)}
        case "BS":
            return {kind: [_base64(inner) for inner in content]}
    return value


def _base64(content: bytes | str) -> str:
    # moto keeps what came over the wire as it came: in base64.
    return b64encode(content).decode() if isinstance(content, bytes) else content


_stock_process = BotocoreStubber.process_request
_DYNAMODB = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")


def _process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
    """In place of `BotocoreStubber.process_request`, which compares the address with those of all
    services, and makes of what is JSON a request of werkzeug's with a form and its parameters.
    """
    if not (address := _DYNAMODB.fullmatch(request.url)):
        return _stock_process(stubber, request)
    handler = DynamoHandler()
    handler.headers = {name: _text(value) for name, value in request.headers.items()}
    handler.method, handler.uri, handler.path, handler.querystring = "POST", request.url, "/", {}
    handler.region, handler.current_account = address[1], DEFAULT_ACCOUNT_ID
    handler.response_headers = {"server": "amazon.com"}
    asked: Any = SimpleNamespace(
        method="POST",
        values={},
        headers=handler.headers,
        data=request.body,
        path="/",
        content_type=handler.headers["Content-Type"],
    )
    handler.uri_match = {}
    handler.parse_parameters(asked)
    answered: TYPE_RESPONSE = handler.call_action()
    return answered


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


_requests = count(1)


def _request_id(headers: dict[str, Any]) -> str:
    headers["x-amzn-requestid"] = found = f"{next(_requests):052}"
    return found


def _untracked(cls: type[object], *_args: object, **_kwargs: object) -> object:
    return object.__new__(cls)


_list_of_moto_modules = backends.list_of_moto_modules

# Made at import, from the stock functions, so that patching twice is patching once.
_REPLACEMENTS: tuple[tuple[object, str, object], ...] = (
    (DynamoHandler, "call_action", _one_at_a_time(DynamoHandler.call_action)),
    (DynamoDBStreamsHandler, "call_action", _one_at_a_time(DynamoDBStreamsHandler.call_action)),
    (DynamoHandler, "transact_write_items", moto_changes.transact_once),
    (DynamoDBBackend, "transact_write_items", moto_changes.transact_write_items),
    (DynamoDBBackend, "update_item", moto_changes.update_item),
    (Table, "put_item", moto_changes.put_item),
    (Table, "delete_item", moto_changes.delete_item),
    (Table, "query", moto_queries.query),
    (Item, "project", moto_queries.project),
    (ShardIterator, "get", moto_changes.get_records),
    (UpdateExpressionParser, "make", moto_expressions.update_tree),
    (ConditionExpressionParser, "_lex_condition_expression", moto_expressions.lex),
    (DepthFirstTraverser, "traverse", moto_expressions.traverse),
    (Node, "find_clauses", moto_expressions.find_clauses),
    (Node, "__deepcopy__", moto_expressions.copy_node),
    (Item, "__init__", moto_expressions.make_item),
    (BotocoreStubber, "process_request", _process),
    (responses, "gen_amzn_requestid_long", _request_id),  # moto's draws each letter
    # Found anew for each request, by inspecting the class and by listing a directory.
    (responses, "method_names_from_class", cache(utils.method_names_from_class)),
    (backends, "list_of_moto_modules", cache(lambda: tuple(_list_of_moto_modules()))),
    # Each `mock_aws` registers the addresses of all services anew, for each of seven methods: for
    # the `requests` library. boto3 is caught elsewhere, so what tests fetch without it is enough.
    (models, "RESPONSES_METHODS", ("GET", "POST")),
    (models, "CallbackResponse", cache(CallbackResponse)),
    # moto's dashboard keeps every instance there ever was; these would fill the memory.
    (Item, "__new__", staticmethod(_untracked)),
    (StreamRecord, "__new__", staticmethod(_untracked)),
)


def patch() -> None:
    """Patch moto, for the life of the process. Calling it again changes nothing."""
    for owner, name, replacement in _REPLACEMENTS:
        setattr(owner, name, replacement)
    for service in ("dynamodb", "dynamodbstreams"):
        SERVICE_SPECIFIC_SERIALIZERS[service] = {"json": _Serializer}


def serve(port: int = 0, host: str = "127.0.0.1") -> MotoServer:
    """Start the patched moto as a server on `port`, 0 for any free one."""
    patch()
    return MotoServer(port, host)
