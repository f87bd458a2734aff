"""Functions that no client calls: the table's stream does."""
