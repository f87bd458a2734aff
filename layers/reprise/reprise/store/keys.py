"""The only place that writes a key. The owner is part of the partition key, so what is another's is
simply not found.

`M#…` < `META` < `META#LEASE`: one reverse Query brings the lease, the conversation, its latest
messages.
"""

META = "META"
LEASE = "META#LEASE"
FIRST_MESSAGE = "M#"
CHUNK = "CHUNK#"
VERSIONS = "V#"
PROFILE = "PROFILE"
NAME = "NAME"
KEY = "KEY"
SUBJECT = "SUB"
CLAIM = "IDEM"
WINDOW = "RATE"


def account(number: int) -> str:
    """The partition of an account, and as `owner` the beginning of its conversations'
    partitions.
    """
    return f"USER#{number:016d}"


def account_name(name: str) -> str:
    return f"NAME#{name}"


def api_key(digest: str) -> str:
    """Partition of a key, by the SHA-256 of its secret in hexadecimal."""
    return f"KEY#{digest}"


def api_key_of_account(key_id: str) -> str:
    return f"KEY#{key_id}"


def subject(digest: str) -> str:
    """Partition of a user of an issuer of JWTs, by the SHA-256 of who they are there."""
    return f"SUB#{digest}"


def conversation(owner: str, number: int) -> str:
    return f"{owner}#CONV#{number:016d}"


def message(message_id: str) -> str:
    return f"M#{message_id}"


def versions(parent: str, role: str) -> str:
    """Sort key of the siblings of one role under one parent; the first messages of a conversation
    have its id for one. Of assistants they are the versions of an answer, of others edits.
    """
    return f"{VERSIONS}{parent}" if role == "assistant" else f"{VERSIONS}{parent}#{role}"


def generation(generation_id: str) -> str:
    return f"GEN#{generation_id}"


def chunk(number: int) -> str:
    return f"{CHUNK}{number:06d}"


def balance(period: str) -> str:
    """Sort key of an account's balance in a month such as 2026-11."""
    return f"BALANCE#{period}"


def ledger(entry: str) -> str:
    """Sort key of a ledger entry: a generation's id, or a grant's."""
    return f"LEDGER#{entry}"


def claim(owner: str, digest: str) -> str:
    """Partition of an idempotency claim, by the SHA-256 of the client's key."""
    return f"IDEM#{owner}#{digest}"


def window(scope: str, subject: str, start: int) -> str:
    """Partition of a rate window that begins at `start`, in seconds."""
    return f"RATE#{scope}#{subject}#{start}"


def bodies(partition: str) -> str:
    """Prefix in the bucket of what a conversation keeps there."""
    return f"bodies/{partition}/"


def split_conversation(partition: str) -> tuple[str, int]:
    """Owner and number of a conversation's partition."""
    owner, _, number = partition.rpartition("#CONV#")
    return owner, int(number)
