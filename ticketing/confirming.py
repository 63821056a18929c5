"""The number, said by the program under the post that got it: off by default, for each source apart.

Said once, to the post that opened the card, in its author's language, and not to a flood: so many in an hour for a source. It knows
nothing of surges: who is answered hangs on the source, the moment and the pace alone. What is public holds no code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, delete, insert, select

from config.languages import N_, language
from monitor.core.post import Post
from monitor.store.tables import keep
from ticketing.appeal import parts
from ticketing.citizens import Thread, queue, spoken
from ticketing.store import DESKS, private_chat, ticket_by_number

KIND = "confirmed"

WAITS = timedelta(minutes=5)
"""Before it is said: a post that was entered by mistake is taken out again meanwhile."""

FRESH = timedelta(hours=24)
"""An older post (a past that was read in, a source that was down) is not answered any more."""

AN_HOUR = timedelta(hours=1)

_SAID = N_("Your message is registered, number %(number)s. How it stands: %(link)s (the code is given at the reception of the akimat).")
_WAY = N_("This is a message, not an official appeal: that needs what the law names (Art. 63 of the АППК) and your digital signature, "
          "at eotinish.kz.")


@dataclass(frozen=True, slots=True)
class Confirming:
    """What is settled: how many an hour each source may say (by its name), and where the pages are."""

    an_hour: Mapping[str, int]
    public_url: str


def confirm(c: Connection, settled: Confirming, number: str, post_id: int, post: Post, tongue: str, personal: Collection[str],
            now: datetime) -> bool:
    """Have the author told, unless that is not settled, late, or too much at once. Returns whether it was queued."""
    most = settled.an_hour.get(post.source, 0)
    if most <= 0 or post.network in DESKS or private_chat(post.network, post.native_id) is not None or post.deleted_at is not None:
        return False
    if now - post.published_at > FRESH or not _may(c, post.source, most, now):
        return False
    place = Thread(number, post.network, post_id, post.native_id, post.url, tongue)
    words = "\n\n".join(_words(code, number, settled.public_url, personal) for code in spoken(tongue))
    return queue(c, [place], KIND, lambda _t: {"text": words}, now, WAITS) == 1


def stale(c: Connection, number: str, post: Post, now: datetime) -> str | None:
    """Why it is not said any more; None while it is true."""
    row = ticket_by_number(c, number)
    if row is None or row.status in ("void", "redirected"):
        return N_("the card is void or was passed on meanwhile")
    if now - post.published_at > FRESH + AN_HOUR:
        return N_("the post is a day old by now")
    return None


def _words(code: str, number: str, public_url: str, personal: Collection[str]) -> str:
    _ = language(code).gettext
    said = _(_SAID) % {"number": number, "link": f"{public_url.rstrip('/')}/status?n={quote(number)}"}
    complete = all(part.there for part in parts(personal, True, True))
    return said if complete else f"{said} {_(_WAY)}"


def _may(c: Connection, source: str, most: int, now: datetime) -> bool:
    """Whether this source may say one more in this hour; counts it."""
    name = f"confirmed.{source}"
    known: list[str] = c.execute(select(keep.c.value).where(keep.c.name == name)).scalar_one_or_none() or []
    recent = [at for at in known if now - datetime.fromisoformat(at) < AN_HOUR]
    if len(recent) >= most:
        return False
    c.execute(delete(keep).where(keep.c.name == name))
    c.execute(insert(keep).values(name=name, value=[*recent, now.isoformat()]))
    return True


def settled_by(settings: Any) -> Confirming:
    """From the config: sources that may, where the pages have a public address."""
    address = settings.web.public_url
    return Confirming({s.name: s.confirms_an_hour for s in settings.sources if s.confirms and address}, address)
