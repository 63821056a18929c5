"""Feeds: identities that stay, text without markup, and hostile documents."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from connectors.errors import BadPayload
from connectors.markup import hashtags_of, links_of_html, mentions_of, text_of_html
from connectors.rss import parse

FEED = "https://ertis.example/feed.xml"


def feed(*items: str) -> bytes:
    return ("<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>t</title>"
            + "".join(f"<item>{item}</item>" for item in items) + "</channel></rss>").encode()


def ids(*items: str, url: str = FEED) -> list[str]:
    return [post.native_id for post in parse(feed(*items), url)]


def test_an_id_that_only_this_feed_knows_is_not_taken_for_anothers() -> None:
    item = "<guid isPermaLink='false'>17</guid><title>a</title>"
    assert ids(item) != ids(item, url="https://other.example/feed.xml")
    assert ids(item, url="https://u:p@ertis.example/feed.xml") == ids(item)
    world = "<guid isPermaLink='false'>tag:ertis.example,2026:17</guid><title>a</title>"
    assert ids(world) == ids(world, url="https://other.example/feed.xml")


def test_without_an_id_the_address_is_it_and_without_an_address_the_words() -> None:
    assert ids("<link>https://ertis.example/1</link><title>a</title>") == ["https://ertis.example/1"]
    first, second = ids("<title>a</title>", "<title>b</title>")
    assert first != second
    assert ids("<title>b</title>", "<title>new</title>", "<title>a</title>")[::2] == [second, first]


def test_entries_of_one_id_are_all_kept_and_the_oldest_keeps_it() -> None:
    old = "<guid>urn:x</guid><title>a</title><pubDate>Sun, 01 Mar 2026 06:00:00 GMT</pubDate>"
    new = "<guid>urn:x</guid><title>b</title><pubDate>Sun, 01 Mar 2026 07:00:00 GMT</pubDate>"
    for items in ((new, old, old), (old, new)):
        posts = parse(feed(*items), FEED)
        assert [post.text for post in posts if post.native_id == "urn:x"] == ["a"]
        assert len(posts) == len(items)
    assert len(set(ids(new, old, old))) == 3


def test_times_are_utc_and_impossible_ones_are_left_out() -> None:
    (post,) = parse(feed("<title>a</title><pubDate>Sun, 01 Mar 2026 12:15:30 +0500</pubDate>"))
    assert post.published_at == datetime(2026, 3, 1, 7, 15, 30, tzinfo=UTC)
    for value in ("Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "soon", ""):
        (post,) = parse(feed(f"<title>a</title><pubDate>{value}</pubDate>"))
        assert post.published_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_an_atom_update_is_an_edit() -> None:
    body = (b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:1</id><title>a</title>"
            b"<published>2026-03-01T07:00:00Z</published><updated>2026-03-01T08:00:00Z</updated></entry></feed>")
    (post,) = parse(body)
    assert (post.published_at.hour, post.edited_at and post.edited_at.hour) == (7, 8)


def test_a_title_that_begins_the_text_is_not_said_twice() -> None:
    (post,) = parse(feed("<title>Жарық жоқ</title><description>&lt;p&gt;Жарық жоқ, екі күн&lt;/p&gt;</description>"))
    assert post.text == "Жарық жоқ, екі күн"


@pytest.mark.parametrize("body", [
    b"", b"<html><body><p>Not a feed</p></body></html>", b"{}", b"/etc/passwd", b"http://127.0.0.1:9/", b"\x89PNG\r\n", b"\x00" * 100,
])
def test_what_is_no_feed_alarms(body: bytes) -> None:
    with pytest.raises(BadPayload, match="not an RSS or Atom feed|cannot be read"):
        parse(body, FEED)


def test_entities_that_grow_or_point_to_files_yield_nothing() -> None:
    grow = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = (f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "lol">{grow}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
            "<rss version='2.0'><channel><item><title>&l9;</title><description>&f;</description></item></channel></rss>").encode()
    began = time.monotonic()
    (post,) = parse(bomb)
    assert time.monotonic() - began < 5
    assert "root:" not in post.text
    assert len(post.text) < 1000


N = 60_000
HOSTILE = {
    "one id": feed("<guid>urn:x</guid>")[:-16] + b"<item><guid>urn:x</guid></item>" * (N // 10),
    "no id": b"<rss version='2.0'><channel>" + b"<item>" * N,
    "deep": b"<rss version='2.0'><channel><item><title>x</title>" + b"<a>" * N,
    "comments": feed("<title>x</title><description><![CDATA[" + "<!--" * N * 4 + "]]></description>"),
    "one word as author": feed(f"<title>x</title><author>{'a' * N * 10}</author>"),
    "categories": feed("<title>x</title>" + "".join(f"<category>{n}</category>" for n in range(N))),
    "attributes": feed("<title>x</title><b " + " ".join(f"a{n}='b'" for n in range(N)) + "/>"),
    "namespaces": feed("<title>x</title>" + "".join(f"<a:b xmlns:a='http://x/{n}'/>" for n in range(N // 4))),
    "bases": feed("<title>x</title>" + "<b xml:base='a/'>" * (N // 4)),
    "blank lines": b"\n" * N * 50 + feed("<title>x</title>"),
    "marks": feed("<title>x</title><description>a" + "\u0301\u0316" * N + "</description>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_costs_linear_time(name: str) -> None:
    """Each took feedparser, or us, the square of its length: minutes to days for a document of one megabyte."""
    began = time.monotonic()
    posts = parse(HOSTILE[name], FEED)
    assert time.monotonic() - began < 30
    assert posts
    assert len({post.native_id for post in posts}) == len(posts)


def test_a_document_of_nothing_but_elements_is_refused() -> None:
    with pytest.raises(BadPayload, match="more than 300000 elements"):
        parse(b"<rss version='2.0'><channel><item><title>x</title>" + b"<a>" * 400_000)


def test_a_summary_that_is_not_the_beginning_of_the_content_is_kept() -> None:
    content = "<content:encoded xmlns:content='http://purl.org/rss/1.0/modules/content/'>{}</content:encoded>"
    long = "Абай көшесінде үш күннен бері жарық жоқ, балалар қараңғыда отыр, ешкім жауап бермейді. Қашан қосылады?"
    (teased,) = parse(feed("<title>t</title><description>" + long[:80] + " […]</description>" + content.format(long)))
    assert teased.text == "t\n\n" + long
    (other,) = parse(feed("<title>t</title><description>Павлодар әкіміне</description>" + content.format(long)))
    assert other.text == f"t\n\n{long}\n\nПавлодар әкіміне"


@pytest.mark.parametrize("odd", [
    "<description>&#55357;&#56832;</description>",           # an emoji as many generators write it: two halves
    "<description>&#x110000;&#0;&#99999999999;</description>", "<tags>x</tags>", "<links a='b'/>", "<author_detail>x</author_detail>",
    "<title_detail>x</title_detail>", "<published_parsed>x</published_parsed>", "<link a='1'/>", "<enclosures>x</enclosures>",
    "<content src='http://[x' type='z'/>", "<link>http://[bad/</link>", "<content a='b'/>", "<textinput>", "</image></item></source>",
])
def test_one_odd_element_costs_no_other_entry(odd: str) -> None:
    posts = parse(feed("<guid>urn:1</guid><title>Жарық жоқ</title>", "<guid>urn:2</guid><title>a</title>" + odd,
                       "<guid>urn:3</guid><title>Су жоқ</title>"), FEED)
    assert {"Жарық жоқ", "Су жоқ"} <= {post.text for post in posts}
    assert len(posts) == 3


@pytest.mark.parametrize("html", [
    "<div>" * 100_000 + "x", "<a '" * 100_000, "<!--" * 100_000, "<script>" * 100_000, "<a \"'" * 100_000, "<" * 300_000, "&" * 300_000,
    "<a href=" * 100_000, "<p " * 100_000,
])
def test_hostile_markup_costs_linear_time(html: str) -> None:
    began = time.monotonic()
    text_of_html(html)
    links_of_html(html)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(("html", "text"), [
    ("<p>Қала&nbsp;әкімі <b>жоқ</b></p><p>а<br>б</p>", "Қала әкімі жоқ\n\nа\nб"),
    ("<ul><li>бір<li>екі</ul>үш", "бір\nекі\nүш"),
    ("а<script>alert('<b>')</script>б<style>p{}</style>в<!-- г -->д", "абвд"),
    ("5 < 6 &lt;b&gt; &amp;amp;", "5 < 6 <b> &amp;"),
    ("екі <!үш", "екі <!үш"), ("а<!DOCTYPE html>б<?php x ?>в", "абв"),
    ("<a title='a>b' href=x>сілтеме</a>", "сілтеме"),
    ("сөз<b>дік", "сөздік"), ("<b", ""), ("плейн  текст\n\n\n\nорыс", "плейн текст\n\nорыс"),
])
def test_html_as_text(html: str, text: str) -> None:
    assert text_of_html(html) == text


def test_what_a_text_names() -> None:
    text = "Құрметті @akimat_pvl! #жарық_жоқ #2026 a@b.kz https://h/#x @akimat_pvl (@ab.c)"
    assert mentions_of(text) == ("@akimat_pvl", "@ab.c")
    assert hashtags_of(text) == ("#жарық_жоқ",)
    assert links_of_html("<a href='/a?b=1&amp;c=2'>x</a><a href='javascript:x()'>y</a><a href='mailto:a@b'>z</a>",
                         "https://h/f") == ["https://h/a?b=1&c=2"]
