"""`python -m bench [NAME …]`: measure, print tables, and write `bench/results.json`.

Everything runs on this machine's loopback, and all that is started is stopped. Times say little by
themselves, so each stands beside something that was measured in the same run, turn by turn.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.progress import Progress
from bench.table import Result, verdicts

BENCHES = {
    "cold": "from a fresh interpreter to its first DynamoDB answer",
    "bytecode": "importing what `make build` ships, with its bytecode and without",
    "capacity": "DynamoDB's units and sequential calls, by the shape of the conversation",
    "following": "an answer's readers: how far behind they are, and how soon a stop ends it",
    "latency": "what Reprise adds to a provider's answer, beside LiteLLM",
    "limits": "turns a second of one account with credits, until they refuse one another",
    "surfaces": "what the other surfaces add to an answer, beside the conversations surface",
    "sessions": "a long history that is resent, and pages of many sessions",
    "runtime": "what the streaming runtime adds to an event",
    "knowledge": "search in a corpus of 1,000 pages, and the reading of PDFs",
    "streams": "200 streams at once through `make dev`",
    "fixie": "a long answer on the Fixie surface, to a client that reads slowly",
}
RESULTS = Path(__file__).with_name("results.json")


def main(names: Sequence[str]) -> int:
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"There is no bench {unknown[0]!r}. There are:", file=sys.stderr)
        for name, what in BENCHES.items():
            print(f"  {name:10} {what}", file=sys.stderr)
        return 2
    # What is measured reads its environment when it is imported, which `_run` does.
    os.environ.update(environment())
    load = os.getloadavg()
    print(
        f"Load average {', '.join(f'{each:.2f}' for each in load)} on {os.cpu_count()} processors"
        f"{': times will be worse than they could be' if load[0] > 0.5 else ''}",
        flush=True,
    )
    began = time.monotonic()
    results = {name: _run(name) for name in names or BENCHES}
    took = time.monotonic() - began
    everything = verdicts(target for result in results.values() for target in result.targets)
    print("\n" + "\n".join(everything.lines()))
    print(f"\nTook {took:.0f} s. Load average now {os.getloadavg()[0]:.2f}.")
    _write(results, load, took)
    return 0


def environment() -> dict[str, str]:
    """What benches that run the project's code in this process need."""
    return {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        # moto does not know the addresses that have an account in them
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "AWS_EC2_METADATA_DISABLED": "true",
        "TABLE_NAME": "reprise",
        "BUCKET_NAME": "reprise-bodies",
        "POWERTOOLS_SERVICE_NAME": "reprise",
    }


def _run(name: str) -> Result:
    """Run one bench, and print its tables as soon as they are there."""
    say = Progress(name)
    say("starting")
    result: Result = importlib.import_module(f"bench.{name}").run(say)
    say.end()
    for table in result.tables:
        print("\n" + "\n".join(table.lines()), flush=True)
    return result


def _write(results: Mapping[str, Result], load: Sequence[float], took: float) -> None:
    document: dict[str, Any] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": sys.version.split()[0],
        "processors": os.cpu_count(),
        "load": load,
        "seconds": round(took, 1),
        "benches": {name: asdict(result) for name, result in results.items()},
    }
    RESULTS.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(f"Written to {RESULTS.relative_to(RESULTS.parents[1])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
