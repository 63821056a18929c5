"""An OK of our own: what its documentation says, over HTTP, every answer held to tests/connectors/schemas/ok.json before it leaves.

It checks the signature and the token, knows which fields exist, pages by anchors, and answers errors with HTTP 200.
Run alone (`python tests/connectors/klass.py PORT`) it is a network to try the daemon against.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
from aiohttp import web
from aiohttp.test_utils import TestServer

SCHEMAS = json.loads(Path(__file__).with_name("schemas").joinpath("ok.json").read_text(encoding="utf-8"))["schemas"]
FITS = {name: jsonschema.Draft202012Validator({**one, "schemas": SCHEMAS}) for name, one in SCHEMAS.items()}
GROUP, KEY, TOKEN, SECRET, BOT = "70000001234567", "CBABPLIGABABABABA", "tkn1-administrator-0123456789", "F00DF00DF00DF00D", "tkn1-group:CGROUP0123"
FIELDS = {"comment": {"ID", "TEXT", "DATE", "TYPE", "AUTHOR_ID", "AUTHOR_NAME", "AUTHOR_REF", "REPLY_TO_ID", "REPLY_TO_NAME", "REPLY_TO_COMMENT_ID"},
          "media_topic": {"ID", "CREATED_MS", "AUTHOR_REF", "OWNER_REF", "DISCUSSION_SUMMARY", "MEDIA", "MEDIA_TYPE", "MEDIA_TEXT", "MEDIA_TITLE", "MEDIA_URL",
                          "MEDIA_PHOTO_REFS", "MEDIA_MOVIE_REFS"}}


@dataclass
class Klass:
    topics: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    """Number to text, milliseconds, who."""
    comments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """TYPE/NUMBER to comments, oldest first."""
    photos: dict[str, str] = field(default_factory=dict)
    """Number to the group it is in."""
    chats: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    fails: dict[str, int] = field(default_factory=dict)
    """Method to the error that it answers with."""
    refused: set[str] = field(default_factory=set)
    """Discussions that answer with error 457."""
    asked: list[dict[str, str]] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    counting: bool = True
    """Whether the statistics know today's comments."""
    url: str = ""

    def say(self, place: str, number: str, text: str, at: float, who: str = "580000000003", above: str = "") -> None:
        told = {"id": number, "text": text, "type": "ACTIVE_MESSAGE", "author_id": who, "author_name": "Сергей К.",
                "author_ref": f"group:{who}" if who == GROUP else f"user:{who}",
                "date": (datetime.fromtimestamp(at, UTC) + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S"),
                **({"reply_to_comment_id": above} if above else {})}
        found = self.comments.setdefault(place, [])
        self.comments[place] = [*(one for one in found if one["id"] != number), told]

    def write(self, chat: str, number: int, text: str, at: float, who: str = "user:580000000007") -> None:
        self.chats.setdefault(chat, []).insert(0, {
            "sender": {"user_id": who, "name": "Айгүл С."}, "recipient": {"chat_id": chat}, "timestamp": int(at * 1000),
            "message": {"text": text, "seq": number, "mid": f"mid:{chat[5:]}.{number:x}"}})

    async def start(self, port: int | None = None) -> TestServer:
        app = web.Application()
        app.router.add_post("/fb.do", self.call)
        app.router.add_get("/graph/me/chats", self.list_chats)
        app.router.add_route("*", "/graph/{chat}/messages", self.messages)
        server = TestServer(app, port=port)
        await server.start_server()
        self.url = str(server.make_url("/")).rstrip("/")
        return server

    async def call(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.asked.append(form)
        token, sig = form.pop("access_token", ""), form.pop("sig", "")
        if form.get("application_key") != KEY:
            return error(101, "PARAM_API_KEY : Application not exist")
        if token != TOKEN:
            return error(102, "PARAM_SESSION_EXPIRED : Session expired")
        secret = hashlib.md5((token + SECRET).encode()).hexdigest()
        if sig != hashlib.md5(("".join(f"{k}={v}" for k, v in sorted(form.items())) + secret).encode()).hexdigest():
            return error(104, "PARAM_SIGNATURE : Invalid signature")
        method = form["method"]
        if method in self.fails:
            return error(self.fails[method], "as asked for")
        for name in form.get("fields", "").split(","):
            kind, _, what = name.partition(".")
            if kind in FIELDS and what not in FIELDS[kind]:
                return error(100, f"PARAM : Field '{what}' does not exist")
        return {"group.getInfo": self.group_info, "group.getStatTopics": self.stat_topics, "mediatopic.getByIds": self.topics_by_ids,
                "discussions.getList": self.discussions_list, "discussions.getComments": self.discussion_comments,
                "discussions.addDiscussionComment": self.add_comment}[method](form)

    def group_info(self, form: dict[str, str]) -> web.Response:
        return checked("group.getInfo", [{"uid": GROUP, "name": "Павлодар қаласының әкімдігі"}] if form["uids"] == GROUP else [])

    def stat_topics(self, form: dict[str, str]) -> web.Response:
        if form["gid"] != GROUP:
            return error(50, "NOT_ADMIN : User is not an administrator")
        begin, end = int(form.get("start_time", 0)), int(form.get("end_time", 2**60))
        within = sorted((name for name, told in self.topics.items() if begin <= told[1] <= end), key=lambda name: -self.topics[name][1])
        start = int(form.get("anchor", 0))
        newest = within[start:start + int(form["count"])]
        return checked("group.getStatTopics", {"anchor": str(start + len(newest)), "has_more": start + len(newest) < len(within), "topics": [
            {"id": name, "created_ms": self.topics[name][1], "comments": len(self.comments.get(f"GROUP_TOPIC/{name}", ())) if self.counting else 0}
            for name in newest]})

    def topics_by_ids(self, form: dict[str, str]) -> web.Response:
        if "," in form["topic_ids"] and "media_limit" not in form:
            return error(100, "PARAM : media_limit is required")
        told = [{"id": name, "created_ms": at, "author_ref": who, "owner_ref": f"group:{GROUP}", "media": [{"type": "text", "text": text}],
                 "discussion_summary": {"discussion_type": "GROUP_TOPIC", "discussion_id": name,
                                        "comments_count": len(self.comments.get(f"GROUP_TOPIC/{name}", ()))}}
                for name in form["topic_ids"].split(",") if name in self.topics for text, at, who in [self.topics[name]]]
        return checked("mediatopic.getByIds", {"media_topics": told})

    def discussions_list(self, form: dict[str, str]) -> web.Response:
        return checked("discussions.getList", {"discussions": [
            {"object_type": "GROUP_PHOTO", "object_id": name, "last_activity_date_ms": 1_772_348_700_000 + len(self.comments.get(f"GROUP_PHOTO/{name}", ())),
             "ref_objects": [{"type": "GROUP", "id": group}]} for name, group in self.photos.items()]} if self.photos else {})

    def discussion_comments(self, form: dict[str, str]) -> web.Response:
        place = f"{form['discussionType']}/{form['discussionId']}"
        if place in self.refused:
            return error(457, "UNAUTHORIZED_RESTRICTION")
        found = self.comments.get(place, [])
        end = len(found) if form["anchor"] == "LAST" else int(form["anchor"])
        begin = max(0, end - int(form["count"]))
        listed = {"comments": found[begin:end]} if found[begin:end] else {}
        return checked("discussions.getComments", {**listed, "anchor": str(begin), "has_more": begin > 0, "discussionId": form["discussionId"],
                                                   "discussionType": form["discussionType"]})

    def add_comment(self, form: dict[str, str]) -> web.Response:
        self.posted.append(form)
        place, number = f"{form['entityType']}/{form['entityId']}", f"answer{len(self.posted)}"
        self.say(place, number, form["comment"], time.time(), GROUP, form.get("reply_to_comment_id", ""))
        return checked("discussions.addDiscussionComment", {"comment": {"id": number}})

    async def list_chats(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if request.query.get("access_token") != BOT:
            return error(103, "PARAM_SESSION_KEY : Invalid session key")
        return checked("chats", {"chats": [{"chat_id": name, "type": "GROUP_CHAT", "status": "ACTIVE", "lastEventTime": said[0]["timestamp"],
                                               "group_id": f"group:{GROUP}"} for name, said in self.chats.items()]})

    async def messages(self, request: web.Request) -> web.Response:
        chat = request.match_info["chat"]
        if request.query.get("access_token") != BOT:
            return error(103, "PARAM_SESSION_KEY : Invalid session key")
        if request.method == "POST":
            said = await request.json()
            self.posted.append(said)
            if chat not in self.chats:
                return error(705, "CHAT_NOT_FOUND")
            self.write(chat, 900 + len(self.posted), said["message"]["text"], time.time(), f"group:{GROUP}")
            return web.json_response({"success": True})
        newest = int(request.query.get("from", str(2**62)))
        found = [one for one in self.chats[chat] if one["timestamp"] <= newest]
        return checked("messages", {"messages": found[:int(request.query["count"])]})


def checked(name: str, body: Any) -> web.Response:
    FITS[name].validate(body)
    return web.json_response(body)


def error(code: int, said: str) -> web.Response:
    return checked("error", {"error_code": code, "error_msg": said, "error_data": None})


if __name__ == "__main__":
    import asyncio

    async def main() -> None:
        net, now = Klass(), time.time()
        net.topics = {"154000000000001": ("Жылу беру кестесі", int(now - 7200) * 1000, f"group:{GROUP}"),
                      "154000000000002": ("Естай 40: жарық жанбайды, үш күн болды", int(now - 3600) * 1000, "user:580000000007")}
        net.say("GROUP_TOPIC/154000000000001", "c1", "Толстого, 12: когда дадут отопление?", now - 600)
        net.write("chat:C3ecb9d02a600", 1, "Суық су жоқ, Камзин 20", now - 500)
        await net.start(int(sys.argv[1]))
        while True:
            await asyncio.sleep(3600)

    asyncio.run(main())
