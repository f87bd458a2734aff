"""Prompts and their previews: docs/prompts.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
