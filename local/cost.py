"""`docs/cost.md`: what a turn costs, computed of the measured units and the prices in
`docs/prices.toml`.

    python -m local.cost [--check]

Writes the page's tables. `--check` writes nothing and fails if they are not up to date.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE, FIGURES = DOCS / "cost.md", DOCS / "prices.toml"
HOURS = 730  # of a month
SECONDS = HOURS * 3600
MILLION, GB = 1_000_000, 1_000_000_000
CHUNK_MONTHS = 14 / 30.4
YEAR = 12

Figures = Mapping[str, Any]
Costs = dict[str, float]


def figures() -> Figures:
    return tomllib.loads(FIGURES.read_text())


def chunks(turn: Figures) -> int:
    """Of an answer's log, at most: a tick without news writes nothing."""
    return int(turn["seconds"] / turn["chunk_every"])


def renewals(turn: Figures) -> int:
    """Of an answer's lease. At every other tick it is looked at instead."""
    return int(turn["seconds"] / turn["renew_every"])


def turn_units(turn: Figures) -> Iterator[tuple[str, float, str]]:
    """What a turn takes: of what, how much, in which price."""
    yield "Lambda: waiting for the model", turn["seconds"] * turn["memory_gb"], "lambda_gb_second"
    yield "Lambda: the call", 1 / MILLION, "lambda_requests"
    yield "API Gateway: the request", ceil(turn["sent_bytes"] / 10e6) / MILLION, "gateway_requests"
    yield "DynamoDB: begin and end", turn["write_units"] / MILLION, "dynamodb_write_units"
    yield (
        "DynamoDB: chunk log and lease",
        (chunks(turn) * turn["chunk_units"] + renewals(turn) * turn["renewal_units"]) / MILLION,
        "dynamodb_write_units",
    )
    looks = (chunks(turn) - renewals(turn)) * turn["look_units"]
    yield "DynamoDB: reads", (turn["read_units"] + looks) / MILLION, "dynamodb_read_units"
    yield "Logs", turn["log_bytes"] / GB, "logs"
    yield "Data to the client", turn["sent_bytes"] / GB, "transfer"


def upload_units(upload: Figures) -> Iterator[tuple[str, float, str]]:
    """What an upload takes, in the same way, and a month of keeping it."""
    work = upload["seconds"] * upload["memory_gb"] + upload["request_gb_seconds"]
    yield "Lambda: reading the PDF, the requests", work, "lambda_gb_second"
    yield "Lambda: the calls", (upload["requests"] + 1) / MILLION, "lambda_requests"
    yield "API Gateway: the requests", upload["requests"] / MILLION, "gateway_requests"
    yield "S3: objects written", upload["s3_writes"] / MILLION, "s3_writes"
    yield "S3: objects read", upload["s3_reads"] / MILLION, "s3_reads"
    yield "EventBridge: what the bucket tells", upload["events"] / MILLION, "events"
    yield "DynamoDB: writes", upload["write_units"] / MILLION, "dynamodb_write_units"
    yield "S3: a month of it", upload["stored_bytes"] / GB, "s3_storage"


def month(of: Figures, volume: Figures) -> Costs:
    """Dollars of a month on Lambda, by service."""
    prices, turn, turns = of["prices"], of["turn"], volume["turns"]
    costs: Costs = {}
    for what, amount, price in turn_units(turn):
        service = what.partition(":")[0]
        costs[service] = costs.get(service, 0) + turns * amount * prices[price]
    starts = turns * volume["cold"] * of["assumed"]["init_seconds"] * turn["memory_gb"]
    costs["Lambda"] += starts * prices["lambda_gb_second"]
    hours = min(turns, HOURS)  # at most: those with a turn in them
    costs["Metrics"] = of["assumed"]["turn_metrics"] * prices["metric"] * hours / HOURS
    costs["Traces"] = _traces(turns) / MILLION * prices["traces"]
    kept = YEAR * turns * turn["stored_bytes"]
    logged = turns * chunks(turn) * turn["chunk_bytes"] * CHUNK_MONTHS
    costs["Storage and backup, after a year"] = (
        (kept + logged) / GB * (prices["dynamodb_storage"] + prices["dynamodb_backup"])
    )
    costs["Alarms and dashboard"] = (
        of["assumed"]["alarm_metrics"] * prices["alarm"] + prices["dashboard"]
    )
    return costs


