"""A YouTube of our own: what the Data API documents, over HTTP, every answer held to its schema before it leaves.

It counts units by Pacific calendar days, pages with marks that age, knows closed and missing videos, keys and tokens that expire.
Run alone (`python tests/connectors/tube.py PORT`) it is a network to try the daemon against.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
from aiohttp import web
from aiohttp.test_utils import TestServer

SCHEMAS = json.loads(Path(__file__).with_name("schemas").joinpath("youtube.json").read_text(encoding="utf-8"))["schemas"]
CHANNEL, UPLOADS, KEY, REFRESH = "UCpavlodarAkimat00000001", "UUpavlodarAkimat00000001", "AIza-the-key-0123456789", "1//refresh-0123456789"
OTHER = "UCnewsPvl0000000000000001"
FITS = {name: jsonschema.Draft202012Validator({"$ref": f"#/schemas/{name}", "schemas": SCHEMAS}) for name in SCHEMAS}
COSTS = {"search": 100, "comments.insert": 50, "commentThreads.insert": 50}


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Comment:
    number: str
    text: str
    at: float
    video: str
    who: str = "@zhitel"
    parent: str = ""
    changed: float = 0.0

    def told(self, channel: str) -> dict[str, Any]:
        return {"kind": "youtube#comment", "etag": "e", "id": self.number, "snippet": {
            "channelId": channel, "videoId": self.video, "textDisplay": self.text, "textOriginal": self.text,
            **({"parentId": self.parent} if self.parent else {}), "authorDisplayName": self.who,
            "authorChannelId": {"value": f"UC{self.who[1:]:x<22}"}, "likeCount": 0, "publishedAt": stamp(self.at),
            "updatedAt": stamp(self.changed or self.at)}}


@dataclass
class Tube:
    clock: Callable[[], float] = time.time
    quota: int = 10_000
    videos: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Number to channel and time."""
    comments: dict[str, Comment] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    spent: dict[str, int] = field(default_factory=dict)
    """Pacific day to units."""
    strict: bool = False
    """Whether one unknown thread among several fails the whole request (documented), or is left out (seen)."""
    aged: set[str] = field(default_factory=set)
    """Marks that are no longer taken."""
    access: str = ""
    url: str = ""

    def say(self, number: str, text: str, at: float, video: str, parent: str = "", who: str = "@zhitel") -> None:
        self.comments[number] = Comment(number, text, at, video, who, parent)

    async def start(self, port: int | None = None) -> TestServer:
        app = web.Application()
        app.router.add_route("*", "/youtube/v3/{method}", self.serve)
        app.router.add_post("/token", self.token)
        server = TestServer(app, port=port)
        await server.start_server()
        self.url = str(server.make_url("/")).rstrip("/")
        return server

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("refresh_token") != REFRESH or form.get("grant_type") != "refresh_token":
            return web.json_response({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, status=400)
        self.access = f"ya29.{len(self.asked)}"
        return web.json_response({"access_token": self.access, "expires_in": 3599, "token_type": "Bearer",
                                  "scope": "https://www.googleapis.com/auth/youtube.force-ssl"})

    async def serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"] + (".insert" if request.method == "POST" else "")
        asked = dict(request.query)
        self.asked.append((method, asked))
        if method.endswith(".insert") or "mine" in asked:
            if not self.access or request.headers.get("Authorization") != f"Bearer {self.access}":
                return error(401, "authError", "Request had invalid authentication credentials.")
        elif request.headers.get("X-Goog-Api-Key") != KEY:
            return error(400, "badRequest", "API key not valid. Please pass a valid API key.", details=[
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}])
        day = str(datetime.fromtimestamp(self.clock(), ZoneInfo("America/Los_Angeles")).date())
        self.spent[day] = self.spent.get(day, 0) + COSTS.get(method, 1)
        if self.spent[day] > self.quota:
            return error(403, "quotaExceeded", 'The request cannot be completed because you have exceeded your <a href="/youtube/v3/getting-started#quota">quota</a>.')
        return await self.insert(request, method) if method.endswith(".insert") else self.list(method, asked)

    async def insert(self, request: web.Request, method: str) -> web.Response:
        said = (await request.json())["snippet"]
        self.posted.append({"method": method, **said})
        above = said.get("parentId", said.get("videoId"))
        video = self.comments[above].video if above in self.comments else above
        if video in self.closed:
            return error(403, "commentsDisabled", "The video has disabled comments.")
        if above not in self.comments and above not in self.videos:
            return error(404, "parentCommentNotFound", "The parent comment could not be found.")
        number = f"{said['parentId']}.answer{len(self.posted)}" if "parentId" in said else f"UgxAnswer{len(self.posted)}4AaABAg"
        self.say(number, said.get("textOriginal", ""), self.clock(), video, said.get("parentId", ""), "@akimat_pavlodar")
        return self.checked("Comment", self.comments[number].told(CHANNEL))

    def list(self, method: str, asked: dict[str, str]) -> web.Response:
        if asked.get("pageToken") in self.aged:
            return error(400, "invalidPageToken", "The request specifies an invalid page token.")
        size = int(asked.get("maxResults", "20"))
        start = int(asked.get("pageToken", "m0")[1:])
        if method == "channels":
            own = asked.get("forHandle") == "@akimat_pavlodar" or asked.get("id") == CHANNEL or "mine" in asked
            found: list[Any] = [{"kind": "youtube#channel", "id": CHANNEL, "snippet": {"title": "Әкімдік", "customUrl": "@akimat_pavlodar"},
                                 "contentDetails": {"relatedPlaylists": {"uploads": UPLOADS}}}] if own else []
        elif method == "playlistItems":
            found = [{"kind": "youtube#playlistItem", "id": f"P{name}", "snippet": {"title": f"Видео {name}", "publishedAt": stamp(at), "channelId": owner},
                      "contentDetails": {"videoId": name, "videoPublishedAt": stamp(at)}}
                     for name, (owner, at) in sorted(self.videos.items(), key=lambda v: -v[1][1]) if owner == CHANNEL]
        elif method == "search":
            found = [{"kind": "youtube#searchResult", "id": {"kind": "youtube#video", "videoId": name},
                      "snippet": {"publishedAt": stamp(at), "channelId": owner, "title": f"Видео {name}"}}
                     for name, (owner, at) in sorted(self.videos.items(), key=lambda v: -v[1][1]) if owner == OTHER]
        elif method == "videos":
            found = [{"kind": "youtube#video", "id": name, "snippet": {"title": f"Видео {name}", "publishedAt": stamp(at), "channelId": owner},
                      "statistics": {"viewCount": "1"} if name in self.closed else
                      {"viewCount": "1", "commentCount": str(sum(c.video == name for c in self.comments.values()))}}
                     for name in asked["id"].split(",") if name in self.videos for owner, at in [self.videos[name]]]
            size = 50       # maxResults does not go with ids: all of them come
        elif method == "comments":
            found = [c.told(self.owner(c)) for c in self.comments.values() if c.parent == asked["parentId"]]
        elif method == "commentThreads":
            if asked.get("videoId") in self.closed:
                return error(403, "commentsDisabled", "The video identified by the videoId parameter has disabled comments.")
            if "videoId" in asked and asked["videoId"] not in self.videos:
                return error(404, "videoNotFound", "The video could not be found.")
            wanted = asked["id"].split(",") if "id" in asked else None
            if wanted is not None and self.strict and set(wanted) - self.comments.keys():
                return error(404, "commentThreadNotFound", "One or more of the specified comment threads cannot be found.")
            tops = [c for c in self.comments.values() if not c.parent and (
                c.number in wanted if wanted is not None else c.video == asked["videoId"] if "videoId" in asked
                else self.owner(c) == asked["allThreadsRelatedToChannelId"])]
            found = [self.thread(c) for c in sorted(tops, key=lambda c: -c.at)]
            size = len(found) or 1 if wanted is not None else size
        else:
            return error(404, "notFound", method)
        page = found[start:start + size]
        more = {"nextPageToken": f"m{start + size}"} if start + size < len(found) else {}
        name = method[0].upper() + method[1:].removesuffix("s") + "ListResponse"
        return self.checked(name, {"kind": f"youtube#{name}", "pageInfo": {"totalResults": len(found), "resultsPerPage": size}, "items": page, **more})

    def owner(self, one: Comment) -> str:
        return self.videos[one.video][0]

    def thread(self, top: Comment) -> dict[str, Any]:
        replies = sorted((c for c in self.comments.values() if c.parent == top.number), key=lambda c: -c.at)
        owner = self.owner(top)
        return {"kind": "youtube#commentThread", "id": top.number, "snippet": {
            "channelId": owner, "videoId": top.video, "topLevelComment": top.told(owner), "canReply": True, "totalReplyCount": len(replies),
            "isPublic": True}, **({"replies": {"comments": [c.told(owner) for c in replies[:5]]}} if replies else {})}

    def checked(self, name: str, body: Any) -> web.Response:
        FITS[name].validate(body)
        return web.json_response(body)


def error(status: int, reason: str, said: str, **more: Any) -> web.Response:
    return web.json_response({"error": {"code": status, "message": said, "errors": [
        {"message": said, "domain": "youtube.x", "reason": reason}], **more}}, status=status)


if __name__ == "__main__":
    import asyncio

    async def main() -> None:
        tube, now = Tube(), time.time()
        tube.videos = {"pvl-jyly_01": (CHANNEL, now - 7200), "news-pvl_77": (OTHER, now - 7000)}
        tube.say("UgxOne4AaABAg", "Толстого, 12: когда дадут отопление?", now - 600, "pvl-jyly_01")
        tube.say("UgxTwo4AaABAg", "Акимат Павлодара, уберите снег во дворе Камзина 14", now - 500, "news-pvl_77")
        await tube.start(int(sys.argv[1]))
        while True:
            await asyncio.sleep(3600)

    asyncio.run(main())
