"""The database: `db upgrade --db URL` brings it to the newest form. Every command that writes does so by itself, too."""

from __future__ import annotations

import argparse

from monitor.commands import add_database, open_database
from monitor.store.schema import upgrade


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`db upgrade`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="upgrade")
    add_database(verbs.add_parser("upgrade", help="bring the database to the newest form"))


def run(args: argparse.Namespace) -> int:
    """Upgrade and say from what to what."""
    with open_database(args, make=True, migrate=False) as db:
        before, after = upgrade(db)
    print(f"{after} already" if before == after else f"{before or 'empty'} -> {after}")  # noqa: T201
    return 0