def _traces(turns: int) -> float:
    """X-Ray's default: the first of each second, and a twentieth of the others."""
    rate = turns / SECONDS
    return (min(rate, 1) + max(0, rate - 1) / 20) * SECONDS


def container(of: Figures, volume: Figures) -> Costs:
    """Dollars of a month on containers that are always there, with a database."""
    prices, turn, tasks = of["prices"], of["turn"], volume["tasks"]
    hourly = (
        volume["vcpus"] * prices["fargate_vcpu_hour"] + volume["gb"] * prices["fargate_gb_hour"]
    )
    balancer = (
        prices["balancer_hour"] + of["assumed"]["balancer_units"] * prices["balancer_unit_hour"]
    )
    return {
        "Containers": tasks * hourly * HOURS,
        "Load balancer and addresses": (balancer + (tasks + 2) * prices["address_hour"]) * HOURS,
        "Database": prices["database_hour"][volume["database"]] * HOURS
        + volume["database_gb"] * prices["database_storage"],
        "Logs": volume["turns"] * turn["log_bytes"] / GB * prices["logs"],
        "Data to the client": volume["turns"] * turn["sent_bytes"] / GB * prices["transfer"],
    }


def tables(of: Figures) -> dict[str, str]:
    """The page's tables, by their names."""
    return {
        "turn": _million(of, turn_units(of["turn"]), "a", "turn"),
        "upload": _million(of, upload_units(of["upload"]), "an", "upload"),
        "months": _table(of, month, "Reprise"),
        "containers": _table(of, container, "Containers and a database"),
        "together": _together(of),
    }


def _million(of: Figures, units: Iterable[tuple[str, float, str]], article: str, name: str) -> str:
    priced = [
        (what, _amount(amount, price), amount * of["prices"][price])
        for what, amount, price in units
    ]
    rows = [(what, amount, _micro(dollars)) for what, amount, dollars in priced]
    total = ("**all**", "", _micro(sum(dollars for *_, dollars in priced)))
    return _markdown((f"{article} {name}", "takes", f"$ a million {name}s"), [*rows, total])


def _amount(amount: float, price: str) -> str:
    if price == "lambda_gb_second":
        return f"{amount:g} GB·s"
    if price == "s3_storage":
        return f"{amount * GB / MILLION:g} MB"
    if price in ("logs", "transfer"):
        return f"{amount * GB / 1000:.1f} KB"
    return f"{amount * MILLION:g}"


def _micro(dollars: float) -> str:
    return f"{dollars * MILLION:.2f}"


def _table(of: Figures, cost: Any, name: str) -> str:
    columns = [cost(of, volume) for volume in of["volumes"]]
    rows = [(service, *(_dollars(costs[service]) for costs in columns)) for service in columns[0]]
    totals = ("**all**", *(_dollars(sum(costs.values())) for costs in columns))
    return _markdown((f"{name}: $ a month at", *_turns(of)), [*rows, totals])


def _together(of: Figures) -> str:
    rows = []
    for name, cost in (("Reprise", month), ("Containers and a database", container)):
        totals = [sum(cost(of, volume).values()) for volume in of["volumes"]]
        rows.append((name, *map(_dollars, totals)))
    return _markdown(("$ a month at", *_turns(of)), rows)


def _turns(of: Figures) -> Iterator[str]:
    return (f"{volume['turns']:,} turns" for volume in of["volumes"])


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = [f"| {' | '.join(columns)} |", f"|---|{'--:|' * (len(columns) - 1)}"]
    return "\n".join(head + [f"| {' | '.join(row)} |" for row in rows])


def filled(page: str, of: Figures) -> str:
    """The page with its tables, each of which stands between `<!-- name -->` and `<!-- end -->`.
    Raises ValueError where a table has no place.
    """
    for name, table in tables(of).items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        if page.count(begin) != 1:
            raise ValueError(f"{page.count(begin)} places for the table {name}")
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}{table}\n{end}{after}"
    return page


def main(arguments: list[str]) -> int:
    page = PAGE.read_text()
    new = filled(page, figures())
    if arguments == ["--check"]:
        if new != page:
            print("docs/cost.md is not up to date: make cost", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
