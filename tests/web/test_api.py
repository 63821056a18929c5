"""The JSON API and its description."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator

from monitor.web.openapi import ROUTES, document


def schema(name: str) -> Draft202012Validator:
    api = document("http://x")
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": api["components"]})


async def test_the_description_names_every_route_and_no_other(server):
    real = set()
    for route in server.app.router.routes():
        path = route.resource.canonical if route.resource else ""
        if path.startswith("/api/") and route.method != "HEAD":
            real.add((route.method.lower(), re.sub(r"\{(\w+)[^}]*\}", r"{\1}", path)))
    assert real == {(method, path) for method, path, *_ in ROUTES}


async def test_the_description_is_openapi(browse):
    api = await (await browse("viewer")).json("/api/v1/openapi.json")
    assert api["openapi"].startswith("3.1") and api["info"]["title"]
    for name, one in api["components"]["schemas"].items():
        Draft202012Validator.check_schema(one), name
    for path, methods in api["paths"].items():
        for operation in methods.values():
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', str(api).replace("'", '"')))
    assert refs <= set(api["components"]["schemas"])


@pytest.mark.parametrize(("path", "name"), [
    ("/api/v1/posts", "Posts"), ("/api/v1/posts/{3}", "Post"), ("/api/v1/tickets", "Tickets"),
    ("/api/v1/tickets/551-2026-3", "WholeTicket"), ("/api/v1/sources", "Sources"), ("/api/v1/akimats?q=жам", "Akimats"),
    ("/api/v1/session", "Session")])
async def test_answers_are_as_described(browse, morning, path, name):
    answer = await (await browse("control")).json(path.replace("{3}", str(morning[3])))
    schema(name).validate(answer)
    if "items" in answer:
        assert answer["items"]


async def test_refusals_and_verbs_are_as_described(browse, morning):
    control = await browse("control")
    schema("Error").validate(await control.json("/api/v1/posts/999999", 404))
    schema("Error").validate(await control.json("/api/v1/posts?state=eaten", 400))
    schema("Error").validate(await control.json("/api/v1/posts?akimat=Жамбыл", 400))
    for rubbish in ("limit=-1", "limit=0", "limit=many", "before=99999999999999999999999", "before=x"):
        schema("Error").validate(await control.json(f"/api/v1/posts?{rubbish}", 400))
    schema("Error").validate(await control.json("/api/v1/nothing", 404))
    schema("Error").validate(await control.post(f"/api/v1/posts/{morning[5]}/other_akimat", 409, akimat="Жамбыл ауданы"))
    schema("Done").validate(await control.post(f"/api/v1/posts/{morning[5]}/take"))
    schema("Done").validate(await control.post("/api/v1/tickets/551-2026-7/accept"))


async def test_pages_of_posts_and_cards_are_followed_by_next(browse, morning):
    control = await browse("control")
    for path, count in (("/api/v1/posts?limit=4", 11), ("/api/v1/tickets?limit=3", 7)):
        seen = []
        while path:
            page = await control.json(path)
            seen += [item.get("id") or item["number"] for item in page["items"]]
            path = page["next"]
        assert len(seen) == len(set(seen)) == count and seen == sorted(seen, reverse=True)


async def test_times_have_an_offset_and_numbers_are_letters(browse, morning):
    card = await (await browse("viewer")).json("/api/v1/tickets/" + quote("ӘЖ-551-2026-000003"))
    assert card["number"] == "ӘЖ-551-2026-000003" and re.search(r"[+Z]", card["due_first"])
    assert [e["action"] for e in card["entries"]] == ["register", "assign", "accept"]
    assert card["posts"][0]["verdict"]["reasons"][0]["rule"] == "addressee"


async def test_akimats_by_the_begin_of_a_name(browse):
    items = (await (await browse("viewer")).json("/api/v1/akimats?q=еңбекшіқазақ"))["items"]
    assert items[0]["name"] == "Енбекшиказахский район" and "Алматинская область" in items[0]["path"]
    assert (await (await browse("viewer")).json("/api/v1/akimats?q="))["items"] == []
