"""`reprise credits`."""

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reprise.store.balances import Entry

SHOWN = 10  # entries of the ledger


def add_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="grant|show", required=True)
    grant = verbs.add_parser("grant", help="add to this month's credits; prints what is left")
    grant.add_argument("name", metavar="NAME")
    grant.add_argument("amount", metavar="AMOUNT", type=int, help="below 0 to take some away")
    grant.set_defaults(run=_grant)
    show = verbs.add_parser("show", help="show what is left, what is held, and the last entries")
    show.add_argument("name", metavar="NAME")
    show.set_defaults(run=_show)


def _grant(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.accounts import credits as account_credits

    account = accounts.by_name(options.name)
    left = account_credits.grant(account, options.amount, int(time.time() * 1000))
    print(f"granted {options.amount} to {options.name}; what is left this month:", file=sys.stderr)
    print(left)


def _show(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.accounts import credits as account_credits

    account = accounts.by_name(options.name)
    found = account_credits.statement(account, int(time.time() * 1000), SHOWN)
    left = "not limited" if found.left is None else f"{found.left} ({found.allowance} a month)"
    print(f"plan   {account.plan}")
    print(f"month  {found.month}")
    print(f"left   {left}")
    print(f"held   {sum(found.holds.values())} for {len(found.holds)} running")
    for generation, held in found.holds.items():
        print(f"       {held} for {generation}")
    if found.entries:
        print(f"\n{'WHEN (UTC)':16}  {'CREDITS':>8}  {'TOKENS':>8}  {'ANSWER':36}  MODEL")
    for entry in found.entries:
        print(_line(entry))


def _line(entry: "Entry") -> str:
    """`~` before tokens that were estimated."""
    when = datetime.fromtimestamp(entry.at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    if entry.granted:
        return f"{when}  {entry.credits:+8}  granted"
    usage = entry.usage
    tokens = f"{'~' if usage.estimated else ''}{usage.total}" if usage else ""
    return f"{when}  {-entry.credits:8}  {tokens:>8}  {entry.id}  {entry.model or ''}".rstrip()
