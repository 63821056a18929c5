"""A small town's morning: posts, cards, triage, a silent source and a hostile post, made by the real pipeline's parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from argon2 import PasswordHasher
from once import two_offices
from sqlalchemy import insert, select, update

from monitor.core.post import Author, Post
from monitor.core.verdict import Reason, Verdict
from monitor.store.engine import Database
from monitor.store.posts import store_posts
from monitor.store.tables import event, hole, source
from monitor.store.tables import post as post_table
from monitor.store.verdicts import claim, insert_verdicts
from ticketing import people
from ticketing.intake import Judged
from ticketing.service import Actor, Service
from ticketing.tables import account, ticket

NOW = datetime(2026, 11, 24, 9, 2, tzinfo=UTC)   # Tuesday 14:02 in Kazakhstan
PAVLODAR, SEMEY, TURGEN = "551000000", "101000000", "194083000"
PASSWORD = "дұрыс-құпиясөз"
HOSTILE = ('<script>document.body.dataset.owned="1"</script><img src=x onerror="document.body.dataset.owned=1"> '
           '"><b>қалың</b> \u202eтерілген мәтін\u202c javascript:alert(1) '
           + "ұзын" * 90 + " З̷̢͓a̸̡̛l̵̨͝g̶̛͜о̷̧͠ " + "\n\n".join(["жол"] * 30))
PEOPLE = (
    ("aigul", "Айгүл Серікова", "officer", PAVLODAR, "Жолдар бөлімі"),
    ("bolat", "Болат Нұрғалиев", "officer", PAVLODAR, "ТКШ бөлімі"),
    ("head", "Қайрат Жүнісов", "head", PAVLODAR, ""),
    ("press", "Мадина Әбенова", "press", PAVLODAR, ""),
    ("viewer", "Экран", "viewer", PAVLODAR, ""),
    ("semey", "Ербол Сағынтаев", "officer", SEMEY, "ТКШ бөлімі"),
    ("control", "Гульнара Константиновна Абдрахманова-Преображенская", "controller", None, ""),
    ("operator", "Тимур Ли", "operator", None, ""),
)


def make_service() -> Service:
    """Two offices, one routing rule, numbers and salts that repeat."""
    salts = count()
    return Service(two_offices(), lambda: next(salts).to_bytes(16, "big"))


@cache
def _hashed() -> str:
    """Of the least cost, which stands in the hash: every sign-in of the suite would else take a sixth of a second."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def put_people(db: Database, now: datetime = NOW) -> dict[str, int]:
    """Everybody of PEOPLE with the same password; ids by login."""
    with db.begin() as c:
        for code in (PAVLODAR, SEMEY):
            people.put_office(c, code, code, code)
        hashed = _hashed()
        ids = {login: people.add(c, login, name=name, role=role, now=now, office_code=office, department=department,
                                 language="kk").id for login, name, role, office, department in PEOPLE}
        c.execute(update(account).values(password_hash=hashed))
        people.set_duty(c, PAVLODAR, "bolat")
    return ids


def a_post(native_id: str, text: str, at: datetime, network: str = "instagram", **more) -> Post:
    more.setdefault("url", f"https://{network}.com/p/{native_id}")
    more.setdefault("author", Author(f"author-{native_id}", f"@user_{native_id}"))
    return Post(network=network, source=more.pop("source", f"{network}-pavlodar"), native_id=native_id, text=text,
                published_at=at, home=more.pop("home", PAVLODAR), **more)


def a_verdict(text: str, decision: str = "register", akimat: str | None = PAVLODAR, topic: str | None = "roads", *,
              kind: str | None = "complaint", language: str = "kk", urgency: str = "normal", place: str | None = None,
              why: tuple[tuple[str, str, float], ...] = (), candidates: tuple[str, ...] = (), score: float = 0.94,
              ) -> Verdict:
    """A verdict whose reasons point at the words given in `why`: (rule, words, weight)."""
    reasons = tuple(Reason(rule, text.find(words), text.find(words) + len(words), weight, words)
                    for rule, words, weight in why if words in text)
    return Verdict(addressed=decision != "ignore", score=score, decision=decision, language=language, akimat=akimat,
                   candidates=candidates, kind=kind, topic=topic, urgency=urgency, location_text=place, reasons=reasons,
                   ruleset="test")


