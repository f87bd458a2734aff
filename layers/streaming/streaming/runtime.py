"""The loop: one event after another through the app, until the container ends."""

import asyncio
import json
import os
import sys
from typing import Any

from streaming import logs
from streaming.adapter import ASGIApp, BadRequest, Metadata, UnknownEvent, invoke
from streaming.context import Context, Invocation
from streaming.handler import CannotLoad, load
from streaming.report import Report
from streaming.runtime_api import ContainerFailed, Refused, RuntimeApi, check

MARGIN = 0.5  # seconds before the deadline at which what still runs is ended, so it can be reported
_LAST = 0.1  # seconds that what is cancelled has to end, and that stay free before the deadline
_API_ERRORS = (Refused, OSError, ValueError)  # TimeoutError is an OSError


def main() -> int:
    """Serve until there is nothing left to serve, as the environment says; the exit status."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    logs.set_up(os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    with asyncio.Runner() as runner:
        runner.get_loop()  # so that what is made at import finds the loop it will run on
        try:
            app = load(os.environ["_HANDLER"])
        except CannotLoad as failure:
            logs.error("the handler cannot be imported", failure.report)
            return runner.run(_give_up(api, failure.report))
        return runner.run(serve(app, api))


async def _give_up(api: RuntimeApi, report: Report) -> int:
    try:
        await api.init_error(report)
    except _API_ERRORS as error:
        logs.error("the error could not be reported", Report.of(error))
    return 1


async def serve(app: ASGIApp, api: RuntimeApi, margin: float = MARGIN) -> int:
    """Give `app` one event after another. Returns an exit status once the Runtime API is gone or
    says that this container has failed: Lambda then starts another.
    """
    while True:
        logs.begin(None)
        try:
            invocation = await api.next()
        except _API_ERRORS as error:
            logs.error("no next event", Report.of(error), status=getattr(error, "status", None))
            return 1
        logs.begin(invocation.request_id)
        _trace(invocation.trace_id)
        try:
            await _Serving(app, api, invocation, margin).run()
        except ContainerFailed as failure:
            logs.error("the container has failed", status=failure.status)
            return 1


def _trace(trace_id: str | None) -> None:
    """Lambda's place for it, from where SDKs take it."""
    os.environ.pop("_X_AMZN_TRACE_ID", None)
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


class _Serving:
    """One event."""

    def __init__(
        self, app: ASGIApp, api: RuntimeApi, invocation: Invocation, margin: float
    ) -> None:
        self._app = app
        self._api = api
        self._invocation = invocation
        self._margin = margin
        self._response = api.response(invocation)
        self._before = asyncio.all_tasks()

    async def run(self) -> None:
        """Answer the event, then wait for the tasks that it has left behind. Raises
        ContainerFailed, when that is done.
        """
        failed: ContainerFailed | None = None
        report = await self._answer()
        try:
            await self._conclude(report)
        except ContainerFailed as failure:
            failed = failure
        except _API_ERRORS as error:
            logs.error(
                "Lambda did not take the whole answer",
                Report.of(error),
                status=getattr(error, "status", None),
            )
        await self._finish_tasks()
        if failed:
            raise failed

    async def _answer(self) -> Report | None:
        """Run the app on the event; what went wrong."""
        try:
            context = Context.of(self._invocation)
            event = json.loads(self._invocation.body)
        except (ValueError, RecursionError):
            return self._failed(Report("Runtime.UnmarshalError", detail="not JSON"))
        running = asyncio.create_task(invoke(self._app, event, context, self._response))
        await asyncio.wait({running}, timeout=self._time())
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=_LAST)
            return self._failed(Report("Runtime.OutOfTime", detail="ended before its deadline"))
        if running.cancelled():
            return self._failed(Report("CancelledError"))
        match running.exception():
            case None:
                return None
            case UnknownEvent():
                return self._failed(
                    Report("Runtime.UnknownEvent", detail="not an event of an API Gateway REST API")
                )
            case BadRequest():
                return await self._refuse()
            case error:
                return self._failed(Report.of(error))

    async def _refuse(self) -> Report | None:
        """A request that cannot be made into a scope is its client's mistake, and API Gateway waits
        for an answer to hand on.
        """
        logs.error("a request that cannot be read")
        body = {"message": "Bad Request", "requestId": self._invocation.request_id}
        headers = {"content-type": "application/json"}
        try:
            await self._response.start(Metadata(400, headers, {}, []))
            await self._response.write(json.dumps(body).encode())
        except OSError as error:
            return self._failed(Report.of(error))
        return None

    def _failed(self, report: Report) -> Report:
        logs.error("the invocation failed", report, started=self._response.started)
        return report

    async def _conclude(self, report: Report | None) -> None:
        """End the response, or send an error in its place. Raises Refused, OSError, ValueError."""
        patience = max(self._invocation.remaining() - _LAST, _LAST)
        if self._response.started:
            check("response", await self._response.finish(report, patience))
            return
        self._response.abandon()
        async with asyncio.timeout(patience):
            # without a report, the app did answer, and there was no connection for it
            await self._api.error(self._invocation, report or Report("Runtime.NoConnection"))

    async def _finish_tasks(self) -> None:
        """Wait for the tasks that the event has started, and for those that they start: Lambda
        freezes the container once it is asked for the next event.
        """
        while left := self._tasks():
            time = self._time()
            if time <= 0:
                break
            await asyncio.wait(left, timeout=time)
        if left:
            logs.error("tasks are ended before the deadline", tasks=len(left))
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_LAST)

    def _tasks(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - self._before

    def _time(self) -> float:
        return max(0.0, self._invocation.remaining() - self._margin)
