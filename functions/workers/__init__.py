"""Functions that no client calls: the table's stream does."""

from reprise import cold_start

cold_start.import_for_workers()
