"""Every document of the feed corpus, served over real HTTP, is read; what feedparser finds in it is in the posts."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import feedparser
from aiohttp import web
from pydantic import HttpUrl

from connectors.errors import BadPayload
from connectors.rss import Rss
from monitor.http import WebHttp

HEADER = re.compile(rb"^Header:\s+([A-Za-z-]+):\s*(.+?)\s*$", re.MULTILINE)


def headers_of(document: bytes) -> dict[str, str]:
    """The headers that a document's comment asks to be served with."""
    return {name.decode().title(): value.decode("ascii", "ignore") for name, value in HEADER.findall(document)}


async def test_every_document_is_read_and_its_entries_are_posts(shared_data: Path) -> None:
    folder = shared_data / "feeds"
    documents = sorted(p for p in folder.rglob("*") if p.is_file())
    assert len(documents) == 770

    async def serve(request: web.Request) -> web.Response:
        body = (folder / request.match_info["path"]).read_bytes()
        response = web.Response(body=body)
        response.headers.update(headers_of(body) or {"Content-Type": "application/xml"})
        return response

    app = web.Application()
    app.router.add_get("/{path:.+}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    refused, posts, lost = [], 0, []
    try:
        async with WebHttp() as http:
            for document in documents:
                name = document.relative_to(folder).as_posix()
                source = Rss("corpus", Rss.Settings(url=HttpUrl(f"{base}/{name}")))
                body = document.read_bytes()
                served = {"content-type": headers_of(body).get("Content-Type", "application/xml")}
                expected = len(feedparser.parse(BytesIO(body), response_headers=served).entries)
                try:
                    batch = await source.poll(http, {})
                except BadPayload:
                    refused.append(name)
                    assert expected == 0, f"{name}: feedparser reads {expected} entries"
                    continue
                posts += len(batch.posts)
                assert len({p.native_id for p in batch.posts}) == len(batch.posts), name
                if len(batch.posts) != expected:
                    lost.append((name, expected, len(batch.posts)))
    finally:
        await runner.cleanup()
    assert lost == []
    assert posts > 300
    # What has neither entries nor the mark of any feed format is an alarm, not an empty feed.
    assert len(refused) < 60, refused
