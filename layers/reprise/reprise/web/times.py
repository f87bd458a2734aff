"""Times as JSON has them."""

from datetime import UTC, datetime


def iso(milliseconds: int) -> str:
    """A time since the Unix epoch, in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
