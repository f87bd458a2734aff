"""Files for the answers of a session to go by: docs/uploads.md."""

from reprise import cold_start

cold_start.import_for_endpoints()
