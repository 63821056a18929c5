"""The register: numbers without gap or double, a chain that shows every tampering."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, insert, select, text, update

from monitor.store.engine import Database
from ticketing.erasure import Scope, erase
from ticketing.register import NewEntry, NewNumber, Secret, append, commitment, entry_hash, verify
from ticketing.tables import entry, head, sealed, ticket
from ticketing.ticket import number, typed_number, year_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def salts():
    made = count()
    return lambda: next(made).to_bytes(16, "big")


def register(c, office: str, n: int, salt, year: int = 2026) -> list[str]:
    """Register n tickets the way intake does: numbers, entries and ticket rows in one transaction."""
    entries = []
    for i in range(n):
        entries.append(NewEntry(office, NewNumber("ӘЖ", year), NOW, "system", "register",
                                {"akimat": office}, (Secret("text", f"хабарлама {i}"),), key=i))
        entries.append(NewEntry(office, i, NOW, "system", "assign", {"department": "жолдар", "responsible": None}))
    given = append(c, entries, salt)
    c.execute(insert(ticket), [{
        "number": no, "office": office, "series": "ӘЖ", "year": year, "seq": seq, "status": "assigned", "akimat": office,
        "department": "жолдар", "assigned_by": {}, "topic": "roads", "kind": "complaint", "urgency": "normal",
        "language": "kk", "received_at": NOW, "registered_at": NOW, "due_first": NOW, "due_first_derivation": [],
        "due_final": NOW, "due_final_derivation": []} for no, seq in given.numbers.values()])
    return [no for no, _seq in given.numbers.values()]


def test_numbers_run_on_per_office_and_year(db: Database) -> None:
    salt = salts()
    with db.begin() as c:
        assert register(c, "551000000", 2, salt) == ["ӘЖ-551-2026-000001", "ӘЖ-551-2026-000002"]
        assert register(c, "101000000", 1, salt) == ["ӘЖ-101-2026-000001"]
    with db.begin() as c:
        assert register(c, "551000000", 1, salt) == ["ӘЖ-551-2026-000003"]
        assert register(c, "551000000", 1, salt, year=2027) == ["ӘЖ-551-2027-000001"]
    with db.reading() as c:
        proof = verify(c)
    assert (proof.broken, proof.tickets, proof.entries, proof.offices) == ((), 5, 10, 2)


def test_a_rolled_back_transaction_leaves_no_gap(db: Database) -> None:
    salt = salts()
    with pytest.raises(ZeroDivisionError), db.begin() as c:
        register(c, "551000000", 3, salt)
        raise ZeroDivisionError
    with db.begin() as c:
        assert register(c, "551000000", 1, salt) == ["ӘЖ-551-2026-000001"]
    with db.reading() as c:
        assert verify(c).broken == ()


def test_writers_side_by_side_give_every_number_once(db: Database) -> None:
    """Eight writers on two offices, named in both orders: no double, no gap, no deadlock."""
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for i in range(10):
                offices = ["551000000", "101000000"][:: 1 if (seed + i) % 2 else -1]
                with db.begin() as c:
                    entries = [NewEntry(o, NewNumber("ӘЖ", 2026), NOW, "system", "register", {"akimat": o}, key=o)
                               for o in offices]
                    append(c, entries, lambda: bytes(16))
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
    with db.reading() as c:
        rows = c.execute(select(entry.c.office, entry.c.ticket).order_by(entry.c.office, entry.c.seq)).all()
    assert [r.ticket for r in rows] == [number("ӘЖ", o, 2026, n) for o in ("101000000", "551000000") for n in range(1, 81)]


TAMPERING = {
    "edit a detail": lambda c: c.execute(update(entry).where(entry.c.seq == 3).values(details='{"akimat":"750000000"}')),
    "edit the actor": lambda c: c.execute(update(entry).where(entry.c.seq == 4).values(actor="user:1")),
    "backdate": lambda c: c.execute(update(entry).where(entry.c.seq == 5).values(at="2020-01-01T00:00:00.000000+00:00")),
    "delete in the middle": lambda c: c.execute(entry.delete().where(entry.c.seq == 4)),
    "cut the tail": lambda c: c.execute(entry.delete().where(entry.c.seq > 6)),
    "cut everything": lambda c: c.execute(entry.delete()),
    "swap two": lambda c: [c.execute(update(entry).where(entry.c.seq == a).values(seq=b)) for a, b in ((3, 90), (4, 3), (90, 4))],
    "insert": lambda c: c.execute(insert(entry).values(
        office="551000000", seq=9, ticket="ӘЖ-551-2026-000009", at="x", actor="system", action="register", details="{}",
        prev_hash="0", hash="0")),
    "drop a ticket": lambda c: c.execute(ticket.delete().where(ticket.c.seq == 2)),
    "close a ticket by hand": lambda c: c.execute(update(ticket).where(ticket.c.seq == 2).values(status="closed")),
    "change a text": lambda c: c.execute(update(sealed).where(sealed.c.seq == 3).values(text="басқа хабарлама")),
    "drop a text": lambda c: c.execute(sealed.delete().where(sealed.c.seq == 3)),
    "write nonsense into the head": lambda c: c.execute(text("UPDATE head SET numbers = 'x'")),
    "write nonsense into a ticket": lambda c: c.execute(text("UPDATE ticket SET also = '{' WHERE seq = 2")),
    "give a ticket to somebody": lambda c: c.execute(update(ticket).where(ticket.c.seq == 2).values(department="басқа")),
    "move a ticket to another office": lambda c: c.execute(update(ticket).where(ticket.c.seq == 2).values(office="101000000")),
    "wind the number back": lambda c: c.execute(update(head).values(numbers={"ӘЖ-2026": 3})),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_found(db: Database, how: str) -> None:
    with db.begin() as c:
        register(c, "551000000", 4, salts())
    with db.reading() as c:
        assert verify(c).broken == ()
    with db.begin() as c:
        TAMPERING[how](c)
    with db.reading() as c:
        assert verify(c).broken, f"{how} was not found"


def test_a_proof_is_of_one_moment(db: Database) -> None:
    """Verified while the daemon registers on: a head read before and a chain read after must not look like a fraud."""
    salt = salts()
    with db.begin() as c:
        register(c, "551000000", 2, salt)
    with db.reading() as c:
        before = c.execute(select(func.count()).select_from(entry)).scalar_one()
        with db.begin() as other:
            register(other, "551000000", 2, salt)
        assert c.execute(select(func.count()).select_from(entry)).scalar_one() == before
        assert (verify(c).broken, verify(c).tickets) == ((), 2)


def test_erasing_a_text_leaves_the_chain_whole_and_nothing_to_guess_from(db: Database) -> None:
    with db.begin() as c:
        register(c, "551000000", 1, salts())
        kept = c.execute(select(sealed)).one()
        entered = c.execute(select(entry.c.details).where(entry.c.action == "register")).scalar_one()
        assert commitment(bytes(kept.salt), kept.text) in entered
        assert "хабарлама" not in entered
        number = c.execute(select(ticket.c.number)).scalar_one()
        erase(c, Scope(numbers=frozenset({number})), NOW, salts(), number=number, by="operator", why="order")
        assert c.execute(select(sealed.c.salt, sealed.c.text)).all() == [(None, None)]
    with db.reading() as c:
        assert verify(c).broken == ()


def test_a_text_that_went_without_an_entry_is_found(db: Database) -> None:
    """Destroying what speaks against one is tampering, too: an erasure is recorded."""
    with db.begin() as c:
        register(c, "551000000", 1, salts())
        c.execute(update(sealed).values(salt=None, text=None))
    with db.reading() as c:
        assert [b.what for b in verify(c).broken] == ["its text is gone, and no entry says that it was erased"]


def test_an_entry_dated_back_is_found_but_not_a_clock_set_back(db: Database) -> None:
    salt, earlier = salts(), NOW - timedelta(days=3)
    with db.begin() as c:
        register(c, "551000000", 1, salt)
        append(c, [NewEntry("551000000", "ӘЖ-551-2026-000001", earlier, "user:1", "accept", {"responsible": None})], salt)
        c.execute(update(ticket).values(status="accepted"))
    with db.reading() as c:
        assert verify(c).broken == ()       # the machine's clock: the entry itself says so
    with db.begin() as c:                   # a superuser who knows how the chain is made
        last = c.execute(select(entry).where(entry.c.seq == 3)).one()
        hash_ = entry_hash(last.prev_hash, last.office, 3, last.ticket, last.at, last.actor, last.action, '{"responsible":null}')
        c.execute(update(entry).where(entry.c.seq == 3).values(details='{"responsible":null}', hash=hash_))
        c.execute(update(head).values(hash=hash_))
    with db.reading() as c:
        assert "backdated" in verify(c).broken[0].what


def test_the_database_itself_refuses_a_second_same_number(db: Database) -> None:
    with db.begin() as c:
        register(c, "551000000", 1, salts())
    with pytest.raises(Exception, match="(?i)unique"), db.begin() as c:
        c.execute(text("UPDATE head SET numbers = '{}'"))
        register(c, "551000000", 1, salts())
    with db.reading() as c:
        assert c.execute(select(func.count()).select_from(ticket)).scalar_one() == 1


@pytest.mark.parametrize(("typed", "meant"), [
    ("ӘЖ-551-2026-000123", ("ӘЖ", "551", 2026, 123)), ("аж-551-2026-123", ("ӘЖ", "551", 2026, 123)),
    ("AZH 551 2026 000123", ("ӘЖ", "551", 2026, 123)), (" 551-2026-000123 ", (None, "551", 2026, 123)),
    ("№ ӘЖ–551–2026–000123", ("ӘЖ", "551", 2026, 123)), ("ҚБ-551-2026-1", ("ҚБ", "551", 2026, 1)),
    ("ЖТ-551-2026-000123", None), ("551", None), ("", None), ("'; drop table ticket", None), ("9" * 500, None),
])
def test_numbers_as_people_type_them(typed: str, meant: object) -> None:
    assert typed_number(typed) == meant


@pytest.mark.parametrize(("code", "digits"), [
    ("551000000", "551"), ("550000000", "55"), ("100000000", "10"), ("750000000", "75"), ("551045000", "551045"), ("551045101", "551045101")])
def test_the_office_in_a_number_has_no_trailing_zeros_but_two_digits(code: str, digits: str) -> None:
    assert number("ӘЖ", code, 2026, 123) == f"ӘЖ-{digits}-2026-000123"


def test_the_year_of_a_number_is_that_of_kazakhstan() -> None:
    """An office that works at night registers in the new year while UTC is still in the old one."""
    assert [year_of(datetime(2026, 12, 31, hour, tzinfo=UTC)) for hour in (18, 19)] == [2026, 2027]
