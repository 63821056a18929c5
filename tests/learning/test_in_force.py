"""An adopted model beside detection: what it may change, that it is told, and what a damaged file does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.knowledge import load_knowledge
from monitor.adopted import in_force
from monitor.cli import main
from monitor.core.judge import Judge
from monitor.core.post import Post
from monitor.core.verdict import Verdict
from monitor.learning.archive import digest, pack, unpack
from monitor.learning.history import as_example
from monitor.learning.inforce import InForce, Learned, unfit
from monitor.learning.model import Model, fit
from monitor.store.engine import Database
from monitor.store.tables import verdict
from ticketing.register import verify
from ticketing.tables import ticket

AT = datetime(2026, 11, 23, 5, tzinfo=UTC)
PLACES = ("Естай", "Торайғыров", "Сәтбаев", "Ломов", "Лермонтов")
# In this office the poles are the parks department's and, as staff correct it, a matter of landscaping.
HISTORY = [{"id": n, "text": f"{word} на улице {PLACES[n % 5]}, прошу принять меры {'акимат' if n % 3 else ''}", "topic": topic,
            "executor": body}
           for n, (word, topic, body) in enumerate([("упал столб", "landscaping", "parks"), ("яма на дороге", "roads", "road works")] * 40)]
POLE = "Уважаемый аким Павлодара! На улице Естай упал столб, примите меры!"


def model(target: str, context: tuple[str, ...] = ()) -> Model:
    return fit([as_example({**row, "home": "551000000"}, target, context) for row in HISTORY], target, context)


def shelf(folder: Path, **models: Model) -> Path:
    """A folder as `learn adopt` leaves it."""
    folder.mkdir(exist_ok=True)
    names = {}
    for target, made in models.items():
        data = pack(made)
        names[target] = [digest(data)]
        (folder / f"{digest(data)}.model").write_bytes(data)
    (folder / "in-force.json").write_text(json.dumps(names))
    return folder


@pytest.fixture(scope="module")
def knowledge() -> Any:
    return load_knowledge()


def said(knowledge: Any, text: str, learned: Learned) -> tuple[Verdict, Verdict]:
    """Detection's verdict, and that with the models."""
    post = Post(network="vk", source="vk", native_id="1", text=text, published_at=AT, home="551000000")
    own = Judge(knowledge)(post)
    return own, learned.judged(post, own, knowledge.topics)


def test_a_model_changes_the_topic_and_nothing_else_and_says_why(knowledge: Any) -> None:
    learned = Learned({"topic": InForce("cafe", model("topic")), "executor": InForce("beef", model("executor", ("home", "topic")))})
    own, now = said(knowledge, POLE, learned)
    assert own.topic != "landscaping"
    assert now.topic == "landscaping"
    assert now == replace(own, topic=now.topic, reasons=now.reasons, ruleset=f"{own.ruleset}+topic:cafe+executor:beef")
    spoke = {r.rule: r for r in now.reasons if r.start < r.end}
    learnt, proposed = spoke["topic_learned:landscaping"], spoke["proposed_executor:parks"]
    assert {POLE[r.start:r.end] for r in now.reasons if r.rule == learnt.rule and r.end} & {"упал", "столб"}
    assert proposed.weight > 0
    assert not [r for r in now.reasons if r.rule.startswith("topic:")], "no reason is left for a topic that does not hold"


@pytest.mark.parametrize(("text", "home", "body"), [
    ("Алмалы ауданының әкімі, көшеде столб құлап жатыр, шара қолданыңыз!", None, "Almaly works"),
    ("Аким Турксибского района, на улице упал столб!", None, "Turksib works"),
    ("Акимат Алматы, в Турксибском районе упал столб, примите меры!", None, "Turksib works"),
    ("Аким города, на улице упал столб!", "751110000", "Almaly works"),
])
def test_a_model_that_needs_the_district_is_told_it_from_the_akimat_the_text_or_the_source(
        knowledge: Any, text: str, home: str | None, body: str) -> None:
    rows = [{"id": n, "text": f"упал столб на улице {PLACES[n % 5]}, столб құлап жатыр", "district": name, "executor": body}
            for n, (name, body) in enumerate([("Алмалинский район", "Almaly works"), ("Турксибский район", "Turksib works")] * 40)]
    learned = Learned({"executor": InForce("beef", fit([as_example(row, "executor", ("district",)) for row in rows], "executor",
                                                        ("district",)))}, units=knowledge.registry)
    assert unfit("executor", learned.models["executor"].model, knowledge.topics) is None
    post = Post(network="vk", source="vk", native_id="1", text=text, published_at=AT, home=home)
    now = learned.judged(post, Judge(knowledge)(post), knowledge.topics)
    assert [r.rule for r in now.reasons if r.rule.startswith("proposed_")][:1] == [f"proposed_executor:{body}"]


