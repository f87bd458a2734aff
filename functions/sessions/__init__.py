"""Streams for clients that send the whole history, and what there is of them: docs/sessions.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