def take_in(db: Database, service: Service, pairs: list[tuple[Post, Verdict]], now: datetime) -> list[int]:
    """Store and judge the way the pipeline does, in one batch; the ids of what was new."""
    with db.begin() as c:
        stored = store_posts(c, [post for post, _ in pairs], now)
        claim(c, stored.ids)
        judged = []
        for id_, index, revision in zip(stored.ids, stored.indexes, stored.revisions, strict=True):
            post, verdict = pairs[index]
            key = c.execute(select(post_table.c.author_key).where(post_table.c.id == id_)).scalar_one()
            judged.append(Judged(id_, replace(post, revision=revision, author=Author(key)), verdict))
        plan = service.intake(c, judged, now)
        insert_verdicts(c, [(j.id, j.verdict) for j in judged], plan.states, now)
    return list(stored.ids)


def one(db: Database, service: Service, native_id: str, text: str, now: datetime = NOW, *, network: str = "instagram",
        post: dict | None = None, **verdict) -> int:
    """One post with one verdict; its id."""
    return take_in(db, service, [(a_post(native_id, text, now, network, **(post or {})), a_verdict(text, **verdict))], now)[0]


def put_sources(db: Database, now: datetime = NOW) -> None:
    """Four sources: two heard, one silent since the morning, one told to wait; and a hole that is over."""
    with db.begin() as c:
        for name, network, state, reason, ok in (
            ("instagram-pavlodar", "instagram", "up", None, 12), ("telegram-pavlodar", "telegram", "up", None, 4),
            ("vk-ertis", "vk", "down", "connect timeout to api.vk.com", 9420),
            ("rss-pavlodarnews", "rss", "waiting", "429, Retry-After 600", 380)):
            c.execute(insert(source).values(
                name=name, network=network, cursor={}, state=state, reason=reason,
                last_ok_at=now - timedelta(seconds=ok), last_try_at=now, last_post_at=now - timedelta(seconds=ok * 3),
                next_poll_at=now + timedelta(seconds=40), failures=14 if state == "down" else 0, posts=ok * 17))
        c.execute(insert(hole).values(source="vk-ertis", since=now - timedelta(minutes=157), reason="connect timeout"))
        c.execute(insert(hole).values(source="rss-pavlodarnews", since=now - timedelta(hours=4),
                                      until=now - timedelta(hours=3, minutes=10), reason="503"))


def say(db: Database, kind: str, ref: str, now: datetime = NOW) -> None:
    """An event of another process."""
    with db.begin() as c:
        c.execute(insert(event).values(at=now, kind=kind, ref=ref))


