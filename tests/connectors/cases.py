"""The connectors under the acceptance suite: one `Case` each, next to its recording."""

from __future__ import annotations

import json

from stage import Case

from connectors.bluesky import Bluesky
from connectors.email import Email
from connectors.errors import AuthError, BadPayload, RateLimited, Transient
from connectors.facebook import Facebook
from connectors.http_json import HttpJson
from connectors.instagram import Instagram
from connectors.mastodon import Mastodon
from connectors.ok import Ok
from connectors.replay import Replay
from connectors.rss import Rss
from connectors.telegram import Telegram
from connectors.telegram_web import TelegramWeb
from connectors.threads import Threads
from connectors.tiktok import TikTok
from connectors.vk import Vk
from connectors.webhook import Webhook
from connectors.whatsapp import WhatsApp
from connectors.x import X
from connectors.youtube import YouTube

TOKEN = "4242424242:AAH-thisIsTheSecretPartOfAToken01234"


def refused(code: int, said: str, **parameters: int) -> bytes:
    """An error of the Bot API: https://core.telegram.org/bots/api#making-requests"""
    body = {"ok": False, "error_code": code, "description": said}
    return json.dumps({**body, "parameters": parameters} if parameters else body).encode()


def graph_error(code: int, said: str, **more: object) -> bytes:
    """An error of the Graph API: https://developers.facebook.com/docs/graph-api/guides/error-handling"""
    return json.dumps({"error": {"message": said, "type": "OAuthException", "code": code, "fbtrace_id": "EJplcsCHuLu", **more}}).encode()


META = "EAAthisIsTheSecretTokenOfAPage0123456789"
GRAPH = (
    (graph_error(190, "Error validating access token: session has expired", error_subcode=463), AuthError),
    (graph_error(10, "Application does not have permission for this action"), AuthError),
    (graph_error(200, "Permissions error"), AuthError),
    *((graph_error(code, "Application request limit reached", is_transient=True), RateLimited) for code in (4, 17, 32, 613, 80002)),
    (graph_error(1, "An unknown error occurred"), Transient), (graph_error(2, "Service temporarily unavailable"), Transient),
    (graph_error(9999, "Try again", is_transient=True), Transient),
    (graph_error(100, "Invalid parameter"), BadPayload), (b'{"data": {}}', BadPayload), (b"{}", BadPayload),
)

HTTP_JSON = {
    "url": "URL/api/v2/messages", "headers": {"X-Api-Key": "{key}"}, "secrets": {"key": "portal-key-0123456789"},
    "params": {"since": "{since}", "limit": 3}, "posts": "data.items", "order": "oldest", "markup": "html",
    "paging": {"by": "next_link", "path": "links.next"},
    "fields": {"id": "id", "text": r'join(`"\n"`, [title, body][?@])', "published_at": "created_at", "edited_at": "updated_at", "deleted": "deleted",
               "url": "links.html", "author": "user.id", "author_name": "user.name", "author_account": "user.login", "in_reply_to": "parent_id",
               "in_reply_to_account": "to", "media": "files[].url"},
    "failure": {"path": "error.code", "message": "error.text", "refused": ["expired"], "limited": [4], "passing": ["busy"]},
}


def failed(code: int, said: str) -> bytes:
    """An error of VK: https://dev.vk.com/ru/reference/errors"""
    return json.dumps({"error": {"error_code": code, "error_msg": said, "request_params": []}}).encode()


def google_error(status: int, reason: str, said: str = "no", **more: object) -> bytes:
    """An error of a Google API: https://developers.google.com/youtube/v3/docs/errors"""
    return json.dumps({"error": {"code": status, "message": said, "errors": [{"message": said, "domain": "youtube.x", "reason": reason}], **more}}).encode()


def ok_error(code: int, said: str = "no") -> bytes:
    """An error of OK: https://apiok.ru/en/dev/errors"""
    return json.dumps({"error_code": code, "error_msg": said, "error_data": None}).encode()


