"""`reprise [--local] accounts|agents|corpora|credits|keys …`: what an operator does and no client
may.

Works on the table named by TABLE_NAME, and for corpora on the bucket named by BUCKET_NAME, with the
AWS credentials of the environment; or with `--local` on those of the running `make dev`.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from cli import accounts, agents, corpora, keys
from cli import credits as credits_of_accounts


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        "reprise",
        description="Accounts, API keys, credits, agents and corpora of a Reprise deployment.",
    )
    top.add_argument(
        "--local",
        action="store_true",
        help="use the running `make dev` (PORT and AWS_PORT say which)",
    )
    nouns = top.add_subparsers(metavar="accounts|agents|corpora|credits|keys", required=True)
    accounts.add_commands(nouns.add_parser("accounts", help="make accounts, change their plans"))
    agents.add_commands(nouns.add_parser("agents", help="put, list, show and delete agents"))
    corpora.add_commands(
        nouns.add_parser("corpora", help="make, fill, list and delete corpora of documents")
    )
    keys.add_commands(nouns.add_parser("keys", help="make, list and revoke API keys"))
    credits_of_accounts.add_commands(
        nouns.add_parser("credits", help="grant credits, show what is left")
    )
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 1 and one line on stderr for whatever cannot be done."""
    options = parser().parse_args(arguments)
    if options.local:
        from local.environment import find_running

        if problem := find_running(os.environ):
            sys.exit(f"reprise: {problem}")
    elif not os.environ.get("TABLE_NAME"):
        sys.exit(
            "reprise: set TABLE_NAME to the table of your deployment (output TableName), "
            "or use --local"
        )
    # only now: the table's name is read when the store is imported
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    from reprise.chat.errors import RepriseError

    try:
        options.run(options)
    except RepriseError as error:
        sys.exit(f"reprise: {error}")
    except PynamoDBException as error:
        why = error.cause or error  # what PynamoDB says itself does not always tell
        sys.exit(f"reprise: cannot reach the table {os.environ['TABLE_NAME']}: {why}")
    except ClientError as error:  # PynamoDB has its own
        sys.exit(f"reprise: cannot use the bucket {os.environ['BUCKET_NAME']}: {error}")
    except BotoCoreError as error:
        sys.exit(f"reprise: cannot reach AWS: {error}")


if __name__ == "__main__":
    main()
