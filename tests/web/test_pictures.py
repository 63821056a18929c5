"""Pictures of a card: without the place they were taken at, to those who may see the card, and to nobody else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
from sqlalchemy import insert, select, update
from web_scene import NOW, PAVLODAR, a_post, a_verdict, take_in

from monitor.pictures import OpenWeb, Pictures
from monitor.store.engine import Database
from ticketing import access, copies, erasure, pictures
from ticketing.service import Service
from ticketing.tables import answer, photo, picture, ticket, ticket_post

GPS = 0x8825


def a_photo(colour: str = "red", size: tuple[int, int] = (2000, 1000), kind: str = "JPEG") -> bytes:
    """With the place where it was taken, turned by the camera, and a comment."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "Dana, Estay 12"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 17.0, 1.0), 3: "E", 4: (76.0, 57.0, 1.0)})
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, kind, exif=exif, **({"comment": b"secret place"} if kind == "JPEG" else {}))
    return out.getvalue()


def test_a_picture_is_made_anew_upright_and_bare() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        source = a_photo(kind=kind)
        assert Image.open(BytesIO(source)).getexif().get_ifd(GPS), "the scene holds a place"
        made = pictures.made(source)
        shown, small = Image.open(BytesIO(made.content)), Image.open(BytesIO(made.small))
        assert (shown.format, shown.size, small.size) == ("JPEG", (800, 1600), (160, 320))
        assert not shown.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & shown.info.keys()
        assert b"secret" not in made.content + made.small
        assert b"Estay" not in made.content + made.small
        assert len(made.small) < 20_000


@pytest.mark.parametrize(("content", "why"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not a picture"),
    (b"<html>", "not a picture"), (b"", "not a picture"), (a_photo()[:400], "damaged|not a picture"),
    (b"\xff\xd8\xff" + b"0" * 11 * 2**20, "10 MB"),
], ids=["svg", "html", "empty", "cut", "large"])
def test_what_is_no_picture_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(pictures.NoPicture, match=why):
        pictures.made(content)


def test_a_small_file_that_unpacks_to_gigabytes_is_refused() -> None:
    out = BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    assert len(out.getvalue()) < 200_000
    with pytest.raises(pictures.NoPicture):
        pictures.made(out.getvalue())


@pytest.fixture
async def network():
    """A network that hands pictures out, and whatever else a stranger may put behind an address."""
    async def image(request: web.Request) -> web.Response:
        return web.Response(body=a_photo(request.match_info["name"]), content_type="image/jpeg")

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<script>alert(1)</script>", content_type="text/html")
    app = web.Application()
    app.add_routes([web.get("/{name}.jpg", image), web.get("/page", page)])
    async with TestServer(app) as server:
        yield server


@pytest.fixture
async def scene(db: Database, service: Service, staff: dict[str, int], network: TestServer):
    """A card on a post with a picture, a page and a film; a stranger with the same words and another picture; an answer with a photo."""
    own = replace(a_post("p1", "Естай көшесінде шұңқыр бар, жөндеңіздер", NOW), media=(
        str(network.make_url("/red.jpg")), str(network.make_url("/page")), "video:9"))
    other = replace(a_post("p2", "Естай көшесінде шұңқыр бар, жөндеңіздер", NOW, author=replace(own.author, key="somebody else")),
                    media=(str(network.make_url("/blue.jpg")),))
    take_in(db, service, [(own, a_verdict(own.text))], NOW)
    [strange] = take_in(db, service, [(other, a_verdict(other.text, "triage"))], NOW)
    with db.begin() as c:
        row = c.execute(select(ticket)).one()
        number = row.number
        c.execute(insert(ticket_post).values(
            post_id=strange, ticket_id=row.id, role="copy", network="instagram", native_id="p2", akimat=PAVLODAR, text_key=b"2" * 16,
            author_key="somebody else", published_at=NOW))
        code = access.issue(c, number, NOW)
        said = c.execute(insert(answer).values(
            ticket=number, kind="final", language="kk", text="Бітелді.", state="published", version=1, warnings=[],
            author=staff["aigul"], made_at=NOW, published_at=NOW).returning(answer.c.id)).scalar_one()
        for n, of in enumerate((said, None)):
            c.execute(insert(photo).values(ticket=number, answer=of, by=staff["aigul"], at=NOW, state="kept", file="f", same=str(n),
                                           content=a_photo("green")))
    async with OpenWeb(anywhere=True) as outside:
        await Pictures(db, None, outside, lambda _name: None, lambda: NOW).look()
    return number, code


