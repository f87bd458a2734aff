"""`reprise accounts`."""

import argparse


def add_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="create", required=True)
    create = verbs.add_parser("create", help="make an account; prints its id")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--plan", default="standard", help="free, standard (default) or local")
    create.set_defaults(run=_create)


def _create(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.chat.ids import Mint

    print(accounts.create(Mint(), options.name, options.plan).id)
