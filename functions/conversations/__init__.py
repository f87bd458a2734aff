"""Conversations and messages, sync and streamed: docs/conversations.md."""
