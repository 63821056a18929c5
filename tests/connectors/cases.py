"""The connectors under the acceptance suite: one `Case` each, next to its recording."""

from __future__ import annotations

import json

from stage import Case

from connectors.bluesky import Bluesky
from connectors.email import Email
from connectors.errors import AuthError, BadPayload, RateLimited, Transient
from connectors.mastodon import Mastodon
from connectors.replay import Replay
from connectors.rss import Rss
from connectors.telegram import Telegram
from connectors.telegram_web import TelegramWeb
from connectors.vk import Vk

TOKEN = "4242424242:AAH-thisIsTheSecretPartOfAToken01234"


def refused(code: int, said: str, **parameters: int) -> bytes:
    """An error of the Bot API: https://core.telegram.org/bots/api#making-requests"""
    body = {"ok": False, "error_code": code, "description": said}
    return json.dumps({**body, "parameters": parameters} if parameters else body).encode()


def failed(code: int, said: str) -> bytes:
    """An error of VK: https://dev.vk.com/ru/reference/errors"""
    return json.dumps({"error": {"error_code": code, "error_msg": said, "request_params": []}}).encode()


CASES = {case.name: case for case in (
    Case(Bluesky, {"handle": "akimat.test", "app_password": TOKEN, "accounts": ("turgyn.test",), "service": "URL"},
         failures=((b"<html>", BadPayload), (b"{}", BadPayload), (b"[]", BadPayload))),
    Case(Email, {"host": "127.0.0.1", "security": "none", "user": "qabyldau", "password": "hunter2hunter2"}, over_http=False),
    Case(Mastodon, {"instance": "URL", "token": TOKEN, "hashtags": ("павлодар",), "accounts": ("turgyn",)},
         failures=((b"<html>", BadPayload), (b'{"error": "This method requires an authenticated user"}', BadPayload))),
    Case(Replay, {"path": "FILE"}, over_http=False, other_networks=True),
    Case(Rss, {"url": "URL/feed?api_key=hunter2hunter2"}, secret="hunter2hunter2",
         failures=((b"<html><body>Bad gateway</body></html>", BadPayload), (b"", BadPayload))),
    Case(Telegram, {"token": TOKEN, "api_url": "URL", "long_poll": 0}, secret=TOKEN, statuses={404: BadPayload},
         failures=((refused(401, "Unauthorized"), AuthError), (refused(404, "Not Found"), AuthError),
                   (refused(409, "Conflict: terminated by other getUpdates request"), Transient),
                   (refused(429, "Too Many Requests: retry after 3", retry_after=3), RateLimited),
                   (refused(500, "Internal Server Error"), Transient),
                   (refused(400, "Bad Request: invalid limit"), BadPayload),
                   (b'{"ok": true}', BadPayload), (b'{"ok": true, "result": [1]}', BadPayload))),
    Case(TelegramWeb, {"channel": "akimat_pavlodar_city", "base_url": "URL"},
         failures=((b"<html><body>tgme_page</body></html>", BadPayload), (b"", BadPayload))),
    Case(Vk, {"token": TOKEN, "communities": ("akimat_pvl",), "search": ("@akimat_pvl",), "api_url": "URL"},
         failures=((failed(5, "User authorization failed: access_token has expired."), AuthError), (failed(15, "Access denied"), AuthError),
                   (failed(6, "Too many requests per second"), RateLimited), (failed(9, "Flood control"), RateLimited),
                   (failed(29, "Rate limit reached"), RateLimited), (failed(10, "Internal server error"), Transient),
                   (failed(100, "One of the parameters specified was missing or invalid"), BadPayload),
                   (b'{"response": []}', BadPayload), (b'{"response": [false, false]}', BadPayload), (b"{}", BadPayload))),
)}
