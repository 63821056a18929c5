"""What a message says, in which words, and what it must not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fake_api import clickable, read_html, units
from hypothesis import given, settings
from hypothesis import strategies as st
from stand import PlainNames

from monitor.core.verdict import Span
from ticketing.notify.buttons import Press, pressed
from ticketing.notify.mask import Privacy, masked, shown
from ticketing.notify.message import Facts, Item, Letter, Person, Wording, by_when

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)      # 09:00 in Almaty
AIGUL = Person(7, "Айгүл Серікова", "kk", "officer", "551000000")
FACTS = Facts(id=12, number="ӘЖ-551-2026-000123", status="assigned", office="551000000", akimat="551000000", topic="roads",
              kind="complaint", urgency="normal", due_first=NOW + timedelta(hours=4, minutes=30),
              due_final=NOW + timedelta(days=15, hours=9, minutes=30), location="Естай көшесі",
              text="Құрметті әкім! Естай көшесінде шұңқыр бар. Менің нөмірім 8 701 123 45 67.")
WORDING = Wording(PlainNames(), "https://qulaq.example/")


def said(facts: Facts = FACTS, person: Person = AIGUL, wording: Wording = WORDING, kind: str = "new_ticket") -> str:
    return read_html(wording.cards([Item(facts, kind)], person, NOW).html)[0]


def test_a_card_says_what_is_needed_in_kazakh() -> None:
    assert said().splitlines() == [
        "Жаңа карточка", "ӘЖ-551-2026-000123", "Жолдар · шағым", "Орны: Естай көшесі", "Әкімдік: Павлодар қаласы",
        "Бірінші жауап мерзімі: бүгін, 13:30", "Түпкілікті жауап мерзімі: ср, 9 желтоқсан, 18:30",
        "Құрметті әкім! Естай көшесінде шұңқыр бар. Менің нөмірім [телефон]."]


def test_and_in_russian() -> None:
    lines = said(replace(FACTS, urgency="urgent"), replace(AIGUL, language="ru")).splitlines()
    assert lines[0] == "🔴 СРОЧНО · Новая карточка"
    assert "Срок первой реакции: сегодня, 13:30" in lines
    assert lines[-1].endswith("[телефон].")


def test_the_number_links_to_its_page() -> None:
    _text, entities = read_html(WORDING.cards([Item(FACTS)], AIGUL, NOW).html)
    assert [e["url"] for e in entities if e["type"] == "text_link"] == [
        "https://qulaq.example/tickets/%D3%98%D0%96-551-2026-000123"]


@pytest.mark.parametrize(("privacy", "there", "absent"), [
    ("none", "", "шұңқыр"), ("masked", "[телефон]", "701"), ("full", "8 701 123 45 67", "[телефон]")])
def test_each_office_says_how_much_leaves_the_country(privacy: Privacy, there: str, absent: str) -> None:
    text = said(wording=replace(WORDING, privacy={"551000000": privacy}))
    assert there in text
    assert absent not in text


@pytest.mark.parametrize(("text", "hidden"), [
    ("Звоните +7 (701) 123-45-67", "701"), ("Тел. 87011234567, Марат", "8701"), ("ИИН 000101500123 мой", "0001015"),
    ("карта 4400 4301 1234 5678", "4301"), ("пишите на aidar.s@mail.kz", "aidar"), ("тел: 32-45-67", "45"),
    ("Меня зовут Асель Нұрланова, двор не чистят", "Асель"), ("Ахметов Ерлан Серікұлы жалуется", "Ерлан"),
    ("Менің атым Дәулет. Су жоқ", "Дәулет"), ("Я живу на Лермонтова 44, кв 12", "44"), ("Абай көшесі, 5 үй, 12-пәтер", "12"),
    ("проживаю по адресу Ломова 7 кв. 33 третий месяц", "33"), ("d\u200bуыс ва\u200bриант 8\u200b701\u200b123\u200b45\u200b67", "701"),
    ("нөмірім ８７０１１２３４５６７", "７０１"), ("8 701 123 - 45 - 67", "701"), ("8/701/1234567", "701"),
    ("8\ufe0f\u20e37\ufe0f\u20e30\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e34\ufe0f\u20e35\ufe0f\u20e36\ufe0f\u20e37\ufe0f\u20e3", "7"),
    ("почта aidar.s @ mail.kz", "aidar"), ("aidar.s(at)mail.kz", "aidar"), ("меня зовут асель нурланова", "нурланова"),
    ("Ахметов Е. С. жалуется", "Ахметов"), ("Мекенжай: Абай көш. 5-12", "5-12"), ("үйім Абай 15-22, су жоқ", "15-22"),
])
def test_the_second_net_catches_what_detection_did_not(text: str, hidden: str) -> None:
    assert hidden not in shown(masked(text, (), "masked"), str)


@pytest.mark.parametrize("text", [
    "Құрметті Асаин Байханұлы, жолды жөндеңіз", "С 24.11.2026 до 30.11.2026 нет воды", "Дом 5 на Ломова без тепла",
    "Маршрут 22, остановка Естая", "потратили 1 200 000 тенге"])
def test_and_leaves_what_is_nobodys(text: str) -> None:
    assert shown(masked(text, (), "masked"), str) == text


def test_spans_of_the_verdict_are_masked_where_they_lie() -> None:
    text = "Меня достали! Ержан, Ломова 7, весь день без света"
    spans = (Span("name", 14, 19), Span("address", 21, 29))
    assert shown(masked(text, spans, "masked"), str) == "Меня достали! [name], [address], весь день без света"


def test_a_place_that_is_a_home_is_masked() -> None:
    text = "Ломова 7-33, третий день нет света"
    facts = replace(FACTS, text=text, pii=(Span("address", 0, 11),), location="Ломова 7-33")
    assert "Орны: [мекенжай]" in said(facts)


def test_also_where_hidden_marks_part_its_words_and_where_it_is_named_twice() -> None:
    text = "Ло\u200bмова 7 жаққа келіңіз! Мен тұратын үй: Ломова 7"
    at = text.rindex("Ломова")
    facts = replace(FACTS, text=text, pii=(Span("address", at, at + 8),), location="Ломова 7")
    assert "Орны: [мекенжай]" in said(facts)
    hidden = replace(facts, text="Ло\u200bмова 7-\u200b33, жарық жоқ", pii=(Span("address", 0, 13),), location="Ломова 7-33")
    assert "Орны: [мекенжай]" in said(hidden)


def test_a_hundred_names_in_one_post_stay_words() -> None:
    text = " ".join(f"@u{n}" for n in range(140)) + " evil.kz"
    message = WORDING.cards([Item(replace(FACTS, text=text, location=text, id=n, number=f"N-{n}")) for n in range(3)], AIGUL, NOW)
    words, entities = read_html(message.html)
    assert len(entities) <= 100, "Telegram drops the rest"
    assert clickable(words, entities) == []


def test_a_hostile_post_is_only_words() -> None:
    text = ("<b>Ура</b> <a href='tg://user?id=1'>жми</a> &lt;script&gt; @durov #хэштег /accept https://evil.example/x?a=1&b=2 "
            "evil.kz tg://resolve?domain=x $BTC \u202eзагсон\u202c ..evil.ru t.me/evil a@b <!-- -->")
    html = WORDING.cards([Item(replace(FACTS, text=text))], AIGUL, NOW).html
    words, entities = read_html(html)
    assert "<b>Ура</b>" in words
    assert clickable(words, entities) == []
    assert "\u202e" not in words
    assert sum(e["type"] == "text_link" for e in entities) == 1


def test_our_own_marks_cannot_be_forged() -> None:
    assert "[phone]" not in shown(masked("\ue000\ue001", (), "masked"), str)


def test_a_taken_card_says_by_whom_and_has_no_buttons() -> None:
    taken = replace(FACTS, status="accepted", responsible=9, responsible_name="Марат <b>", reacted_at=NOW)
    card = WORDING.cards([Item(taken)], AIGUL, NOW)
    assert card.rows == ()
    assert read_html(card.html)[0].splitlines()[-1] == "✅ Қабылдады: Марат <b>, бүгін, 09:00"


@pytest.mark.parametrize(("due", "words"), [
    (timedelta(hours=8), "сегодня, 17:00"), (timedelta(days=1), "завтра, 09:00"), (timedelta(days=2), "чт, 26 ноября, 09:00"),
    (timedelta(days=60), "23 января 2027, 09:00"), (-timedelta(hours=1), "просрочен: сегодня, 08:00")])
def test_deadlines_in_words(due: timedelta, words: str) -> None:
    assert read_html(by_when(NOW + due, NOW, "ru"))[0] == words


def test_of_a_few_only_those_that_wait_have_buttons() -> None:
    taken = replace(FACTS, id=13, number="ӘЖ-551-2026-000124", status="accepted", responsible=9, responsible_name="Марат")
    urgent = replace(FACTS, id=14, number="ӘЖ-551-2026-000125", urgency="urgent")
    message = WORDING.cards([Item(FACTS), Item(taken), Item(urgent)], AIGUL, NOW)
    assert [[b.press.ticket for b in row] for row in message.rows] == [[14, 14], [12, 12]]
    words = read_html(message.html)[0]
    assert words.index("000125") < words.index("000123")
    assert "Қабылданды: Марат" in words


def test_a_digest_counts_all_and_shows_the_few() -> None:
    letter = Letter(AIGUL, 1, tuple(range(310)), 0, tuple(Item(replace(FACTS, number=f"N-{i}", urgency="urgent"))
                                                         for i in range(5)), digest=True, waiting=300, urgent=7)
    message = WORDING.digest(letter, NOW)
    lines = read_html(message.html)[0].splitlines()
    assert lines[:2] == ["Сізді күтіп тұрған карточкалар: 300", "🔴 ШҰҒЫЛ: 7"]
    assert len(lines) == 9
    assert message.rows[0][0].press == Press("next")


def test_what_is_accepted_in_time_is_never_called_overdue() -> None:
    taken = replace(FACTS, status="accepted", responsible=AIGUL.id, responsible_name="Айгүл", reacted_at=NOW)
    later = NOW + timedelta(days=2)
    card = read_html(WORDING.cards([Item(taken), Item(FACTS)], replace(AIGUL, language="ru"), later).html)[0]
    assert card.count("просрочен") == 1, "only the one that nobody accepted"
    assert "просрочен" not in WORDING.line(taken, "ru", later)
    assert "просрочен" in WORDING.line(taken, "ru", NOW + timedelta(days=16))


_hostile = st.text(alphabet=st.one_of(
    st.characters(), st.sampled_from("<>&\"'`@#/.:$_* \n\u202e\u200b\u0301\ue000👍🏽")), max_size=600)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(_hostile, _hostile.map(lambda t: t * 40)), place=_hostile, name=_hostile, privacy=st.sampled_from(
    ["none", "masked", "full"]), tongue=st.sampled_from(["kk", "ru"]), spans=st.lists(st.tuples(
        st.sampled_from(["phone", "iin", "name", "address", "card", "email"]), st.integers(-5, 700), st.integers(-5, 700)), max_size=5), many=st.integers(1, 5))
def test_whatever_people_write_telegram_takes_the_message(
        text: str, place: str, name: str, privacy: Privacy, tongue: str, spans: list[tuple[str, int, int]], many: int) -> None:
    facts = replace(FACTS, text=text, location=place, status="accepted", responsible_name=name, reacted_at=NOW,
                    pii=tuple(Span(k, a, b) for k, a, b in spans))  # type: ignore[arg-type]
    wording = replace(WORDING, default_privacy=privacy)
    items = [Item(facts)] * many
    words, _entities = read_html(wording.cards(items, replace(AIGUL, language=tongue), NOW).html)
    assert 0 < units(words) <= 4096


def test_a_long_post_is_cut_between_words() -> None:
    text = said(replace(FACTS, text="сөз " * 100_000))
    assert text.endswith("сөз…")
    assert len(text) < 1200


@pytest.mark.parametrize("press", [Press("accept", 12), Press("redirect", 2**63 - 1, "551000000"), Press("next"),
                                   Press("language", 0, "kk"), Press("back", 1)])
def test_a_button_says_all_in_64_bytes(press: Press) -> None:
    assert len(str(press).encode()) <= 64
    assert pressed(str(press)) == press


@pytest.mark.parametrize("data", ["", "a", "9:1", "Z:1", "r:1:../..", "a:99999999999999999999999", "a:9223372036854775808", "a:1:x:y", "a:-1", "a:1\n"])
def test_strange_buttons_are_no_orders(data: str) -> None:
    press = pressed(data)
    assert press is None or (press.ticket == 0 and not press.choice)