def seen(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', page)


async def colour(client, address: str) -> str:
    got = await client.get(address)
    assert got.status == 200
    assert got.content_type == "image/jpeg"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"].startswith("private")
    body = await got.read()
    assert not Image.open(BytesIO(body)).getexif(), "no place leaves"
    r, g, b = Image.open(BytesIO(body)).getpixel((5, 5))
    return "red" if r > 200 else "blue" if b > 200 else "green" if g > 90 else "?"


async def test_staff_see_all_and_other_offices_none(scene, browse, anonymous) -> None:
    number, _code = scene
    aigul = await browse("aigul")
    page = await aigul.page(f"/tickets/{number}")
    assert sorted([await colour(aigul.client, at) for at in seen(page)]) == ["blue", "green", "green", "red"]
    assert "смотрите оригинал" in page, "what is no picture is said to be there"
    told = (await aigul.json(f"/api/v1/tickets/{number}"))["pictures"]
    assert sum(p["url"] is not None for p in told) == 4
    whole = seen(page)[0].replace("small", "whole")
    again = await aigul.client.get(whole, headers={"If-None-Match": (await aigul.client.get(whole)).headers["ETag"]})
    assert again.status == 304
    stranger = await browse("semey")
    assert (await stranger.client.get(seen(page)[0])).status == 404
    assert (await anonymous.get(seen(page)[0], allow_redirects=False)).status in (303, 401)


async def test_the_author_sees_the_own_ones_and_the_answers_for_a_quarter_of_an_hour(scene, db, anonymous, clock) -> None:
    number, code = scene
    page = await (await anonymous.post("/status", data={"number": number, "code": code, "lang": "ru"})).text()
    assert "Ваши фотографии" in page
    addresses = seen(page)
    assert [await colour(anonymous, at) for at in addresses] == ["red", "green"], "neither the stranger's nor the office's own"
    with db.reading() as c:
        ids = set(c.execute(select(picture.c.id).where(picture.c.state == "kept")).scalars())
    mine = {int(at.split("/")[3]) for at in addresses}
    mark = addresses[0].split("/")[4]
    for other in ids - mine:
        assert (await anonymous.get(f"/status/pictures/{other}/{mark}/small")).status == 404
    assert (await anonymous.get(addresses[0].replace(mark, mark[:-1] + ("0" if mark[-1] != "0" else "1")))).status == 404
    later = str(int(mark.partition("-")[0]) + 9999) + "-" + mark.partition("-")[2]
    assert (await anonymous.get(addresses[0].replace(mark, later))).status == 404
    clock.go(minutes=16)
    assert (await anonymous.get(addresses[0])).status == 404


async def test_an_erasure_takes_them_along(scene, db, anonymous, service, browse) -> None:
    number, code = scene
    with db.begin() as c:
        copies.note(c, -1, 5, number, NOW)
    page = await (await anonymous.post("/status", data={"number": number, "code": code, "lang": "ru"})).text()
    with db.begin() as c:
        row = c.execute(select(ticket)).one()
        erasure.erase(c, erasure.of_number(c, row), NOW, service._salt, number=number, by="operator", why="order", note="x")
        assert c.execute(select(picture.c.id).where(picture.c.content.is_not(None))).first() is None
    assert (await anonymous.get(seen(page)[0])).status == 404
    card = await (await browse("aigul")).page(f"/tickets/{number}")
    assert "ещё не отозвано: 1" in card, "what the bot said is to be called back"


async def test_an_address_that_a_stranger_wrote_does_not_lead_into_our_own_network(scene, db, network) -> None:
    with db.begin() as c:
        c.execute(update(picture).where(picture.c.post_id.is_not(None)).values(state="waiting", content=None, next_try_at=NOW))
    async with OpenWeb() as outside:
        await Pictures(db, None, outside, lambda _name: None, lambda: NOW + timedelta(hours=1)).look()
    with db.reading() as c:
        states = c.execute(select(picture.c.state, picture.c.reason).where(picture.c.post_id.is_not(None))).all()
    assert {state for state, _r in states} == {"failed"}
    assert any("open web" in reason for _s, reason in states)
