"""`reprise agents`."""

import argparse
import sys
from pathlib import Path


def add_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="put|list|show|delete", required=True)
    put = verbs.add_parser(
        "put", help="make an agent, or replace the one with its id; prints the id"
    )
    put.add_argument("file", type=Path, metavar="FILE", help="TOML: see docs/agents.md")
    put.add_argument(
        "--default", action="store_true", help="for conversations that name no agent, from now on"
    )
    put.set_defaults(run=_put)
    list_ = verbs.add_parser("list", help="list an account's agents")
    list_.set_defaults(run=_list)
    show = verbs.add_parser("show", help="print an agent, as a file that can be put again")
    show.add_argument("id", metavar="ID")
    show.set_defaults(run=_show)
    delete = verbs.add_parser("delete", help="remove an agent; its conversations stay")
    delete.add_argument("id", metavar="ID")
    delete.set_defaults(run=_delete)
    for verb in (put, list_, show, delete):
        verb.add_argument("--account", required=True, metavar="NAME", help="whose it is")


def _put(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts, agent_files, agents
    from reprise.chat.errors import Invalid
    from reprise.chat.ids import Mint
    from reprise.llm import catalogue

    account = accounts.by_name(options.account)
    try:
        text = options.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("file", f"cannot be read: {error}") from error
    agent = agent_files.read(text, account, Mint(), catalogue.is_name)
    print(agents.put(agent, default=options.default).id)


def _list(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts, agents

    entries = agents.list_of(accounts.by_name(options.account))
    print(f"{'ID':36}  {'NAME':20}  {'MODEL':30}  OPEN TO")
    for entry in entries:
        open_to = "everybody" if entry.public else "the account"
        default = ", its default" if entry.default else ""
        model = entry.model or "the default one"
        print(f"{entry.id:36}  {entry.name:20}  {model:30}  {open_to}{default}")


def _show(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts, agent_files, agents

    agent = agents.show(accounts.by_name(options.account), options.id)
    sys.stdout.write(agent_files.write(agent))


def _delete(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts, agents

    agents.delete(accounts.by_name(options.account), options.id)
    print(f"deleted {options.id}", file=sys.stderr)
