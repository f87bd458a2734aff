"""How containers reach this machine."""

import socket
import subprocess
from dataclasses import dataclass
from ipaddress import ip_network

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
