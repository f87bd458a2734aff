"""The domain: ids, messages, branches, events. Pure: no I/O, no clock, no AWS."""
