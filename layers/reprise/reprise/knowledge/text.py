"""Text as it is kept: without what is not text."""

import re

_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile("[\0-\b\x0e-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Every line ends with a newline; controls, and blanks at the ends of lines, are gone; halves
    of characters, which some PDFs have, are joined or replaced.
    """
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _CONTROLS.sub("", _NEWLINES.sub("\n", text))
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
