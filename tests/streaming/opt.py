"""A tree like Lambda's: the function, the layers below opt, the wrapper."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import mangum

ROOT = Path(__file__).parent.parent.parent
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = str(getattr(sys, "_base_executable", sys.executable))  # has none of our packages
DEPENDENCIES = Path(mangum.__file__).parent.parent

TALK = """
import asyncio
import os
import sys

from mangum import Mangum


async def app(scope, receive, send):
    query = scope["query_string"].decode()
    if query == "fail=1":
        raise LookupError("what a user wrote")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    if query.startswith("bytes="):
        left = int(query[6:])
        while left > 0:
            await send({"type": "http.response.body", "body": bytes(50_000), "more_body": True})
            left -= 50_000
    elif query == "path=1":
        path = chr(10).join(sys.path) + chr(10) * 2 + os.environ.get("PYTHONPATH", "")
        await send({"type": "http.response.body", "body": path.encode(), "more_body": True})
    else:
        for n in range(3):
            await send({"type": "http.response.body", "body": b"%d " % n, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


handler = Mangum(app, lifespan="off")
"""


@dataclass(frozen=True)
class Tree:
    """`task` is LAMBDA_TASK_ROOT, `opt` where layers are, `runtime` LAMBDA_RUNTIME_DIR."""

    task: Path
    opt: Path
    runtime: Path

    @property
    def command(self) -> list[str]:
        """As Lambda's bootstrap calls a wrapper."""
        return [str(self.opt / "streaming/wrapper"), PYTHON, str(self.runtime / "bootstrap.py")]

    def environment(self, address: str, handler: str) -> dict[str, str]:
        return {
            "_HANDLER": handler,
            "AWS_LAMBDA_RUNTIME_API": address,
            "AWS_LAMBDA_FUNCTION_NAME": "Talk",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(self.task),
            "LAMBDA_RUNTIME_DIR": str(self.runtime),
        }


def make(folder: Path) -> Tree:
    """The layer as it is built, one with all third-party packages, and a function `talk`."""
    tree = Tree(folder / "task", folder / "opt", folder / "runtime")
    layer = ROOT / "layers/streaming"
    shutil.copytree(
        layer / "streaming",
        tree.opt / "python/streaming",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tree.opt / "streaming").mkdir()
    shutil.copy(layer / "wrapper", tree.opt / "streaming/wrapper")
    (tree.opt / "python/lib" / VERSION / "site-packages").mkdir(parents=True)
    for each in DEPENDENCIES.iterdir():
        if each.suffix != ".pth":
            (tree.opt / "python/lib" / VERSION / "site-packages" / each.name).symlink_to(each)
    for each in (tree.task, tree.runtime):
        each.mkdir()
    (tree.task / "talk.py").write_text(TALK)
    (tree.runtime / "bootstrap.py").write_text(
        "import os, sys; print('managed', sys.argv[1:], os.environ['_HANDLER'])"
    )
    return tree
