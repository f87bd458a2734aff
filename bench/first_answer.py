"""What a fresh interpreter takes to import modules and, asked to, to its first DynamoDB answer.

Run as a file, by itself: `python -P bench/first_answer.py answer conversations.get_message`. Prints
the seconds of each step as JSON: those on the processor, which other work on the machine hardly
lengthens, and of the call, which waits, all. Nothing is imported before the clock runs.
"""

import sys
import time

until, *modules = sys.argv[1:]
if until in ("import-deployed", "model"):
    # what brings httpx's command line to life is there for tools, and not deployed
    sys.modules["click"] = None  # type: ignore[assignment]

began = time.process_time()

for module in modules:
    __import__(module)
seconds = {"import": time.process_time() - began}

if until in ("answer", "model"):
    from reprise.store.table import connection

    began = time.process_time()
    connection().connection.client  # noqa: B018  made when first looked at
    seconds["client"] = time.process_time() - began
    began = time.perf_counter()
    connection().get_item("KEY#none", "KEY", consistent_read=True)  # as every request begins
    seconds["call"] = time.perf_counter() - began
if until == "model":
    began = time.process_time()
    from reprise.llm import catalogue, providers

    providers.provider_for(catalogue.default())
    seconds["model"] = time.process_time() - began

print("{" + ", ".join(f'"{name}": {value:.6f}' for name, value in seconds.items()) + "}")
