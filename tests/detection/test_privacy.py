"""Personal data: what is found, what is left alone, where it stands in the raw text. Numbers and people are invented."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.core import privacy
from monitor.core.privacy import iin_check
from monitor.core.text import Text

POSTS = Path(__file__).parent / "posts"
IIN = "850314400017"        # invented; the last digit is the right check digit
CARD = "4400430100000014"   # invented; passes the Luhn check


def found(text: str, kind: str) -> list[str]:
    return [text[s.start:s.end] for s in privacy.find(Text(text)) if s.kind == kind]


@pytest.mark.parametrize("said", [
    "87010001122", "8 701 000 11 22", "8-701-000-11-22", "8(701)000-11-22", "8 (701) 000 11 22", "+7 701 000 11 22", "+77010001122", "+7.701.000.11.22", "8/701/000/11/22",
    "8 7 0 1 0 0 0 1 1 2 2", "8 701 0001122", "8701 000 1 1 2 2", "8\u00a0701\u00a0000\u00a011\u00a022", "8_701_000_11_22", "8—701—000—11—22", "7 701 000 11 22",
    "8 (72131) 0-00-12", "8-7172-00-11-22", "(7172) 00-11-22", "+7 (495) 000-11-22", "+996 555 000 112", "701 000 11 22", "(747) 000-11-22",
    "8\ufe0f\u20e37\ufe0f\u20e30\ufe0f\u20e31\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e30\ufe0f\u20e31\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e32",
    "８７０１０００１１２２", "٨٧٠١٠٠٠١١٢٢", "⑧⑦⓪①⓪⓪⓪①①②②", "8 7О1 ООО 11 22", "8\u200b701\u200b000\u200b11\u200b22", "8 7oз O00 11 22",
])
def test_phones_however_they_are_typed(said: str) -> None:
    text = f"Жарық жоқ, хабарласыңыз {said} күні бойы"
    (one,) = found(text, "phone")
    assert len([c for c in one if c.isalnum()]) == len([c for c in said if c.isalnum()])


@pytest.mark.parametrize(("text", "phone"), [
    ("тел. 5-12-34 после шести", "5-12-34"), ("Домашний 32-15-48", "32-15-48"), ("телефон: 321548.", "321548"), ("ватсап 7010001122", "7010001122"), ("Звоните 32-15-48", "32-15-48"),
])
def test_short_numbers_are_phones_after_a_word_that_says_so(text: str, phone: str) -> None:
    assert found(text, "phone") == [phone]


@pytest.mark.parametrize("said", ["сегіз жеті жүз бір нөл нөл нөл он бір", "восемь семьсот один ноль ноль ноль одиннадцать двадцать два"])
def test_a_phone_in_words(said: str) -> None:
    assert found(f"Нөмірім: {said}, Ақмарал", "phone") == [said]
    assert found(f"Нөмірім: {said}, Ақмарал", "name") == ["Ақмарал"]
    assert found("Жөндеуге сегіз жүз елу мың бес жүз теңге кетті", "phone") == []


@pytest.mark.parametrize("text", [
    "Звоните 109, 112 или 1414", "Тел. 104 не берут", "Горячая линия 8 800 080 77 77", "Единый контакт-центр 1414, телефон доверия 150", "Телефон горячей линии 8 (7142) 50-00-00",
    "Бөлінген 8 700 000 000 теңге қайда", "Потратили 87 500 000 тенге", "с 8.7.2026 по 12.10.2026", "Заявка № 87010001122 от мая", "лицевой счёт 87010001122", "договор № 7010001122",
    "Автобус 8, 7, 12 и 104 идут до 7 мкр", "Өтінім нөмірі 2026-41-778", "KZ867015550000112233 шотына", "кадастр 01-317-012-345", "ночью 8-7 градусов", "https://egov.kz/x?id=2",
])
def test_numbers_that_are_nobodys_phone(text: str) -> None:
    assert found(text, "phone") == []


def test_check_digit_of_an_iin() -> None:
    assert iin_check(IIN)
    assert not iin_check(IIN[:-1] + "8")


@pytest.mark.parametrize("text", [
    f"ИИН {IIN}", f"ЖСН: {IIN}", f"жеке тұлға {IIN}, кезекте", "ИИН 850314 400017", "ЖСН 850314-400-017", "85 03 14 400 017 менің нөмірім", "ИИН 999988887777",
])
def test_iin(text: str) -> None:
    assert len(found(text, "iin")) == 1


@pytest.mark.parametrize("text", [
    "БИН 200140012345", "ТОО, БИН 990540001234 сбивает цены", "договор 850314400017", "трек 999999999999", "12 13 14 15 16 17 маршрут", f"+{IIN}", f"{IIN}9",
])
def test_twelve_digits_that_are_no_iin(text: str) -> None:
    assert found(text, "iin") == []


@pytest.mark.parametrize("said", [CARD, "4400 4301 0000 0014", "4400-4301-0000-0014", "4400.4301.0000.0014", "4400 43010000 0014"])
def test_cards(said: str) -> None:
    assert found(f"Верните на {said}, спасибо", "card") == [said]
    assert found(f"Верните на {said}, спасибо", "phone") == []


def test_a_card_is_told_by_its_check_digit_or_by_the_word() -> None:
    assert found("номер 4400 4301 0000 0015", "card") == []
    assert found("Kaspi Gold 4400 4301 0000 0015", "card") == ["4400 4301 0000 0015"]
    assert found("счёт KZ86 4400 4301 0000 0014", "card") == []


@pytest.mark.parametrize(("text", "email"), [
    ("пишите aigul.s@mail.example", "aigul.s@mail.example"), ("aigul @ mail.ru жауап күтем", "aigul @ mail.ru"), ("aigul (at) mail.ru", "aigul (at) mail.ru"),
    ("почта aigul собака mail точка ru", "aigul собака mail точка ru"), ("aigul＠mail.kz", "aigul＠mail.kz"),
])
def test_email(text: str, email: str) -> None:
    assert found(text, "email") == [email]


@pytest.mark.parametrize("text", ["@akimat_pavlodar рахмет", "kense@almaty.gov.kz жауап бермейді", "Бродячая собака у школы. ru", "собака на ул.Абая лает", "Рахмет @nina.gord"])
def test_no_email(text: str) -> None:
    assert found(text, "email") == []


@pytest.mark.parametrize(("text", "name"), [
    ("Акиму города Абая от Зуевой Раисы Карповны, жду ответа", "Зуевой Раисы Карповны"),
    ("Семей қаласының әкімдігіне Бағила Нұрланқызы Есеновадан өтініш", "Бағила Нұрланқызы Есеновадан"),
    ("Мен, Жанар Әлімқызы, үш баланың анасымын", "Жанар Әлімқызы"),
    ("Уважаемый аким Ерлан Болатович! Я, Дроздова Инна Павловна, прошу", "Дроздова Инна Павловна"),
    ("В очереди и Ахметова Г.К., вторая группа", "Ахметова Г.К."),
    ("Подпись: Г. К. Ахметова", "Г. К. Ахметова"),
    ("Меня зовут Айгуль, живу тут", "Айгуль"), ("менің атым нұрлан, 5-сыныптамын", "нұрлан"), ("С уважением, Штольц", "Штольц"), ("Құрметпен, Асқар", "Асқар"),
    ("Көшемізге жарық керек. Сәуле Төкенова", "Сәуле Төкенова"), ("Сделайте тротуар. Савчук Инна, пенсионерка", "Савчук Инна"),
    ("Рахмет сіздерге. Тұрғындар атынан Шолпан.", "Шолпан"),
    ("Пеш қалаймын. Марат 8 701 000 11 22", "Марат"), ("8 701 000 11 22, Нұржан", "Нұржан"), ("Хабарласыңыз: Гүлнұр, ватсап 8 701 000 11 22", "Гүлнұр"), ("спросить Марину 8-701-000-11-22", "Марину"),
    ("Бейсен Жұлдыз, карта 4400 4301 0000 0014", "Бейсен Жұлдыз"), (f"Темірхан Абзал, ЖСН {IIN}", "Темірхан Абзал"), ("Жаяу жол керек еді. Қасен Ербол kas@mail.example", "Қасен Ербол"),
    ("Jol jaman. Nurgul Saduova 87010001122", "Nurgul Saduova"), ("Поздравляем тренера Акимова Дениса с победой", "Акимова Дениса"), ("Көршіміз Ержан Әкімбаев үйленді", "Ержан Әкімбаев"),
    ("Мен, Жаңабаев Қалмұрат, мүгедекпін", "Жаңабаев Қалмұрат"), ("Тұрсынбек Қалиев деген жігітті іздейміз, құжаты табылды", "Тұрсынбек Қалиев"), ("Карта у меня, получатель Гульнара М. Помогите", "Гульнара М."),
    ("Құрметті Айжан Серікқызы! Сіздің пікіріңіз қаралды", "Айжан Серікқызы"), ("тел. 8 701 000 11 22, Жумадилов.", "Жумадилов"),
    ("пишет сауле кайратовна из второго подъезда", "сауле кайратовна"),
])
def test_names_of_private_people(text: str, name: str) -> None:
    assert name in found(text, "name")


@pytest.mark.parametrize("text", [
    "Уважаемый аким Ерлан Болатович! Когда асфальт?", "Құрметті Нұрлан Серікұлы, жол жөндеңіз", "Ерлан Болатович, когда будет вода?", "Роман Владимирович! Дети мёрзнут",
    "Қала әкімі болып Нұрбол Сейітов тағайындалды", "Депутат Ирина Смирнова была права", "Ваш помощник Бауыржан Сериков обещал", "Бақытжан Ергешұлы мырзаға айтамын",
    "Шоқан Уәлиханов көшесі қараңғы", "На Гани Муратбаева 17 сломали забор", "ул. Динмухамеда Конаева в ямах", "Абай Құнанбаев айтқандай, бес нәрсеге асық бол", "Сәкен Сейфуллин 7 үйдің жаны",
    "Школа имени Марии Петровой закрыта", "Акимат Павлодара, вы где?", "Жазыңыздар 8 747 000 50 61", "Звоните 8 747 000 50 61", "Заказ: 8 747 000 50 61", "такси Актауга, 87010001122",
    "P.S. Но ответа нет", "Каток в Касыма Кайсенова растаял", "Құрметпен, Түркістан қаласының әкімдігі", "Жители Каскелена ждут воду", "Астана, Алматы ауданы, жол жоқ", "ПАВЛОДАР ЗАМЕРЗАЕТ", "Улица Жолбарыс хана в ямах", "Пойду в парк с Айгуль", "Отдел образования Сарани",
])
def test_officials_streets_and_words_are_no_private_names(text: str) -> None:
    assert found(text, "name") == []


@pytest.mark.parametrize(("text", "home"), [
    ("Живу по адресу Конаева, 47, помогите", "Конаева, 47"), ("Мекенжайым: Сырым Датов көшесі 15 үй, 8 пәтер.", "Сырым Датов көшесі 15 үй, 8 пәтер"), ("Прошу тепла, Мира 182, кв. 40", "Мира 182, кв. 40"),
    ("Абай көшесі 6-3 тұрғынымын", "Абай көшесі 6-3"), ("ул. Абая, 12-39, газа нет", "ул. Абая, 12-39"), ("2-й микрорайон, 11-6. После паводка", "2-й микрорайон, 11-6"),
    ("Қызылжар көшесі 8 деген үйде тұрамын", "Қызылжар көшесі 8"), ("В квартире на Машхур Жусупа 54 плюс девять", "Машхур Жусупа 54"), ("проживающей: ул. Селевина 17, кв. 9", "ул. Селевина 17, кв. 9"),
    ("Сыпырғыш керек. Қарабұлақ ауылы, Достық 21. Өзім Баянова Гүлзира", "Қарабұлақ ауылы, Достық 21"), ("Тал отырғызыңыздар. Жеңіс 30, Тілеужан Салтанат +77010001122", "Жеңіс 30"),
    ("Тұратын жерім 4 ш/а, 17 үй, 48.", "4 ш/а, 17 үй, 48"), ("Құлсары, 7-ықшам аудан, 12-үйде тұрамыз", "Құлсары, 7-ықшам аудан, 12-үйде"), ("Кеніш, 40, 27-пәтер суық", "Кеніш, 40, 27-пәтер"),
])
def test_homes(text: str, home: str) -> None:
    assert found(text, "address") == [home]


@pytest.mark.parametrize("text", [
    "На Республики 20 драки у ларька", "Яма на ул. Абая 15, напротив школы", "Қабанбай батыр 122 алдында шам жоқ", "Горняцкая 9, подвал топит", "Дома по Абая 12-18 без воды", "Үйіміз Абай 58-ге қарама-қарсы",
    "10 кВ желі үзілді, Құмкенттегі 10 кВ", "Былтыр 14-ші едім, биыл пәтер кезегі 31-ші", "живу один, 79 лет", "живу в Астане 20 лет", "Аяз 20-30 градус, мектеп жабық", "Бавария-Реал 0-4", "Площадь 70кв.м",
    "Закон № 273-70", "Автобус 12-14 минут күттіреді", "Кеңсе 9-18 дейін ашық", "переехал в 4кв. 2020 года",
])
def test_the_place_of_a_trouble_is_no_home(text: str) -> None:
    assert found(text, "address") == []


def test_spans_are_those_of_the_raw_text() -> None:
    text = "\u200bЖары\u200bқ жоқ. Сә\u00adуле Төке\u200bнова, 8\u200b701 000 11 22"
    spans = {s.kind: text[s.start:s.end] for s in privacy.find(Text(text))}
    assert spans == {"name": "Сә\u00adуле Төке\u200bнова", "phone": "8\u200b701 000 11 22"}


def _labelled() -> Iterator[dict[str, Any]]:
    for path in sorted(POSTS.glob("*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def test_labelled_posts() -> None:
    """Set of kinds per post, as docs/detection.md measures it; and the labelled words lie inside what is found."""
    count: Counter[str] = Counter()
    covered = total = 0
    for post in _labelled():
        spans = privacy.find(Text(post["text"]))
        want, have = set(post["pii"]), {s.kind for s in spans}
        count.update(both=len(want & have), extra=len(have - want), missed=len(want - have))
        for kind, said in (post.get("pii_text") or {}).items():
            start = post["text"].index(said)
            total += 1
            covered += any(s.kind == kind and s.start <= start and start + len(said) <= s.end for s in spans)
    assert 2 * count["both"] / (2 * count["both"] + count["extra"] + count["missed"]) >= 0.95
    assert covered / total >= 0.95


@pytest.mark.parametrize("piece", [
    "8 7", "7", "8 - ( ", "Аа ", "А", "Марина Иванова, ", "a@", "a.b-c", "8 701 000 11 22 ", "Абая 5, кв 3 ", "А.Б. ", "живу тұрамын мекенжайым Абая 5 ", "аким директор ", " ", "\n", "собака мейл ", "1 ", f"{IIN} ",
    "8\u200b7", "Иванович ", "меня зовут ", "әкем Абай 5 ",
])
def test_a_megabyte_of_one_thing_takes_no_time(piece: str) -> None:
    raw = piece * (1_000_000 // len(piece))
    start = time.process_time()
    privacy.find(Text(raw))
    assert time.process_time() - start < 0.5
