"""Threads that are streamed and regenerated, by session cookie: docs/opey.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
