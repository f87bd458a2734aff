"""What to tell of a call that did not work. sam itself succeeds where a container says nothing."""


def problem(function: str, status: int, answer: str) -> str | None:
    """None if there is none. `status` is sam's, `answer` what it has printed on stdout."""
    if status:
        how = f"was ended by signal {-status}" if status < 0 else f"failed, with status {status}"
        return f"sam local invoke {how}: what it says is above."
    if not answer:
        return (
            f"{function} has not answered. Its container ended, or was not ready in time: what "
            "it and sam say is above. If the machine was busy, call it again."
        )
    return None
