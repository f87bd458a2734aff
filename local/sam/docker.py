"""How containers reach this machine, and what is left of them."""

import json
import socket
import subprocess
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from local.backend import DYNAMODB
from local.ports import HOST, CannotStart

# What Docker Desktop, whose engine is in a virtual machine, calls the loopback of its host.
DESKTOP = "host.docker.internal"


@dataclass(frozen=True)
class Host:
    """`address` is where to listen here, `name` what containers call that."""

    address: str
    name: str


def host() -> Host:
    """The bridge's own address where that is one of this machine, so that nobody else can connect;
    elsewhere what Docker Desktop offers. Raises CannotStart where no Docker runs.
    """
    gateway = _bridge()
    try:
        with socket.create_server((gateway, 0)):
            return Host(gateway, gateway)
    except OSError:
        return Host(HOST, DESKTOP)


def _bridge() -> str:
    """Docker leaves the address out until a container has run: then it is its network's first."""
    ask = "{{with index .IPAM.Config 0}}{{.Subnet}} {{.Gateway}}{{end}}"
    command = ("docker", "network", "inspect", "bridge", "--format", ask)
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart("sam local runs functions in containers: start Docker first") from error
    subnet, *gateway = answer.stdout.split()
    if gateway and gateway[0][0].isdigit():
        return gateway[0]
    return str(ip_network(subnet)[1])


def remove_left_over(functions: Path, here: Host) -> None:
    """Remove the containers that run these functions against a backend that is no more. sam leaves
    one behind if it is ended while Docker makes it, and all of them if it is killed.
    """
    ids = _docker("ps", "--all", "--quiet", "--filter", "label=sam.cli.container.type=lambda")
    containers = json.loads(_docker("inspect", *ids.split()) or "[]") if ids else []
    left_over = [
        container["Id"]
        for container in containers
        if any(each.startswith(f"{functions}:") for each in container["HostConfig"]["Binds"] or ())
        and not _answers(_backend(container["Config"]["Env"]), here)
    ]
    if left_over:
        _docker("rm", "--force", *left_over)


def _backend(environ: list[str]) -> str:
    """The endpoint that a function was told."""
    return dict(each.split("=", 1) for each in environ if "=" in each).get(DYNAMODB, "")


def _answers(endpoint: str, here: Host) -> bool:
    try:
        socket.create_connection((here.address, urlsplit(endpoint).port or 0), timeout=5).close()
    except OSError:
        return False
    return True


def _docker(*arguments: str) -> str:
    """What it prints; that something is gone meanwhile is no failure."""
    command = ("docker", *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
