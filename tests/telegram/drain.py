"""A process that drains the outbox until it is killed: python drain.py DATABASE-URL API-URL TOKEN."""

from __future__ import annotations

import asyncio
import sys

from stand import PlainNames

from monitor.store.engine import Database
from ticketing.notify.message import Wording
from ticketing.notify.telegram import TelegramChannel, open_bot
from ticketing.outbox import Outbox, Policy


async def main(database: str, api: str, token: str) -> None:
    """Limits and policy as in the product, but with more patience: on a busy machine the local server answers as late as a
    far one, and then several letters are on their way, each of which a kill may repeat once."""
    db = Database(database)
    async with open_bot(token, api) as bot:
        channel = TelegramChannel(bot, Wording(PlainNames(), "https://qulaq.example"))
        await Outbox(db, {"telegram": channel}, policy=Policy(patience=2.0)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
