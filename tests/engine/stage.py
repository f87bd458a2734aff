"""Processes whose every call to the table waits until it is let through, on a clock that stands
still until it is moved: so that a test says who goes when, and says the same twice.

    with Stage(start) as stage:
        process = stage.run(lambda: turns.send(…))   # up to its first call
        stage.step(process)                          # that call, and on to the next
        stage.step(process, lost_answer)             # a fault of tests.faults at the next
        stage.later(31)                              # timers go off
        stage.kill(process)                          # none of its calls ever happens

A process is what a function's container is: an event loop's tasks, and the threads in which they
call the table. Here all share one loop and one table. A thread goes on only while the test waits
for it, so there is always one at most that runs, and nothing depends on the machine.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from typing import Any

from tests.calls import Call, intercept
from tests.faults import Killed, Kind, killed
from tests.small_table import SmallTable

_job = threading.local()
_idle: list[SimpleQueue[Callable[[], None]]] = []  # of threads that wait for their next job
_process: contextvars.ContextVar["Process"] = contextvars.ContextVar("process")


class Process:
    """`waiting` are its threads that stand before a call, in the order of their turns."""

    def __init__(self) -> None:
        self.dead = False
        self.waiting: list[_Job] = []
        self.tasks: list[asyncio.Task[Any]] = []

    @property
    def over(self) -> bool:
        """Whether nothing of it is left to happen."""
        return self.dead or (not self.waiting and all(task.done() for task in self.tasks))


class _Job:
    """A function in a thread that stops before each call to the table."""

    def __init__(self, run: Callable[[], Any], future: asyncio.Future[Any]) -> None:
        self.operation = ""  # before which it stands
        self.over = False
        self._run, self._future = run, future
        self._outcome: Any = None
        self._error: BaseException | None = None
        self._kind: Kind | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        _start(self._work)

    def go_on(self, kind: Kind | None = None) -> None:
        """Make the call that it stands before, as `kind` has it, and run on to the next."""
        self._kind = kind
        self._go.release()
        self._stopped.acquire()
        if self.over and not self._future.done():
            if self._error:
                self._future.set_exception(self._error)
            else:
                self._future.set_result(self._outcome)

    def stand(self, call: Call) -> Kind | None:
        """In its thread: wait before a call until it is let through."""
        self.operation = call.operation
        self._stopped.release()
        self._go.acquire()
        return self._kind

    def _work(self) -> None:
        _job.now = self
        self._go.acquire()
        try:
            self._outcome = self._run()
        except BaseException as error:
            self._error = error
        self.over = True
        self._stopped.release()


def _start(work: Callable[[], None]) -> None:
    """In a thread that has none to do: there are ten thousands of them, and to start one costs more
    than most of what it does.
    """
    if _idle:
        _idle.pop().put(work)
        return
    queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
    queue.put(work)
    threading.Thread(target=_serve, args=(queue,), daemon=True).start()


def _serve(queue: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        queue.get()()
        _idle.append(queue)


class Stage:
    """`now` is in seconds since the Unix epoch, for everybody; `answer` is the table's."""

    def __init__(self, start: float) -> None:
        self.now = start
        self.table = SmallTable()
        self.answer: Callable[[Call], Any] = self._answer
        self.processes: list[Process] = []
        self._loop = _Loop(self)
        self._loop.set_exception_handler(lambda *_: None)  # the dead leave much behind
        self._loop.set_task_factory(_tasks)
        self._to_thread = asyncio.to_thread
        self._intercepting = intercept(self._handle)

    def __enter__(self) -> "Stage":
        asyncio.to_thread = self._in_thread
        self._intercepting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            self.kill(process)
        self._intercepting.__exit__(None, None, None)
        asyncio.to_thread = self._to_thread
        self._loop.close()

    @property
    def process(self) -> Process:
        """The one whose code is running."""
        return _process.get()

    def run(self, main: Callable[[], Coroutine[Any, Any, Any]]) -> Process:
        """Start a process, and let it come to its first call."""
        process = Process()
        self.processes.append(process)
        context = contextvars.copy_context()
        context.run(_process.set, process)
        self._loop.create_task(main(), context=context)
        self._settle()
        return process

    def step(self, process: Process, kind: Kind | None = None) -> None:
        """Let the first of its waiting calls through."""
        job = process.waiting.pop(0)
        job.go_on(kind)
        if not job.over:
            process.waiting.append(job)
        self._settle()

    def later(self, seconds: float) -> None:
        self.now += seconds
        self._settle()

    def finish(self, process: Process) -> None:
        """Let it come to its end, however long that takes, while all others stand still."""
        while not process.over:
            if process.waiting:
                self.step(process)
            else:
                self.later(0.25)

    def kill(self, process: Process) -> None:
        process.dead = True
        for job in process.waiting:
            while not job.over:
                job.go_on(killed)
        process.waiting.clear()
        for task in list(process.tasks):
            task.cancel()
        self._settle()

    def _settle(self) -> None:
        """Run what can run without a call or the clock."""
        ready = True
        while ready:
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
            ready = bool(self._loop._ready)  # type: ignore[attr-defined]

    async def _in_thread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """In place of `asyncio.to_thread`."""
        process = _process.get()
        if process.dead:
            raise Killed
        future = self._loop.create_future()
        job = _Job(lambda: function(*args, **kwargs), future)
        job.go_on()
        if not job.over:
            process.waiting.append(job)
        return await future

    def _handle(self, call: Call) -> Any:
        job: _Job | None = getattr(_job, "now", None)
        kind = job.stand(call) if job else None
        answered = Call(call.operation, call.request, call._client, self._really)
        return kind(answered) if kind else answered.proceed()

    def _really(self, client: Any, operation: str, request: dict[str, Any]) -> Any:
        return self.answer(Call(operation, request, client, self._really))

    def _answer(self, call: Call) -> Any:
        return self.table.answer(call.operation, call.request)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def time(self) -> float:
        return self._stage.now


def _tasks(loop: Any, main: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.Task(main, loop=loop, **options)
    process = (options.get("context") or contextvars.copy_context()).get(_process)
    if process:  # not where the loop tidies up by itself
        process.tasks.append(task)
    return task
