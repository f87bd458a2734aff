"""The ports that `make dev` listens on, or a clear word about why it cannot."""

import socket
from collections.abc import Mapping

HOST = "127.0.0.1"


class CannotStart(Exception):
    """Something in the environment is not as it has to be. The text is for the user."""


def claim(
    environ: Mapping[str, str], variable: str, default: int, host: str = HOST
) -> socket.socket:
    """A socket bound to the port in `variable`. Raises CannotStart."""
    text = environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise CannotStart(f"{variable}={text} is not a port: set {variable} to a number")
    # TCP by name: asyncio sets TCP_NODELAY only then, and without that an event waits up to 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Without it, the connections of the last run would keep the port for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(text)))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotStart(f"Port {text} is taken: set {variable} to another") from error
    return listener
