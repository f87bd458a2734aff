"""moto's server: quiet, and its connections stay open."""

import io
import socket
import threading
import traceback
from contextlib import suppress
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app


class _Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answer one request. werkzeug's own closes the connection, having read it to its end."""
        self.environ = environ = self.make_environ()
        if "wsgi.input_terminated" in environ:
            body = environ["wsgi.input"].read()
        else:
            body = self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            answer, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except Exception:
            self.log_error("%s", traceback.format_exc())
            self.send_error(500)
            return
        content = b"".join(answer)
        headers.setdefault("Content-Length", str(len(content)))
        headers.setdefault("Date", self.date_time_string())
        head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "\r\n"]
        # In one packet if it fits: a header on its own costs a client another wake-up.
        self.wfile.write("\r\n".join(head).encode("latin-1") + content)


class MotoServer(ThreadedWSGIServer):
    """The patched moto on a port of an address, from construction until `stop()`.

    Ends the process, saying why, if the port is taken.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._connections: set[Any] = set()
        app = DomainDispatcherApplication(create_backend_app)
        super().__init__(host, port, app, _Handler)
        self.endpoint = f"http://{host}:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def stop(self) -> None:
        """Accept nothing more and cut what is connected."""
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
