"""What stands behind the word lists: fitted words, misspelt names, places; and what an analyst or a damaged file does to them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.knowledge import DEFAULT, KnowledgeError, load_knowledge
from monitor.core.judge import Judge
from monitor.core.post import Author, Post
from monitor.core.verdict import Verdict


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(load_knowledge())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "knowledge"))


def said(judge: Judge, text: str, to: str | None = None) -> Verdict:
    return judge(Post("vk", "test", "1", text, datetime(2026, 11, 23, tzinfo=UTC), author=Author("1", "citizen"), in_reply_to_account=to))


@pytest.mark.parametrize(("text", "code"), [
    ("Акимат Павладара, когда включите отопление?", "551000000"),
    ("Павлодра әкімдігіне өтініш: жолды жөндеп беріңіздерші", "551000000"),
    ("Меркі ауданының әкімдігіне сұрақ: базарды қашан тазалайсыздар?", "315400000"),
    ("Syrdarıa aýdanynyń ákimdigine ótinish: gaz qubyryn tartyp berseńizder", "434800000"),
    ("Акмат Павлодара, уберите снег во дворе!", "551000000"),
    ("Район имени Габита Мусрепова, обращаюсь к акимату: почините мост!", "596600000"),
    ("Қонаев, акимату: почините фонтан в пятом микрорайоне!", "191000000"),
    ("Балхаш опять без автобусов. Городскому акиму: когда прекратится этот позор?", "351600000"),
    ("Целиноградқа қарайтын ауылға автобус жоқ. Аудан әкімдігі, автобус қосыңыздаршы!", "116600000"),
    ("Районный акимат Шемонаихи, почините дорогу на Зевакино!", "636800000"),
    ("Шымкент, Абай ауданы! Прошу акимат убрать мусор у школы", "791110000"),
    ("Ақкөл ауданы, көшеге шам орнатып беріңіздерші!", "113200000"),
])
def test_a_misspelt_or_bare_name_still_finds_its_akimat(judge: Judge, text: str, code: str) -> None:
    verdict = said(judge, text)
    assert (verdict.addressed, verdict.akimat) == (True, code)


@pytest.mark.parametrize("handle", ["@akimat_zharkain", "@zharkain.akimdigi"])
def test_a_handle_in_another_spelling_is_that_akimat(judge: Judge, handle: str) -> None:
    assert said(judge, "когда починят мост?", handle).akimat == next(
        u.code for u in judge.knowledge.registry if u.name_ru == "Жаркаинский район")


@pytest.mark.parametrize(("text", "place"), [
    ("Акимат Павлодара, на улице Естая у дома 7 третий день нет воды", "Естая"),
    ("Семей қаласының әкімдігі, Шәкәрім даңғылы 12-үйдің жанында шұңқыр бар", "Шәкәрім даңғылы"),
    ("Уважаемый аким Костаная! у третьей школы стая собак, примите меры", "у третьей школы"),
])
def test_the_place_is_told_and_marked(judge: Judge, text: str, place: str) -> None:
    verdict = said(judge, text)
    assert place in (verdict.location_text or "")
    marked = [text[r.start:r.end] for r in verdict.reasons if r.rule == "place"]
    assert ", ".join(marked) == verdict.location_text


def test_a_topic_that_an_analyst_adds_is_answered_at_once(folder: Path) -> None:
    file = folder / "topics.yaml"
    file.write_text(file.read_text(encoding="utf-8") + """
  lifts:
    group: city
    kk: Лифтілер
    ru: Лифты
    en: Lifts
    department: utilities
    sure: {ru: [лифтёр*, грузов* лифт*], kk: [жүк лифт*]}
    strong: {ru: [лифт*], kk: [лифт*]}
    weak: {ru: [кабин*]}
    yes: ["Лифтёр не приходит, грузовой лифт стоит."]
    no: ["Нет воды."]
""", encoding="utf-8")
    verdict = said(Judge(load_knowledge(folder)), "Акимат Павлодара! Лифтёр так и не пришёл, грузовой лифт стоит месяц")
    assert verdict.topic == "lifts"


def test_a_topic_that_is_taken_out_is_never_answered(folder: Path) -> None:
    file = folder / "topics.yaml"
    head, rest = file.read_text(encoding="utf-8").split("  stray_animals:\n", 1)
    file.write_text(head + rest[rest.index("\n  ecology:" if "\n  ecology:" in rest else "\n  healthcare:") + 1:], encoding="utf-8")
    verdict = said(Judge(load_knowledge(folder)), "Акимат Павлодара! Стая бродячих собак кусает детей у школы")
    assert verdict.topic != "stray_animals"


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:1000], lambda d: b"", lambda d: d[:500] + bytes([d[500] ^ 255]) + d[501:]])
def test_a_damaged_model_is_one_line_and_no_crash(folder: Path, damage: object) -> None:
    file = folder / "places.crfsuite"
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(KnowledgeError, match=r"places\.crfsuite:1: .*damaged.*restore it"):
        load_knowledge(folder)


@pytest.mark.parametrize(("line", "said_"), [
    ("=су\t1.2\tx", "could not convert"), ("=су\t1.2\t1 2", "weights for"), ("=су\tmany\t" + "0 " * 60, "weights for"), ("=су\t1", "columns"),
])
def test_a_damaged_table_is_one_line(folder: Path, line: str, said_: str) -> None:
    file = folder / "words" / "subject.tsv"
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=rf"subject\.tsv:\d+: .*{said_}") as wrong:
        load_knowledge(folder)
    assert "\n" not in str(wrong.value)


def test_no_heating_in_frost_is_urgent_and_a_late_repair_is_not(judge: Judge) -> None:
    assert said(judge, "Акимат Рудного! Третьи сутки нет отопления, на улице -34, в квартире +8, дети болеют").urgency == "urgent"
    assert said(judge, "Акимат Рудного, когда уже закончите ремонт моста, третий месяц обещаете").urgency == "normal"


@pytest.mark.parametrize(("text", "urgency"), [
    ("Акимат Рудного! Балкон держится на одной арматуре, под ним люди ходят", "urgent"),
    ("Рудный қаласының әкімдігі, подъезде газ иісі шығып тұр, тез адам жіберіңіздер!", "urgent"),
    ("Rudnyi akimdigi, sym uzilip jatyr, ushqyn shashyp tur, balalar oinap jur!", "urgent"),
    ("Рудный акимдиги! Озен тасып уйлерди су басып жатыр, тез комек жибериниздер", "urgent"),
    ("Акимат Рудного, горячей воды нет вторую неделю, когда включите?", "normal"),
    ("Рудный әкімдігі, ауладағы әткеншек ескі, ауыстырып беріңіздерші", "normal"),
])
def test_danger_is_told_from_discomfort(judge: Judge, text: str, urgency: str) -> None:
    assert said(judge, text).urgency == urgency


def test_a_street_with_the_name_of_a_village_names_no_district(judge: Judge) -> None:
    verdict = said(judge, "Есіл ауданының әкімдігіне сауал: үйіміз Қабанбай батыр 58Б, қай мектепке жазыламыз?")
    assert verdict.akimat is None and len(verdict.candidates) > 1
