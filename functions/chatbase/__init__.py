"""Agents, their conversations, chat and retry, for clients of Chatbase's API: docs/chatbase.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
