"""Reprise: conversations whose answers can be redone without losing anything."""