OK_TOKEN = "tkn1TheSecretTokenOfAnAdministrator0123456789"
GOOGLE_KEY = "AIzaSyTheSecretKeyOfAProject0123456789a"
CASES = {case.name: case for case in (
    Case(Facebook, {"page": "100000000000001", "username": "akimat.pavlodar", "token": META, "base_url": "URL"}, secret=META, failures=GRAPH),
    Case(Instagram, {"account": "17841400000000001", "username": "akimat.pavlodar", "token": META, "base_url": "URL"}, secret=META, failures=GRAPH),
    Case(Bluesky, {"handle": "akimat.test", "app_password": TOKEN, "accounts": ("turgyn.test",), "service": "URL"},
         failures=((b"<html>", BadPayload), (b"{}", BadPayload), (b"[]", BadPayload))),
    Case(Email, {"host": "127.0.0.1", "port": "PORT", "security": "none", "user": "qabyldau", "password": "hunter2hunter2"}, over_http=False),
    Case(HttpJson, HTTP_JSON, secret="portal-key-0123456789",
         failures=(*((json.dumps({"error": {"code": code, "text": "no"}, "data": {"items": []}}).encode(), error) for code, error in (
             ("expired", AuthError), (4, RateLimited), ("busy", Transient), ("other", BadPayload))),
             (b"<html>", BadPayload), (b'{"data": {}}', BadPayload), (b'{"data": {"items": [{"id": 1}, {}]}}', BadPayload))),
    Case(Mastodon, {"instance": "URL", "token": TOKEN, "hashtags": ("павлодар",), "accounts": ("turgyn",)},
         failures=((b"<html>", BadPayload), (b'{"error": "This method requires an authenticated user"}', BadPayload))),
    Case(Ok, {"group": "70000001234567", "username": "akimat.pavlodar", "application_key": "CBABPLIGABABABABA", "token": OK_TOKEN,
              "application_secret": "F00DF00DF00DF00D", "bot_token": OK_TOKEN + ":CGROUP", "base_url": "URL"}, secret=OK_TOKEN,
         failures=(*((ok_error(code), error) for code, error in (
             (102, AuthError), (103, AuthError), (104, AuthError), (10, AuthError), (50, AuthError), (8, RateLimited), (11, RateLimited),
             (1, Transient), (2, Transient), (9999, Transient), (100, BadPayload), (3, BadPayload), (160, BadPayload))),
             (b"{}", BadPayload), (b'{"topics": {}}', BadPayload), (b"null", BadPayload))),
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
    Case(Threads, {"account": "25000000000000001", "username": "akimat.pavlodar", "token": META, "base_url": "URL"}, secret=META, failures=GRAPH),
    Case(TikTok, {"account": "_000QH4vLPdDP8jDn5sHYwEmUJvgaFLwFmpW", "username": "akimat.pavlodar", "token": META, "base_url": "URL"}, secret=META,
         failures=(*((json.dumps({"code": code, "message": "no", "request_id": "1", "data": {}}).encode(), error) for code, error in (
             (40100, RateLimited), (40105, AuthError), (40001, AuthError), (50000, Transient), (40002, BadPayload), (0, BadPayload))),
             (b"{}", BadPayload))),
    Case(Webhook, {"secret": "hook-secret-0123456789", "old_secret": "old-secret-0123456789", "inbox": "INBOX"}, over_http=False,
         secret="hook-secret-0123456789"),
    Case(WhatsApp, {"number": "106540352242922", "token": META, "app_secret": "appsecret0123456789", "verify_token": "verify-word-1", "inbox": "INBOX"},
         over_http=False, secret=META),
    Case(X, {"token": META, "query": "Павлодар (әкімдік OR акимат)", "user": "1500000000000000001", "base_url": "URL"}, secret=META,
         failures=((b'{"errors": [{"title": "Invalid Request", "detail": "bad"}]}', BadPayload), (b'{"data": []}', BadPayload),
                   (b'{"meta": {"result_count": 3}}', BadPayload), (b"[]", BadPayload))),
    Case(YouTube, {"key": GOOGLE_KEY, "channels": ("@akimat_pavlodar",), "search": ("акимат Павлодара",), "base_url": "URL"}, secret=GOOGLE_KEY,
         failures=((google_error(403, "quotaExceeded"), RateLimited), (google_error(403, "rateLimitExceeded"), RateLimited),
                   (google_error(400, "keyInvalid"), AuthError), (google_error(403, "accessNotConfigured"), AuthError),
                   (google_error(400, "badRequest", details=[{"reason": "API_KEY_INVALID"}]), AuthError),
                   (google_error(400, "processingFailure"), BadPayload), (b'{"kind": "youtube#channelListResponse"}', BadPayload),
                   (b"[]", BadPayload))),
    Case(Vk, {"token": TOKEN, "communities": ("akimat_pvl",), "search": ("@akimat_pvl",), "api_url": "URL"},
         failures=((failed(5, "User authorization failed: access_token has expired."), AuthError), (failed(15, "Access denied"), AuthError),
                   (failed(6, "Too many requests per second"), RateLimited), (failed(9, "Flood control"), RateLimited),
                   (failed(29, "Rate limit reached"), RateLimited), (failed(10, "Internal server error"), Transient),
                   (failed(100, "One of the parameters specified was missing or invalid"), BadPayload),
                   (b'{"response": []}', BadPayload), (b'{"response": [false, false]}', BadPayload), (b"{}", BadPayload))),
)}
