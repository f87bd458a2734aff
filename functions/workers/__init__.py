"""Functions that no client calls: the table's stream does, or the bucket."""

from reprise import cold_start

cold_start.import_for_workers()
