"""Which route a request takes, as API Gateway decides it: the path first, then the method."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.template import Route


@dataclass(frozen=True)
class Resource:
    """A path of the API with its methods. Segments in braces are variables."""

    path: str
    segments: tuple[str, ...]
    methods: Mapping[str, Route]

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The values of the path's variables, as they were sent; None if the path is another."""
        if len(segments) != len(self.segments):
            return None
        values = {}
        for wanted, given in zip(self.segments, segments, strict=True):
            if _is_variable(wanted) and given:
                values[wanted[1:-1]] = given
            elif wanted != given:
                return None
        return values

    def route(self, method: str) -> Route | None:
        return self.methods.get(method) or self.methods.get("ANY")


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ValueError where two functions answer the same method and path."""
        methods: dict[str, dict[str, Route]] = {}
        for route in routes:
            if route.method in methods.setdefault(route.path, {}):
                raise ValueError(f"two functions answer {route.method} {route.path}")
            methods[route.path][route.method] = route
        resources = [Resource(path, _split(path), by) for path, by in methods.items()]
        # A fixed segment beats a variable, and the more so the further left it is.
        self._resources = sorted(resources, key=lambda r: [_is_variable(s) for s in r.segments])

    def find(self, path: str) -> tuple[Resource, dict[str, str]] | None:
        """The resource at a path, percent-encoded as it was sent, and its variables."""
        segments = _split(path)
        for resource in self._resources:
            values = resource.match(segments)
            if values is not None:
                return resource, values
        return None


def _split(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


def _is_variable(segment: str) -> bool:
    return segment.startswith("{")
