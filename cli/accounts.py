"""`reprise accounts`."""

import argparse
import sys

from reprise.accounts import plans


def add_commands(parser: argparse.ArgumentParser) -> None:
    known = ", ".join(plans.names())
    verbs = parser.add_subparsers(metavar="create|plan", required=True)
    create = verbs.add_parser("create", help="make an account; prints its id")
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--plan", default=plans.DEFAULT_PLAN, help=f"{known} (default: {plans.DEFAULT_PLAN})"
    )
    create.set_defaults(run=_create)
    plan = verbs.add_parser("plan", help="put an account, its keys and sessions on another plan")
    plan.add_argument("name", metavar="NAME")
    plan.add_argument("plan", metavar="PLAN", help=known)
    plan.set_defaults(run=_plan)


def _create(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.chat.ids import Mint

    print(accounts.create(Mint(), options.name, options.plan).id)


def _plan(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts

    accounts.put_on(accounts.by_name(options.name), options.plan)
    print(f"{options.name} is on the plan {options.plan}", file=sys.stderr)
