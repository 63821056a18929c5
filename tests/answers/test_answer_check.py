"""Promises and warnings of official answers: the counting rules of the contract, what is no promise, labelled sets, hostile text."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from bench.answers import checked, scores
from config.knowledge import DEFAULT, load_language
from ticketing.reply import Earlier, check, promises
from ticketing.reply.languages import answer_language

TUESDAY = datetime.fromisoformat("2026-11-24T10:00:00+05:00")
HERE = Path(__file__).parent


def _due(text: str, at: datetime = TUESDAY) -> list[str]:
    return [p.due.isoformat() for p in promises(text, at)]


@pytest.mark.parametrize(("said", "due"), [
    ("до 25 ноября", "2026-11-25"), ("по 30 ноября", "2026-11-30"), ("до 25.11", "2026-11-25"), ("к 25.11.2026", "2026-11-25"), ("до 2 марта", "2027-03-02"),
    ("до 28 нояря", "2026-11-28"), ("в течение 10 рабочих дней", "2026-12-08"), ("в течение 15 (пятнадцати) рабочих дней", "2026-12-15"), ("в ближайшие три дня", "2026-11-27"),
    ("в течение суток", "2026-11-25"), ("за день", "2026-11-25"), ("в течение месяца", "2026-12-24"), ("в течение двух недель", "2026-12-08"), ("в десятидневный срок", "2026-12-04"),
    ("на этой неделе", "2026-11-29"), ("к концу недели", "2026-11-29"), ("на следующей неделе", "2026-12-06"), ("до конца года", "2026-12-31"), ("до конца ноября", "2026-11-30"),
    ("в декабре", "2026-12-31"), ("в первой декаде декабря", "2026-12-10"), ("в середине декабря", "2026-12-15"), ("летом 2027 года", "2027-08-31"), ("осенью", "2026-11-30"),
    ("в III квартале 2027 года", "2027-09-30"), ("в первом полугодии 2027 года", "2027-06-30"), ("в октябре-ноябре 2027 года", "2027-11-30"), ("с 25 ноября по 5 декабря", "2026-12-05"),
    ("завтра", "2026-11-25"), ("до пятницы", "2026-11-27"), ("до 15 числа", "2026-12-15"), ("до 15 декабря т.г.", "2026-12-15")])
def test_russian_dates_are_counted_by_the_contract(said: str, due: str) -> None:
    assert _due(f"Ремонт тротуара по улице Абая завершим {said}.") == [due]


@pytest.mark.parametrize(("said", "due"), [
    ("25 қарашаға дейін", "2026-11-25"), ("25 карашага дейин", "2026-11-25"), ("қарашаның 25-іне дейін", "2026-11-25"), ("2026 жылғы 30 қарашаға дейін", "2026-11-30"),
    ("27 қарашга дейін", "2026-11-27"), ("желтоқсанға дейін", "2026-12-31"), ("бір ай ішінде", "2026-12-24"), ("10 жұмыс күні ішінде", "2026-12-08"), ("бір тәулік ішінде", "2026-11-25"),
    ("осы аптада", "2026-11-29"), ("апта соңына дейін", "2026-11-29"), ("желтоқсан айының ортасына дейін", "2026-12-15"), ("желтоқсанның бірінші онкүндігінде", "2026-12-10"),
    ("2027 жылдың III тоқсанында", "2027-09-30"), ("2027 жылдың көктемінде", "2027-05-31"), ("күзде", "2026-11-30"), ("жыл соңына дейін", "2026-12-31"), ("ертең", "2026-11-25"),
    ("қазан-қараша айларында", "2026-11-30"), ("25 қарашадан 5 желтоқсанға дейін", "2026-12-05"), ("жұмаға дейін", "2026-11-27"), ("2-3 күн ішінде", "2026-11-27"),
    ("ағымдағы жылдың 15 желтоқсанына дейін", "2026-12-15"), ("жиырма жетінші қарашаға дейін", "2026-11-27"), ("1 желтоқсаннан кешіктірмей", "2026-12-01")])
def test_kazakh_dates_are_counted_by_the_contract(said: str, due: str) -> None:
    assert _due(f"Абай көшесінің тротуарын {said} жөндейміз.") == [due]


def test_days_roll_over_the_year_and_over_holidays() -> None:
    december = datetime.fromisoformat("2026-12-30T19:30:00+00:00")      # already the 31st in Almaty
    assert _due("Сделаем завтра.", december) == ["2027-01-01"]
    assert _due("Отремонтируем до 15 января.", december) == ["2027-01-15"]
    assert _due("Отремонтируем в течение 3 рабочих дней.", december) == ["2027-01-08"]     # 1, 2 and 7 January are days off, 4 stands for 2
    assert _due("Отремонтируем в течение месяца.", datetime.fromisoformat("2027-01-31T10:00:00+05:00")) == ["2027-02-28"]


def test_a_promise_points_at_its_words() -> None:
    text = "Алдымен қоқыс шығарылды, ал жолды\u200b 25 қарашаға дейін жөндейміз."
    (found,) = promises(text, TUESDAY)
    assert text[found.start:found.end] == "25 қарашаға дейін"


def test_a_bilingual_answer_promises_once() -> None:
    assert _due("Шамдарды 30 қарашаға дейін жөндейміз. Фонари отремонтируем до 30 ноября.") == ["2026-11-30"]


def _examples() -> Iterator[tuple[bool, str]]:
    tree = yaml.safe_load((DEFAULT / "answers/promises.yaml").read_text(encoding="utf-8"))["examples"]
    return ((answer, sentence) for answer in (True, False) for sentence in tree[answer])


@pytest.mark.parametrize(("yes", "sentence"), _examples())
def test_examples_of_promises(yes: bool, sentence: str) -> None:
    assert bool(_due(sentence)) is yes


def _substance() -> Iterator[tuple[str, str]]:
    tree = yaml.safe_load((DEFAULT / "answers/substance.yaml").read_text(encoding="utf-8"))["examples"]
    return ((warning, text) for warning, texts in tree.items() for text in texts)


@pytest.mark.parametrize(("warning", "text"), _substance())
def test_examples_of_substance(warning: str, text: str) -> None:
    found = {"brush_off", "no_specifics"} & set(check(text, TUESDAY).warnings)
    assert found == (set() if warning == "fine" else {warning})


@pytest.mark.parametrize(("text", "asked", "wrong"), [
    ("Яму на улице Абая засыпали 20 ноября.", "kk", True), ("Абай көшесіндегі шұңқыр 20 қарашада бітелді.", "ru", True),
    ("Сәлеметсіз бе! Яму на улице Абая засыпали 20 ноября, спасибо за обращение.", "kk", True), ("Абай көшесіндегі шұңқыр 20 қарашада бітелді.", "kk_plain", False),
    ("Абай көшесіндегі шұңқыр 20 қарашада бітелді. Яму на улице Абая засыпали 20 ноября.", "kk", False), ("Яму на улице Абая засыпали 20 ноября.", "mixed", False)])
def test_language_of_the_question(text: str, asked: str, wrong: bool) -> None:
    assert ("wrong_language" in check(text, TUESDAY, "", asked).warnings) is wrong


def test_the_answer_follows_the_citizens_language() -> None:
    model = load_language()
    assert [answer_language(c, "", model) for c in ("kk", "kk_plain", "kk_latin", "ru")] == ["kk", "kk", "kk", "ru"]
    assert answer_language("mixed", "Көшеде жарық жоқ, балалар қараңғыда жүр, когда почините?", model) == "kk"
    assert answer_language("mixed", "Когда почините фонари на нашей улице, дети ходят в темноте, рахмет", model) == "ru"


def test_private_people_are_told_from_officials() -> None:
    def shown(text: str) -> bool:
        return "personal_data" in check(text, TUESDAY).warnings
    assert shown("Уважаемая Алия Берикова, по вашему адресу ул. Мира, д. 5, кв. 12 стояк заменён 20 ноября.")
    assert shown("Өтініш беруші Алия Берікова, тел. 8 701 000 45 67, 20 қарашада қайта есептелді.")
    assert shown("Б. Сейтқалиевтың ұялы нөмірі +7 707 555 44 33, жауап берілді.")
    assert shown("Алтынбек Қуанышұлы, Торайғыров 44, 12 пәтер, субсидия 20 қарашада тағайындалды.")
    assert shown("Садыкова А. К. (Ломова 42-17) получила пособие 20 ноября.")
    assert not shown("Ы. Алтынсарин көшесі, 12-үй, шамдар 20 қарашада жөнделді, тел. 8 7182 55-00-11.")
    assert not shown("Исполнитель: главный специалист отдела ЖКХ Сериков А. Б., тел. 8 (7182) 32-11-45.")
    assert not shown("Яма у дома 12 по ул. Мира засыпана 20 ноября. Горячая линия: 8 (7182) 55-55-33.")


def test_a_copy_is_told_from_a_filled_template() -> None:
    first = "Здравствуйте! Ваше обращение № 12 рассмотрено, меры будут приняты в установленном порядке."
    earlier = Earlier([first, "Яму на улице Абая, 12 засыпем до 25 ноября, исполнитель — ТОО «Жол»."])
    assert earlier.copied("Здравствуйте! Ваше обращение № 77 рассмотрено, меры будут приняты в установленном порядке!") == 0
    assert earlier.copied("Яму на улице Мира, 7 засыпем до 30 ноября, исполнитель — ТОО «Жол».") is None
    assert earlier.copied("Свет во дворе починили вчера вечером, нужна была новая лампа.") is None


@pytest.mark.parametrize("path", sorted(HERE.glob("*.jsonl")), ids=lambda p: p.stem)
def test_labelled_sets(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = checked(rows)
    for group in ("kk", "ru"):
        part = [i for i, row in enumerate(rows) if row["group"] == group]
        score = scores([rows[i] for i in part], [found[i] for i in part])
        assert score["promises"]["f1"] >= 0.9, group
        assert score["brush_off"]["f1"] >= 0.85, group
        assert score["wrong_language"]["f1"] >= 0.8, group


@pytest.mark.parametrize("unit", ["25.11 ", "а, будет ", "2026 жылғы ", "Аа "])
def test_hostile_text_takes_linear_time(unit: str) -> None:
    check("сделаем завтра", TUESDAY)

    def seconds(size: int) -> float:
        started = time.process_time()
        check(unit * (size // len(unit)), TUESDAY, "вопрос", "ru", Earlier(["раз два три четыре"]))
        return time.process_time() - started
    assert seconds(64_000) < 12 * seconds(16_000) + 0.3


def test_the_command_reports_bad_lines_and_does_the_rest(tmp_path: Path) -> None:
    answer = {"id": 7, "text": "Яму на улице Абая засыпем до 25 ноября.", "published_at": "2026-11-24T10:00:00+05:00", "question": "Жол қашан жөнделеді?", "question_language": "kk"}
    bad = ['{"id": 1, "text": "нет времени"}', "not json", json.dumps(answer | {"published_at": "вчера"}), json.dumps(answer | {"question_language": "de"})]
    file, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_text("\n".join([json.dumps(answer), *bad, json.dumps(answer | {"id": "b"})]), encoding="utf-8")
    run = subprocess.run([sys.executable, "run_monitor.py", "answer-check", str(file), "--out", str(out)], capture_output=True, text=True, cwd=HERE.parent.parent)
    assert run.returncode == 1
    assert [line.split(":")[1] for line in run.stderr.splitlines()] == ["2", "3", "4", "5"]
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    start = answer["text"].index("до 25")  # type: ignore[attr-defined]
    assert rows[0] == {"id": 7, "language": "ru", "promises": [{"start": start, "end": start + 12, "due": "2026-11-25"}], "warnings": ["wrong_language"]}
    assert rows[1]["id"] == "b"
    assert rows[1]["warnings"] == ["wrong_language", "copied"]
    nowhere = subprocess.run([sys.executable, "run_monitor.py", "answer-check", str(tmp_path / "no"), "--out", str(out)], capture_output=True, text=True, cwd=HERE.parent.parent)
    assert nowhere.returncode == 2
    assert len(nowhere.stderr.splitlines()) == 1