MORNING: tuple[tuple[int, str, dict], ...] = (
    (2 * 24 * 60, "Ломова 42 үйдің алдында жарық екі аптадан бері жоқ, балалар қараңғыда жүр. Әкімдік, шара қолданыңыздаршы!",
     {"topic": "street_lighting", "place": "Ломова 42", "why": (("addressee", "Әкімдік", 2.1), ("order", "қолданыңыздаршы", 1.2), ("topic", "жарық", 3.0))}),
    (26 * 60, "Акимат Павлодара, на Естая 83 третий день нет отопления. В квартире +11, дети спят в куртках. Звонили в теплосети — «ждите». Когда будет тепло?",
     {"topic": "heat", "language": "ru", "urgency": "urgent", "place": "Естая 83", "network": "vk", "why": (("addressee", "Акимат Павлодара", 3.4), ("question_mark", "Когда", 0.4), ("topic.heat", "отопления", 2.8))}),
    (11 * 60, "Уважаемый аким, спасибо за новую площадку на Кутузова! Но качели уже сломаны, посмотрите пожалуйста.",
     {"topic": "landscaping", "language": "ru", "kind": "message", "network": "telegram", "why": (("addressee", "Уважаемый аким", 3.1),)}),
    (200, "Құрметті әкім! Естай көшесінде үш аптадан бері шұңқыр, балалар мектепке қалай барады? Жауап беріңізші.",
     {"place": "Естай көшесі", "why": (("addressee", "Құрметті әкім", 3.3), ("order", "беріңізші", 1.1), ("topic", "шұңқыр", 2.9))}),
    (190, "Еңбекшіқазақ ауданы Түрген ауылдық округінің әкіміне: ауыз су бір тәулікте екі-ақ сағат беріледі, мал түгілі адамға жетпейді. Ауыл тұрғындары атынан сұраймыз, тексеріп, бізге жауап беріңіздер. "
          "Бұрын да жазғанбыз, комиссия келіп кеткен, содан бері ештеңе өзгерген жоқ. Құбыр ескі, көшенің басында су ағып жатыр, ал үйлерге жетпейді. Кестесін де ешкім айтпайды.",
     {"decision": "triage", "akimat": None, "candidates": (TURGEN, "551000000"), "topic": "water", "score": 0.61, "network": "facebook", "why": (("addressee", "әкіміне", 1.4),)}),
    (75, "Мусор на Толстого 100 не вывозят с воскресенья, баки переполнены, собаки растащили все по двору.",
     {"decision": "triage", "topic": "waste", "language": "ru", "score": 0.48, "network": "vk", "why": (("topic", "Мусор", 2.2),)}),
    (55, HOSTILE, {"decision": "triage", "topic": "other", "score": 0.5, "language": "mixed", "network": "telegram",
                   "post": {"url": "javascript:alert(document.cookie)", "author": Author("x", '"><script>alert(1)</script>')}}),
    (41, "Кеше айтқан едік қой, әкімдік мырзалар, қашан жөндейсіздер??? сколько можно уже терпеть эту яму на остановке Гагарина, автобус объезжает по встречке!",
     {"language": "mixed", "urgency": "urgent", "place": "остановка Гагарина", "why": (("addressee", "әкімдік мырзалар", 2.7), ("topic", "яму", 2.1))}),
    (18, "Добрый день! Подскажите, как встать в очередь в детский сад, если прописка в Экибастузе? Аким города, просим ответить.",
     {"topic": "education", "kind": "inquiry", "language": "ru", "network": "facebook", "why": (("addressee", "Аким города", 2.6),)}),
    (9, "Аулада қаңғыбас иттер көбейді, кеше бір баланы тістеп алды! Павлодар әкімі, шұғыл шара керек.",
     {"topic": "stray_animals", "urgency": "urgent", "network": "telegram", "why": (("addressee", "Павлодар әкімі", 3.0), ("urgent", "шұғыл", 1.9))}),
    (3, "Әкімдікке рахмет, біздің көшені күні кеше тазалап берді.",
     {"decision": "triage", "topic": "landscaping", "kind": "response", "score": 0.55, "why": (("addressee", "Әкімдікке", 1.2),)}),
)


def put_morning(db: Database, service: Service, ids: dict[str, int], now: datetime = NOW) -> list[int]:
    """The posts of MORNING, each received so many minutes ago; some cards accepted, one redirected by an edit's proposal."""
    made = []
    for number, (minutes, text, more) in enumerate(MORNING):
        more = dict(more)
        network, post = more.pop("network", "instagram"), more.pop("post", None)
        made.append(one(db, service, f"m{number}", text, now - timedelta(minutes=minutes), network=network, post=post, **more))
    with db.begin() as c:
        numbers = list(c.execute(select(ticket.c.number).order_by(ticket.c.id)).scalars())
        service.accept(c, numbers[2], Actor(ids["bolat"], "officer", PAVLODAR), now - timedelta(hours=2))
        c.execute(update(ticket).where(ticket.c.number == numbers[3]).values(proposal={"redirect": SEMEY, "post": made[3]}))
    return made
