"""Conversations with agents, as snapshots in JSON lines: docs/fixie.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
