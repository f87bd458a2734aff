"""`reprise --local`: on the table of the running `make dev`."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.dev_server import DevServer, free_port

REPRISE = str(Path(sys.executable).parent / "reprise")
CONVERSATIONS = "/v1/chat/conversations"


pytestmark = pytest.mark.xdist_group("cli-local")  # so that the server starts once


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with DevServer() as server:
        yield server


def reprise(server: DevServer, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [REPRISE, "--local", *arguments],
        env=server.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def status_with(server: DevServer, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(server.url + CONVERSATIONS, headers=headers, trust_env=False).status_code


def test_a_key_is_made_used_and_revoked(server: DevServer) -> None:
    made = reprise(server, "keys", "create", "--account", "local")
    secret, key_id = made.stdout.strip(), made.stderr.split()[1]
    before = status_with(server, secret)

    revoked = reprise(server, "keys", "revoke", key_id)

    assert (made.returncode, revoked.returncode) == (0, 0)
    assert (before, status_with(server, secret)) == (200, 401)


def test_accounts_are_made_there_too(server: DevServer) -> None:
    reprise(server, "accounts", "create", "ada")

    secret = reprise(server, "keys", "create", "--account", "ada").stdout.strip()

    assert status_with(server, secret) == 200


def test_corpora_are_kept_there(server: DevServer, tmp_path: Path) -> None:
    (tmp_path / "tea.md").write_text("# Tea\n\nAt four.")
    account = ("--account", "local")
    corpus = reprise(server, "corpora", "create", *account, "--name", "Tea").stdout.strip()

    added = reprise(server, "corpora", "add", *account, corpus, str(tmp_path / "tea.md"))
    listed = reprise(server, "corpora", "list", *account).stdout
    deleted = reprise(server, "corpora", "delete", *account, corpus)

    assert (added.returncode, deleted.returncode) == (0, 0)
    assert re.search(rf"^{corpus}  \S+ +1 +1  Tea$", listed, re.MULTILINE)


def test_without_make_dev_it_says_what_to_do(server: DevServer) -> None:
    port = str(free_port())

    refused = reprise(server, "keys", "list", "--account", "local", PORT=port)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"reprise: nothing answers on port {port}: start `make dev`, or set PORT to the port "
        "that it uses\n"
    )


def test_a_port_that_is_none_is_told(server: DevServer) -> None:
    refused = reprise(server, "keys", "list", "--account", "local", AWS_PORT="http")

    assert refused.returncode == 1
    assert refused.stderr == "reprise: AWS_PORT is not a port: http\n"
