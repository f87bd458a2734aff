"""The only place that writes a key. The owner is part of the partition key, so what is another's is
simply not found.

`M#…` < `META` < `META#LEASE`: one reverse Query brings the lease, the conversation, its latest
messages.
"""

META = "META"
LEASE = "META#LEASE"
FIRST_MESSAGE = "M#"
PROFILE = "PROFILE"
NAME = "NAME"
KEY = "KEY"
SUBJECT = "SUB"


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


def versions(parent: str) -> str:
    """Sort key of the siblings under one parent; the first messages of a conversation have its id
    for one.
    """
    return f"V#{parent}"


def generation(generation_id: str) -> str:
    return f"GEN#{generation_id}"


def chunk(number: int) -> str:
    return f"CHUNK#{number:06d}"


def bodies(partition: str) -> str:
    """Prefix in the bucket of what a conversation keeps there."""
    return f"bodies/{partition}/"


def split_conversation(partition: str) -> tuple[str, int]:
    """Owner and number of a conversation's partition."""
    owner, _, number = partition.rpartition("#CONV#")
    return owner, int(number)
