"""What of a branch the model gets to read: as much of its end as the context window holds."""

from collections.abc import Iterable, Iterator

from reprise.chat.events import encode_part
from reprise.chat.messages import Message, Part, Text

_PER_MESSAGE = 4  # tokens of a chat format's frame around each message
_ANSWER_SHARE = 4  # a quarter of the window stays free for the answer


def estimate(text: str) -> int:
    """Tokens of a text, roughly: four bytes each, which errs on the high side for most
    languages.
    """
    return len(text.encode()) // 4 + 1


def tokens_of(message: Message) -> int:
    """Tokens that a message takes up in a context, roughly."""
    return _PER_MESSAGE + sum(map(tokens_of_part, message.parts))


def tokens_of_part(part: Part) -> int:
    return estimate(part.text if isinstance(part, Text) else str(encode_part(part)))


def budget(window: int) -> int:
    """Tokens of a model's `window` that the branch may fill."""
    return window - window // _ANSWER_SHARE


def fill(newest_first: Iterable[Message], window: int, taken: int = 0) -> Iterator[Message]:
    """The messages that fit beside the tokens that are `taken`, newest first. The newest is always
    among them: a request that is too long for the model is the model's to refuse, with its own
    words.
    """
    left, newest = budget(window) - taken, True
    for message in newest_first:
        if not message.shown or not message.parts:
            continue
        left -= tokens_of(message)
        if left < 0 and not newest:
            return
        newest = False
        yield message
