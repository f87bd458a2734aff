"""Conversations and messages, sync and streamed: docs/conversations.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