def test_what_is_not_addressed_or_not_sure_stays_as_detection_says(knowledge: Any) -> None:
    learned = Learned({"topic": InForce("cafe", model("topic"))})
    own, now = said(knowledge, "Вчера на улице Естай упал столб, никто не пострадал", learned)
    assert not own.addressed
    assert now == own
    flat = replace(model("topic"), labels=("landscaping", "no such topic"))
    assert said(knowledge, "Аким Павлодара, яма на дороге!", Learned({"topic": InForce("x", flat)}))[1].topic == "roads"


def test_a_damaged_or_unfit_model_is_one_line_and_the_old_one_stays(tmp_path: Path, knowledge: Any) -> None:
    first = in_force(shelf(tmp_path / "m", topic=model("topic"), executor=model("executor")), knowledge.topics, knowledge.registry)
    assert set(first.models) == {"topic", "executor"} and not first.faults
    path = tmp_path / "m" / f"{first.models['topic'].name}.model"
    path.write_bytes(path.read_bytes()[:-100])
    second = in_force(tmp_path / "m", knowledge.topics, knowledge.registry)
    assert set(second.models) == {"executor"}
    assert str(path) in second.faults["topic"]
    assert second.after(first).models["topic"] is first.models["topic"]
    (tmp_path / "m" / "in-force.json").write_text("{")
    third = in_force(tmp_path / "m", knowledge.topics, knowledge.registry)
    assert third.after(first).models == first.models
    assert len(set(third.faults.values())) == 1
    assert "needs `weather`" in str(unfit("executor", model("executor", ("weather",)), knowledge.topics))
    assert "none of its labels" in str(unfit("topic", replace(model("executor"), target="topic"), knowledge.topics))


def test_with_a_model_numbers_and_deadlines_are_the_same_and_the_card_has_the_topic(tmp_path: Path) -> None:
    posts = tmp_path / "in.jsonl"
    posts.write_text("".join(json.dumps({"id": str(n), "source": "vk", "created_at": AT.isoformat(), "text": text}, ensure_ascii=False) + "\n"
                             for n, text in enumerate([POLE, "Аким Павлодара, яма на дороге!", "Просто новость"])))
    shelf(tmp_path / "m", topic=model("topic"))
    seen = []
    for name, extra in (("plain", ""), ("learned", "models: m\n")):
        config, url = tmp_path / f"{name}.yaml", f"sqlite:///{tmp_path}/{name}.db"
        config.write_text(f"database: {url}\noffices: [{{code: '551000000'}}]\n{extra}")
        assert main(["ingest", str(posts), "--db", url, "-c", str(config), "--as-of-post"]) == 0
        db = Database(url)
        with db.reading() as c:
            seen.append(c.execute(select(ticket.c.number, ticket.c.due_first, ticket.c.due_final, ticket.c.urgency, ticket.c.akimat,
                                         ticket.c.topic).order_by(ticket.c.id)).all())
            assert verify(c).broken == ()
            rules = set(c.execute(select(verdict.c.ruleset).where(verdict.c.addressed)).scalars())
        db.close()
    assert [row[:-1] for row in seen[0]] == [row[:-1] for row in seen[1]]
    assert [row.topic for row in seen[1]] == ["landscaping", "roads"]
    assert all("+topic:" in r for r in rules)


def test_a_topic_model_must_beat_detection_before_it_comes_into_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = tmp_path / "s.jsonl"
    rows = [{"id": f"s{n}", "text": row["text"], "topic": row["topic"]} for n, row in enumerate(HISTORY[:30])]
    history = tmp_path / "h.jsonl"
    history.write_text("".join(json.dumps({**row, "text": row["text"] + " спасибо"}) + "\n" for row in HISTORY))

    def adopted(topic: str) -> int:
        sample.write_text("".join(json.dumps({**row, "topic": topic if "столб" in row["text"] else row["topic"]}) + "\n" for row in rows))
        assert main(["learn", "fit", str(history), "--target", "topic", "--apart", str(sample), "--out", str(tmp_path / "x.model")]) == 0
        return main(["learn", "adopt", str(tmp_path / "x.model"), "--models", str(tmp_path / "m"), "--sample", str(sample)])

    assert adopted("street_lighting") == 1      # detection is right here, the model is not
    assert "does not win" in capsys.readouterr().out
    assert adopted("landscaping") == 0
    assert [(path.stat().st_mode & 0o777) for path in (tmp_path / "m").glob("*.sample.jsonl")] == [0o600]
    sample.unlink()
    assert main(["learn", "adopt", str(tmp_path / "x.model"), "--models", str(tmp_path / "m")]) == 0     # the kept sample does
    assert "in force already" in capsys.readouterr().out
    assert unpack(next((tmp_path / "m").glob("*.model")).read_bytes()).target == "topic"
