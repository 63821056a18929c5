"""Whatever staff and networks do, in whatever order: the register proves itself and no post has two numbers."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta

import pytest
from scene import ALMATY, NOW, PAVLODAR, SEMEY, TEXT, a_post, feed, said
from sqlalchemy import func, select

from monitor.store.tables import correction
from ticketing.handover import hand_back
from ticketing.register import verify
from ticketing.service import Actor, Refused
from ticketing.tables import ticket, ticket_post


@pytest.mark.parametrize("seed", range(3))
def test_the_register_holds_after_anything(db, service, staff, seed) -> None:
    rng = random.Random(seed)
    actors = [Actor(staff["aigul"], "officer", PAVLODAR), Actor(staff["head"], "head", PAVLODAR), Actor(staff["bolat"], "controller"),
              Actor(staff["semey"], "head", SEMEY)]
    below = next(u.code for u in service.desk.knowledge.registry if u.parent == PAVLODAR)
    places = (PAVLODAR, SEMEY, ALMATY, below)
    done = 0
    for minute in range(60):
        now = NOW + timedelta(minutes=minute)
        with db.reading() as c:
            numbers = list(c.execute(select(ticket.c.number).order_by(ticket.c.id)).scalars()) or ["551-2026-1"]
            made = list(c.execute(select(correction.c.id).order_by(correction.c.id)).scalars()) or [0]
        actor, post, place, number = rng.choice(actors), rng.randint(1, 8), rng.choice(places), rng.choice(numbers)
        if rng.random() < 0.35:
            new = a_post(str(rng.randint(1, 6)), f"{TEXT} {rng.randint(1, 9)}-үй", rng.choice(("vk", "x")),
                         deleted_at=now if rng.random() < 0.1 else None)
            feed(db, service, (new, said(rng.choice(("register", "register", "triage", "ignore")), place)), now=now)
        else:
            verb = rng.choice((
                lambda c, a=actor, n=number, t=now: service.accept(c, n, a, t),
                lambda c, a=actor, n=number, p=place, t=now: service.redirect(c, n, p, a, t),
                lambda c, a=actor, i=post, p=place, t=now: service.take(c, i, p, a, t),
                lambda c, a=actor, i=post, p=place, t=now: service.other_akimat(c, i, p, a, t),
                lambda c, a=actor, i=post, t=now: service.not_addressed(c, i, a, t),
                lambda c, a=actor, m=made[-1], t=now: service.undo(c, m, a, t),
                lambda c, a=actor, n=numbers, t=now: hand_back(c, n, a.id, t, lambda: bytes(16))))
            with suppress(Refused), db.begin() as c:
                verb(c)
                done += 1
        with db.reading() as c:
            assert verify(c).broken == ()
            twice = select(ticket_post.c.native_id).group_by(ticket_post.c.network, ticket_post.c.native_id).having(
                func.count(ticket_post.c.ticket_id.distinct()) > 1)
            assert c.execute(twice).all() == []
    assert done > 10
