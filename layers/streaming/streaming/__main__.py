"""Where the wrapper enters: `python -P …/python/streaming/__main__.py OPT`, OPT being where layers
are unpacked. Short, since a script is compiled at every start.
"""

import os
import sys


def start(opt: str) -> int:
    """Run until the container ends, or until there is nothing left to serve; the exit status."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from streaming import paths

    del sys.path[0]
    paths.set_up(opt)
    from streaming.runtime import main

    return main()


if __name__ == "__main__":
    status = start(sys.argv.pop())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # not waiting for threads: Lambda expects a prompt exit
