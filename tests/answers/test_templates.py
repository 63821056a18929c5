"""Templates of answers: complete pairs, refused while a blank is empty or nonsense, and none a brush-off by our own check."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from config.answers import Template, load_templates
from config.knowledge import load_knowledge
from config.languages import language
from ticketing.reply import check
from ticketing.reply.templates import Unfilled, choose, fill

TODAY = date(2026, 11, 24)
VALUES: dict[str, dict[str, str | int | date]] = {
    "ru": {"number": "ӘЖ-551-2026-000123", "problem": "яма на проезжей части", "work": "ремонт тротуара", "place": "ул. Абая, 12", "body": "ТОО «Жол-Сервис»",
           "person": "Сериков А. Б.", "phone": "8 (7182) 32-20-20", "due": date(2026, 12, 10), "day": "2026-11-20", "cause": "порыв трубы на вводе",
           "article": "АППК, статья 76", "count": 14, "missing": "номер дома и подъезда", "result": "превышений нет", "route": 22, "minutes": 12, "way": "акимат области, ул. Ленина, 1"},
    "kk": {"number": "ӘЖ-551-2026-000123", "problem": "жолдағы шұңқыр", "work": "тротуарды жөндеу", "place": "Абай көшесі, 12", "body": "«Жол-Сервис» ЖШС",
           "person": "А. Б. Серіков", "phone": "8 (7182) 32-20-20", "due": date(2026, 12, 10), "day": "2026-11-20", "cause": "құбырдың жарылуы",
           "article": "ӘРПК, 76-бап", "count": 14, "missing": "үй мен кіреберіс нөмірі", "result": "асып кету жоқ", "route": 22, "minutes": 12, "way": "облыс әкімдігі, Ленин көшесі, 1"},
}
TEMPLATES = load_templates()


@pytest.mark.parametrize("pair", ["kk", "ru"])
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.id)
def test_filled_templates_pass_our_own_check(template: Template, pair: str) -> None:
    text = fill(template, pair, VALUES[pair], TODAY)  # type: ignore[arg-type]
    found = check(text, datetime(2026, 11, 24, 5, tzinfo=UTC), "", pair)
    assert found.warnings == ()
    assert found.language == pair
    promised = "due" in {v.name for v in template.variables}
    assert [p.due for p in found.promises] == ([date(2026, 12, 10)] if promised else [])


def test_every_topic_has_templates_and_its_own_come_first() -> None:
    for topic in load_knowledge().topics:
        fit = choose(TEMPLATES, topic)
        assert {t.kind for t in fit} >= {"accepted", "planned", "done", "redirected", "extended", "details", "refused"}
        assert topic in fit[0].topics


@pytest.mark.parametrize(("name", "value", "says"), [
    ("due", "", "empty"), ("due", "скоро", "2026-11-25"), ("due", date(2026, 11, 1), "before the day"), ("place", "...", "says nothing"),
    ("place", "где-то", "says nothing"), ("body", "ХХХ", "says nothing"), ("phone", "позвоните", "telephone"), ("work", "[вид работ]", "says nothing"),
    ("due", "9999-12-31", "years away"), ("work", "будет указано позже", "says nothing"), ("body", "ответственные службы", "says nothing"), ("phone", "8 7182", "telephone"),
    ("body", "   ", "empty"), ("work", "а" * 301, "too long")])
def test_a_blank_that_says_nothing_is_refused(name: str, value: str | date, says: str) -> None:
    planned = next(t for t in TEMPLATES if t.id == "planned")
    with pytest.raises(Unfilled, match=says) as refused:
        fill(planned, "ru", VALUES["ru"] | {name: value}, TODAY)
    assert [w.variable.name for w in refused.value.wrong] == [name]
    for code in ("kk", "ru"):
        assert language(code).gettext(refused.value.wrong[0].message) != refused.value.wrong[0].message


def test_all_that_is_missing_is_said_at_once() -> None:
    planned = next(t for t in TEMPLATES if t.id == "planned")
    with pytest.raises(Unfilled) as refused:
        fill(planned, "kk", {}, TODAY)
    assert {w.variable.name for w in refused.value.wrong} == {"place", "work", "due", "body", "phone"}
