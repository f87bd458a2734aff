"""`make sam-local` and `make invoke`: the built functions in containers, against moto.

`sam local` buffers answers, runs neither workers nor gateway responses, and takes seconds for a
function's first call. `make dev` is for developing; this shows that what was built runs.
"""
