"""The page of promises: by office, never by person; another office's are not there."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update
from web_scene import NOW

from ticketing import owed
from ticketing.tables import account, obligation, ticket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_kept_late_broken_and_ahead_are_told_apart_by_office_and_name_nobody(browse, db, morning):
    with db.begin() as c:
        mine = c.execute(select(ticket.c.number).where(ticket.c.akimat.startswith("55")).order_by(ticket.c.id)).scalars().first()
        due = NOW - timedelta(days=2)
        for i, values in enumerate(({"kept_at": due - timedelta(hours=1)}, {"kept_at": due + timedelta(hours=1)}, {},
                                    {"due": NOW + timedelta(days=3)})):
            c.execute(insert(obligation).values(**{"ticket": mine, "kind": "promise", "text": f"сөз {i} <b>", "source": f"answer:{i}",
                                                   "due": due, "derivation": [], "made_at": NOW - timedelta(days=9)} | values))
        assert owed.note_broken(c, NOW) == 1
        assert not owed.any_broken(c, NOW)
    press = await browse("press")
    said = await press.json("/api/v1/promises")
    assert [(o["kept"], o["late"], o["broken"], o["ahead"]) for o in said["offices"]] == [(1, 1, 1, 1)]
    page = await press.page("/promises")
    assert "сөз 2 &lt;b&gt;" in page and mine in page and "сөз 0" not in page
    with db.reading() as c:
        names = c.execute(select(account.c.name)).scalars().all()
    body = page[page.index("<h1>"):]
    assert not any(name in body for name in names)
    with db.begin() as c:
        c.execute(update(obligation).values(kept_at=datetime.now(UTC)))
        assert not owed.open_ones(c, None, 10)
