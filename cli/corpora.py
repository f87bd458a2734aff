"""`reprise corpora`."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path


def add_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="create|add|list|delete", required=True)
    create = verbs.add_parser("create", help="make a corpus; prints its id")
    create.add_argument("--account", required=True, metavar="NAME")
    create.add_argument("--name", required=True, metavar="TITLE")
    create.add_argument(
        "--knowledge-base", metavar="ID", help="have it searched by this Bedrock knowledge base"
    )
    create.set_defaults(run=_create)
    add = verbs.add_parser("add", help="add PDFs, texts or Markdown files to a corpus")
    add.add_argument("--account", required=True, metavar="NAME")
    add.add_argument("corpus", metavar="CORPUS", help="its id, as `corpora list` shows it")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add.set_defaults(run=_add)
    list_ = verbs.add_parser("list", help="list an account's corpora")
    list_.add_argument("--account", required=True, metavar="NAME")
    list_.set_defaults(run=_list)
    delete = verbs.add_parser("delete", help="delete a corpus with all that is in it")
    delete.add_argument("--account", required=True, metavar="NAME")
    delete.add_argument("corpus", metavar="CORPUS", help="its id, as `corpora list` shows it")
    delete.set_defaults(run=_delete)


def _create(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.chat.ids import Mint
    from reprise.knowledge import corpora

    account = accounts.by_name(options.account)
    print(corpora.create(Mint(), account.number, options.name, options.knowledge_base).id)


def _add(options: argparse.Namespace) -> None:
    from reprise.chat.errors import Invalid
    from reprise.chat.ids import Mint
    from reprise.knowledge import corpora
    from reprise.knowledge.limits import Unreadable

    _check_bucket()
    owner = _owner(options.account)
    for path in options.files:
        try:
            data = path.read_bytes()
            document = corpora.add(Mint(), owner, options.corpus, path.name, data)
        except OSError as error:
            raise Invalid(str(path), error.strerror or "cannot be read") from error
        except Unreadable as error:
            raise Invalid(str(path), error.problem) from error
        pages = f"{document.pages:,} page{'' if document.pages == 1 else 's'}"
        print(f"added {path}: {pages}", file=sys.stderr)


def _list(options: argparse.Namespace) -> None:
    from reprise.knowledge import corpora

    print(f"{'ID':36}  {'MADE':10}  {'DOCUMENTS':>9}  {'PAGES':>7}  NAME")
    for corpus in corpora.all_of(_owner(options.account)):
        made = datetime.fromtimestamp(corpus.created / 1000, UTC).date().isoformat()
        documents, pages, name = f"{corpus.documents:,}", f"{corpus.pages:,}", corpus.name
        if corpus.knowledge_base:
            documents, pages = "–", "–"
            name = f"{name} (knowledge base {corpus.knowledge_base})"
        print(f"{corpus.id}  {made}  {documents:>9}  {pages:>7}  {name}")


def _delete(options: argparse.Namespace) -> None:
    from reprise.knowledge import corpora

    _check_bucket()
    corpora.delete(_owner(options.account), options.corpus)
    print(f"deleted {options.corpus}", file=sys.stderr)


def _owner(account: str) -> str:
    from reprise.accounts import accounts
    from reprise.store import keys

    return keys.account(accounts.by_name(account).number)


def _check_bucket() -> None:
    from reprise.chat.errors import Invalid

    if not os.environ.get("BUCKET_NAME"):
        raise Invalid(
            "BUCKET_NAME",
            "set it to the bucket of your deployment (output BucketName), or use --local",
        )
