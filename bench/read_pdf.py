"""A PDF read in a process of its own, which `bench.knowledge` starts: prints JSON.

    python bench/read_pdf.py ours|pypdf FILE

`ours` is as an upload is read, `pypdf` the library alone, without limits. Seconds are elapsed;
`bytes` is the memory that the largest process had.
"""

import json
import resource
import sys
import time
from pathlib import Path

how, file = sys.argv[1:]
data = Path(file).read_bytes()
began = time.perf_counter()
reason = None
if how == "ours":
    from reprise.knowledge.limits import Unreadable
    from reprise.knowledge.pdf import extract

    try:
        extract(data)
    except Unreadable as error:
        reason = error.reason
else:
    from io import BytesIO

    from pypdf import PdfReader

    for page in PdfReader(BytesIO(data)).pages:
        page.extract_text()
seconds = time.perf_counter() - began

used = resource.getrusage(resource.RUSAGE_CHILDREN if how == "ours" else resource.RUSAGE_SELF)
most = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"seconds": seconds, "bytes": most, "reason": reason}))
