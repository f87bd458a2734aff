"""`make test-dynamodb`: runs pytest with DynamoDB Local in moto's place.

    python tests/dynamodb/run.py LIBRARIES [pytest's arguments]

LIBRARIES is the folder into which Maven put DynamoDB Local and what it needs. It is started on a
free port of loopback, in memory, and stopped when pytest is through.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
SECONDS_TO_START = 60


def main(libraries: Path, arguments: list[str]) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        "java",
        f"-Dsqlite4java.library.path={libraries}",
        "-classpath",
        f"{libraries}/*",
        MAIN,
        *("-inMemory", "-disableTelemetry", "-port", str(port)),
    ]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _answers(server, port):
                log.seek(0)
                sys.stderr.write(f"DynamoDB Local did not start:\n{log.read().decode()}")
                return 1
            environment = os.environ | {"REPRISE_TEST_DYNAMODB": f"http://127.0.0.1:{port}"}
            return subprocess.call([sys.executable, "-m", "pytest", *arguments], env=environment)
        finally:
            server.terminate()
            server.wait(10)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
