"""A PDF read in a process of its own, which `bench.knowledge` starts: prints JSON.

    python bench/read_pdf.py upload|ours|pypdf FILE

`upload` is all that the worker does with an upload, from the bucket and to it, index and table
included; `ours` is the reading alone, `pypdf` that by the library, without limits. Seconds are
elapsed; `bytes` is the memory that the largest process had, `own` that of this one.
"""

import json
import re
import resource
import sys
import time
from pathlib import Path

how, file = sys.argv[1:]
data = Path(file).read_bytes()
began = time.perf_counter()
reason = None
if how == "upload":
    from reprise.chat.ids import Mint
    from reprise.chat.messages import Conversation
    from reprise.engine import extraction
    from reprise.store import bucket, conversations, keys, uploads

    owner, number, now = keys.account(1), Mint().number(), int(time.time() * 1000)
    conversation = Conversation(number, Mint().text_id(number), owner, None, None, 0, now, now)
    conversations.create(conversation)
    uploads.add(conversation, uploads.Upload(1, "book.pdf", len(data), now, "pending"))
    key = keys.pending_upload(keys.conversation(owner, number), 1)
    bucket.put(key, data, "application/pdf")
    began = time.perf_counter()
    outcome = extraction.extract(key, len(data), now)
    reason = None if outcome == "ready" else outcome
elif how == "ours":
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


def most(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def most_of_this() -> int:
    """Where Linux tells it apart from what our parent had when it began us."""
    status = Path("/proc/self/status")
    told = status.exists() and re.search(r"VmHWM:\s+(\d+)", status.read_text())
    return 1024 * int(told[1]) if told else most(resource.RUSAGE_SELF)


own, children = most_of_this(), most(resource.RUSAGE_CHILDREN)
largest = own if how == "pypdf" else children
print(json.dumps({"seconds": seconds, "bytes": largest, "own": own, "reason": reason}))
