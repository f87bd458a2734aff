"""What was counted, as CloudWatch reads it from stdout."""

import json
from typing import Any

Counted = dict[str, tuple[float, dict[str, str]]]  # value and dimensions of each metric
SERVICE = {"service": "reprise"}


def lines_of(out: str) -> list[Counted]:
    """The metrics of each line of Embedded Metric Format among what was printed."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [_parse(line) for line in lines if "_aws" in line]


def _parse(line: dict[str, Any]) -> Counted:
    """By CloudWatch's rules, and nothing in it that is not part of a metric."""
    found: Counted = {}
    used = {"_aws"}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "Reprise"
        (names,) = directive["Dimensions"]
        for metric in directive["Metrics"]:
            assert metric["Name"] not in found
            (value,) = line[metric["Name"]]
            found[metric["Name"]] = value, {name: line[name] for name in names}
            used |= {metric["Name"], *names}
    assert used == line.keys()
    return found
