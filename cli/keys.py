"""`reprise keys`."""

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reprise.store.accounts import ApiKey


def add_commands(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="create|list|revoke", required=True)
    create = verbs.add_parser("create", help="make a key; prints its secret, this once")
    create.add_argument("--account", required=True, metavar="NAME")
    create.add_argument("--days", type=float, help="how long it is valid (default: until revoked)")
    create.add_argument(
        "--scope", action="append", choices=["read", "write"], help="again for both (the default)"
    )
    create.set_defaults(run=_create)
    list_ = verbs.add_parser("list", help="list an account's keys, without their secrets")
    list_.add_argument("--account", required=True, metavar="NAME")
    list_.set_defaults(run=_list)
    revoke = verbs.add_parser(
        "revoke", help="make a key useless from now on, with its cookie sessions"
    )
    revoke.add_argument("id", metavar="ID", help="as `keys list` shows it")
    revoke.set_defaults(run=_revoke)


def _create(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts, keys
    from reprise.accounts.callers import SCOPES
    from reprise.chat.errors import Invalid
    from reprise.chat.ids import Mint

    if options.days is not None and not 0 < options.days <= 36500:
        raise Invalid("days", "must be more than 0, at most 36500")
    expires = time.time() + options.days * 86400 if options.days else None
    key, secret = keys.create(
        Mint(),
        accounts.by_name(options.account),
        scopes=options.scope or SCOPES,
        expires=expires,
    )
    print(f"key {key.id} of {options.account}; its secret is shown this once:", file=sys.stderr)
    print(secret)


def _list(options: argparse.Namespace) -> None:
    from reprise.accounts import accounts
    from reprise.store import accounts as store
    from reprise.store import keys

    found = store.keys_of(keys.account(accounts.by_name(options.account).number))
    print(f"{'ID':36}  {'MADE':10}  {'SCOPES':10}  {'LAST USED':10}  STATE")
    for key in found:
        scopes = ",".join(sorted(key.scopes))
        made = _day(key.created / 1000)
        print(f"{key.id}  {made}  {scopes:10}  {key.last_used or 'never':10}  {_state(key)}")


def _revoke(options: argparse.Namespace) -> None:
    from reprise.accounts import keys

    keys.revoke(options.id, int(time.time() * 1000))
    print(f"revoked {options.id}", file=sys.stderr)


def _state(key: "ApiKey") -> str:
    if key.revoked:
        return f"revoked {_day(key.revoked / 1000)}"
    if key.expires is None:
        return "valid"
    return f"{'expired' if key.expires <= time.time() else 'valid until'} {_day(key.expires)}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
