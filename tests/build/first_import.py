"""Imports one module with nothing but the standard library and some folders, and tells how it went.

    python -I -S -B tests/build/first_import.py MODULE FOLDER …

Prints JSON: seconds on the processor, and the files that had no bytecode. Run as a file.
"""

import sys
import time
from importlib.machinery import SourceFileLoader

module, *folders = sys.argv[1:]
sys.path[:0] = folders
compiled: list[str] = []
compile_source = SourceFileLoader.source_to_code


def source_to_code(self, data, path, **options):  # type: ignore[no-untyped-def]
    if str(path).startswith(tuple(folders)):
        compiled.append(str(path))
    return compile_source(self, data, path, **options)


SourceFileLoader.source_to_code = source_to_code  # type: ignore[method-assign]

began = time.process_time()
__import__(module)
seconds = time.process_time() - began

import json  # noqa: E402  (not before the clock has stopped)

sys.stdout.write(json.dumps({"seconds": seconds, "compiled": compiled}))
