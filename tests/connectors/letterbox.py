"""A real IMAP server (pymap) on a local port and in a thread of its own, with one mailbox that lives in memory."""

from __future__ import annotations

import argparse
import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from imapclient import IMAPClient
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer, IMAPService
from pysasl.hashing import Cleartext

USER, PASSWORD = "qabyldau", "hunter2hunter2"
logging.getLogger("pymap").setLevel(logging.CRITICAL)


class Letterbox:
    """The server; letters are put in by IMAP's own APPEND."""

    def __init__(self) -> None:
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def close(self) -> None:
        """End the server."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        self._loop.close()

    def fill(self, letters: Sequence[bytes]) -> None:
        """Only these letters, in this order."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=10) as client:
            client.login(USER, PASSWORD)
            client.select_folder("INBOX")
            if client.search(["ALL"]):
                client.delete_messages(client.search(["ALL"]))
                client.expunge()
            for one in letters:
                client.append("INBOX", one, msg_time=datetime(2026, 3, 1, 7, 15, 30, tzinfo=UTC))

    def put(self, letter: bytes) -> None:
        """One letter more."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=10) as client:
            client.login(USER, PASSWORD)
            client.append("INBOX", letter)

    async def _serve(self) -> None:
        parser = argparse.ArgumentParser()
        DictBackend.add_subparser("dict", parser.add_subparsers())
        IMAPService.add_arguments(parser)
        args = parser.parse_args(["--no-tls", "dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD])
        args.debug, args.passlib_cfg, args.proxy_protocol = False, None, None
        async with AsyncExitStack() as stack:
            backend, config = await DictBackend.init(args, secure_auth=False, invalid_user_sleep=0.0, hash_context=Cleartext())
            config.apply_context()
            await backend.start(stack)
            serve = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._over.wait()
            server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
