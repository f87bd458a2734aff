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
AGENT = "AGENT"
NAME = "NAME"
KEY = "KEY"
SUBJECT = "SUB"
CLAIM = "IDEM"
WINDOW = "RATE"
SESSION = "SESSION"
CORPUS = "CORPUS"
PROMPT = "PROMPT#"
PREVIEW = "PREVIEW"
_PREVIEWS = "#PREVIEW"
UPLOAD = "F#"
PENDING_UPLOADS = "uploads/pending/"  # template.yaml says what becomes of them


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


def session(digest: str) -> str:
    """Partition of a cookie session, by the SHA-256 of its secret in hexadecimal."""
    return f"SESSION#{digest}"


def anonymous(digest: str) -> str:
    """The owner that an anonymous session is, by the same."""
    return f"ANON#{digest}"


def agent(agent_id: str) -> str:
    """Partition of an agent, and as `owner` the beginning of the partitions of conversations that
    the public has with it.
    """
    return f"AGENT#{agent_id}"


def agent_of_account(agent_id: str) -> str:
    return f"AGENT#{agent_id}"


def public_agent(owner: str) -> str | None:
    """The id of the agent whose public owns something; None where the owner is somebody."""
    return owner.removeprefix(agent("")) if owner.startswith(agent("")) else None


def conversations_with(owner: str, agent_id: str) -> str:
    """Partition of the index `by_agent`: an owner's conversations with an agent."""
    return f"{owner}#AGENT#{agent_id}"


def conversations_of(owner: str, end_user: str) -> str:
    """Partition of the index `by_end_user`: those that an owner's end user has."""
    return f"{owner}#END#{end_user}"


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


def upload(number: int) -> str:
    """Sort key of a file in a conversation, and the beginning of what it keeps among the bodies."""
    return f"{UPLOAD}{number:016d}"


def upload_file(partition: str, number: int, name: str) -> str:
    """Where the bucket has a file's `original`, its `text`, and the `index` of that."""
    return f"{bodies(partition)}{upload(number)}/{name}"


def pending_upload(partition: str, number: int) -> str:
    """Where a client puts a file into the bucket, until a worker has read it."""
    return f"{PENDING_UPLOADS}{partition}/{number:016d}"


def split_pending_upload(key: str) -> tuple[str, int]:
    """Partition and number of such a key."""
    partition, _, number = key.removeprefix(PENDING_UPLOADS).rpartition("/")
    return partition, int(number)


def split_conversation(partition: str) -> tuple[str, int]:
    """Owner and number of a conversation's partition."""
    owner, _, number = partition.rpartition("#CONV#")
    return owner, int(number)


def corpus(corpus_id: str) -> str:
    """Partition of a corpus, and sort key of the entry that lists it among its account's."""
    return f"CORPUS#{corpus_id}"


def document(number: int) -> str:
    return f"DOC#{number:016d}"


def corpus_files(corpus_id: str) -> str:
    """Prefix in the bucket of what a corpus keeps there."""
    return f"corpora/{corpus_id}/"


def corpus_document(corpus_id: str, name: str) -> str:
    """Where a document lies in the bucket as it was given; `name` is no other's."""
    return f"{corpus_files(corpus_id)}documents/{name}"


def corpus_index(corpus_id: str, name: str) -> str:
    """Where an index of a corpus lies in the bucket; `name` is no other's."""
    return f"{corpus_files(corpus_id)}indexes/{name}"


def prompt(number: int) -> str:
    """Sort key of one of an account's prompts, or of its uses of a template."""
    return f"{PROMPT}{number:016d}"


def previews(owner: str) -> str:
    """The owner of the leases of an account's previews, which are of no conversation."""
    return f"{owner}{_PREVIEWS}"


def account_of_previews(owner: str) -> str | None:
    """Whose previews these are; None for the owner of conversations."""
    return owner.removesuffix(_PREVIEWS) if owner.endswith(_PREVIEWS) else None
