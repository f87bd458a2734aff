"""Finding the running `make dev` from another process, as `reprise --local` does."""

import socket
from collections.abc import MutableMapping

from local import backend, template
from local.ports import HOST


def find_running(environ: MutableMapping[str, str]) -> str | None:
    """Set `environ` up for the table of the `make dev` that listens on PORT and AWS_PORT. Returns a
    sentence on what is missing, None if it is there.
    """
    wanted = [("PORT", 7001)]
    if backend.needs_moto(environ):
        wanted.append(("AWS_PORT", 7002))
    ports: dict[str, int] = {}
    for variable, usual in wanted:
        text = environ.get(variable) or str(usual)
        if not (text.isdigit() and 0 < int(text) < 65536):
            return f"{variable} is not a port: {text}"
        ports[variable] = int(text)
        try:
            socket.create_connection((HOST, ports[variable]), timeout=2).close()
        except OSError:
            return (
                f"nothing answers on port {text}: start `make dev`, or set {variable} to the port "
                "that it uses"
            )
    design = template.load(backend.region(environ), environ)
    moto = f"http://{HOST}:{ports['AWS_PORT']}" if "AWS_PORT" in ports else None
    backend.configure(environ, moto)
    for name, value in design.environment.items():
        environ.setdefault(name, value)
    return None
