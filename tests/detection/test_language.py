"""The language of a post: our own sentences in each language and its neighbours, short and odd texts, and shares on real text."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from config.knowledge import load_knowledge
from monitor.core.language import LanguageModel
from monitor.core.text import Text

DATA = Path(__file__).parents[3] / "shared" / "data" / "text"
PLAIN = str.maketrans("әіңғүұқөһӘІҢҒҮҰҚӨҺ", "аингуукохАИНГУУКОХ")
LATIN = {
    **dict(zip("абвгғдезийіклмнңоөпрстуұүфхһцыәқ", "abvggdeziiiklmnnooprstuuufhhcyak", strict=True)),
    "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sh", "ё": "e", "э": "e", "ю": "yu", "я": "ya", "ь": "", "ъ": ""}

OWN = {
    "kk": (
        "Ауламызда қоқыс жәшігі толып кеткен, екі аптадан бері ешкім шығармады", "Көшедегі шамдар түнде жанбайды, балалар қорқып жүр",
        "Осы жолды қашан жасайсыздар?", "Үш жүз теңгеден сатылады", "Он төрт, он бес, отыз үш — үйлердің нөмірі осындай", "Парковка жоқ, көлік қоятын жер таппаймыз",
        "Менеджер де, директор да телефон көтермейді, сервис нашар", "Кофе қымбат", "Балабақшаға кезек қалай қойылады, айтып жіберіңіздерші",
        "ӘКІМДІК ҚАШАН ЖАУАП БЕРЕДІ", "Рақмееет, өтееее жақсы болды!!!", "Владислав Петров пен Анна Иванова марафонда жеңіске жетті",
        "Детский мир дүкенінің қасында су құбыры жарылды", "Бəрі жақсы, рахмет сізге"),
    "kk_plain": (
        "Ауламызда кокыс жашиги толып кеткен, еки аптадан бери ешким шыгармады", "Кошедеги шамдар тунде жанбайды", "осы жолды кашан жасайсыздар",
        "тугел кун бойы жарык жок, кашан косасыздар", "Балабакшага кезек калай койылады, айтып жибериндерши", "Автобус келмейди кутип турмыз"),
    "ru": (
        "Во дворе вторую неделю не вывозят мусор, когда это закончится", "Фонари не горят, дети боятся ходить вечером", "нет воды", "Когда дадут тепло?",
        "Аким Нұрсұлтан Қалиев выступил с отчётом перед жителями", "Улица Қабанбай батыра перекрыта до вечера", "ДАЙТЕ СВЕТ", "Спасииибо огромное!!!",
        "Жители Шымкента, Тараза и Кызылорды жалуются на дороги", "Ха-ха-ха, опять яму засыпали песком"),
    "mixed": (
        "Көшеміздегі жолды жөндеп беріңіздерші. Мы уже третий год просим, никто не реагирует.",
        "Жарық жоқ, су жоқ, ешкім жауап бермейді. Сколько можно издеваться над людьми?",
        "Здравствуйте, подскажите пожалуйста, когда починят лифт? Балалар жаяу көтеріліп жүр, үлкендерге қиын.",
        "Кешеден бері интернет істемейді, айтып шаршадық, примите наконец меры, мы же платим за это"),
    "kk_latin": (
        "Aulamyzda qoqys jashigi tolyp ketken, eki aptadan beri eshkim shygarmady", "Köşedegi şamdar tünde janbaidy, balalar qorqyp jür",
        "Zholdy kashan zhondeisizder, balalar mektepke bara almai otyr", "Su joq, jaryq joq, ne isteimiz", "Kóshede jaryq joq, qashan jóndeısizder"),
    "en": ("When will you fix the road near our school?", "There is no water in the whole street, please help"),
    "other": ("", "👍👍🔥", "+7 701 000 00 00", "12:30", "... !!! ???", "你好,这里没有水", "شارع بلا ماء"),
}
"""Sentences of ours. A name, a loan or a term does not make a text mixed; a clause of the other language does."""

NEIGHBOURS = {
    "Uzbek": (
        "Ko'chamizda uch kundan beri suv yo'q, qachon tuzatasizlar?", "Hokimiyatga murojaat qildik, lekin hech kim javob bermadi", "Bugun maktabda svet o'chdi, bolalar uyga ketdi",
        "Кўчамизда уч кундан бери сув йўқ, қачон тузатасизлар?", "Ҳокимиятга мурожаат қилдик, лекин ҳеч ким жавоб бермади", "Бугун мактабда свет ўчди, болалар уйга кетди",
        "Yo'llar juda yomon, mashinalar buziladi", "Йўллар жуда ёмон, машиналар бузилади", "Assalomu alaykum, avtobus qachon keladi?"),
    "Kyrgyz": (
        "Көчөбүздө үч күндөн бери суу жок, качан оңдойсуздар?", "Айыл өкмөтүнө кайрылдык, бирок эч ким жооп берген жок", "Мектепте жарык өчүп калды, балдар үйүнө кетишти",
        "Жолдор абдан начар болуп калды, унаалар бузулуп жатат", "Таштандыны эки жумадан бери алып кетпей жатышат", "Саламатсызбы, автобус качан келет?",
        "Бүгүн шаарда күн жылуу болду, элдин баары паркта эс алып жүрөт", "Бул маселени чечип бериңиздерчи, абдан кыйналып жатабыз"),
    "Tatar": (
        "Урамыбызда өч көн инде су юк, кайчан төзәтәсез?", "Хакимияткә мөрәҗәгать иттек, ләкин беркем дә җавап бирмәде", "Мәктәптә ут сүнде, балалар өйләренә кайтып китте",
        "Юллар бик начар, машиналар ватыла", "Сезнең ярдәмегезгә бик рәхмәт!", "Бүген безнең авылда бәйрәм, барыгызны да көтәбез"),
    "Turkish": (
        "Sokağımızda üç gündür su yok, ne zaman düzelteceksiniz?", "Belediyeye başvurduk ama kimse cevap vermedi", "Okulda elektrikler kesildi, çocuklar eve gitti",
        "Yollar çok kötü, arabalar bozuluyor", "Otobüs bugün neden gelmedi?", "Yardımınız için çok teşekkür ederiz"),
    "Uyghur": (
        "Кочимизда үч күндин бери су йоқ, қачан оңшайсиләр?", "Һакимийәткә мураҗиәт қилдуқ, бирақ һеч ким җавап бәрмиди", "Ярдимиңиз үчүн чоң рәхмәт, бәк яхши болди"),
    "Karakalpak": ("Көшемизде үш күннен берли суў жоқ, қашан дүзетесизлер?", "Ҳәкимиятқа мүрәжат еттик, бирақ ҳеш ким жуўап бермеди", "Awılımızda suw joq, bul haqqında hám jazǵan edik"),
    "Ukrainian": ("На нашій вулиці вже три дні немає води, коли полагодите?", "Ми звернулися до міської ради, але ніхто не відповів", "Дуже дякую, все добре!"),
}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return load_knowledge().language


@pytest.mark.parametrize(("language", "text"), [(language, text) for language, texts in OWN.items() for text in texts])
def test_own_sentences(model: LanguageModel, language: str, text: str) -> None:
    assert model.of(Text(text)) == language


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in NEIGHBOURS.items() for text in texts])
def test_neighbours_are_not_called_kazakh(model: LanguageModel, name: str, text: str) -> None:
    assert model.of(Text(text)) not in ("kk", "kk_plain", "kk_latin", "mixed"), name


@pytest.mark.parametrize(("text", "languages"), [
    ("су", {"kk_plain", "kk"}), ("жоқ", {"kk"}), ("рахмет", {"kk_plain"}), ("вода", {"ru"}), ("да", {"ru", "kk_plain"}), ("ә", {"kk"}), ("я", {"ru"}),
    ("a", {"en", "other", "kk_latin"}), ("Әйгерім Қасымова", {"kk"}), ("Иван Петрович Сидоров", {"ru"}), ("👍 рахмет 👍", {"kk_plain"}),
    ("жақсы https://example.org/novosti/segodnya/v-gorode", {"kk"}), ("@akimat_pavlodar су жоқ", {"kk"}), ("спасибо #Павлодар #әкімдік", {"ru"}),
    ("https://example.org/", {"en", "other"}), ("ахахахаха", {"ru", "other"}), ("Керемет! good job", {"kk_plain", "mixed"}),
])
def test_short_and_odd_texts(model: LanguageModel, text: str, languages: set[str]) -> None:
    assert model.of(Text(text)) in languages


def test_link_and_handle_do_not_decide(model: LanguageModel) -> None:
    text = "Көшеде жарық жанбайды"
    assert model.of(Text(f"{text} https://example.org/please-fix-the-street-lights-now @city_hall #streetlights")) == "kk"


def test_a_flood_of_letters_takes_linear_time(model: LanguageModel) -> None:
    took = []
    for size in (50_000, 1_000_000):
        began = time.perf_counter()
        model.of(Text("әкім не үшін " * (size // 13)))
        model.of(Text("а" * size))
        took.append(time.perf_counter() - began)
    assert took[1] < 0.5, took


def lines(name: str) -> list[str]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def share(model: LanguageModel, texts: Sequence[str], *languages: str, size: int = 3000) -> float:
    drawn = texts if len(texts) <= size else random.Random(5).sample(list(texts), size)
    return sum(model.of(Text(text)) in languages for text in drawn) / len(drawn)


def latin(text: str) -> str:
    return "".join(LATIN.get(c, c) for c in text.lower())


@pytest.mark.parametrize(("name", "change", "languages", "floor"), [
    ("kk_news_kaznerd.jsonl", str, ("kk", "kk_plain"), 0.996),
    ("kk_news_kaznerd.jsonl", lambda text: text[:40], ("kk", "kk_plain"), 0.994),
    ("kk_news_kaznerd.jsonl", lambda text: text.translate(PLAIN), ("kk_plain",), 0.994),
    ("kk_news_kaznerd.jsonl", latin, ("kk_latin",), 0.994),
    ("ru_kz_news_ministry.jsonl", str, ("ru",), 0.996), ("ru_official_replies_spb.jsonl", str, ("ru",), 0.998),
    ("ru_vk_posts_rusentiment.jsonl", str, ("ru",), 0.983),
])
def test_share_told_right_on_real_text(model: LanguageModel, name: str, change: Callable[[str], str], languages: tuple[str, ...],
                                       floor: float) -> None:
    assert share(model, [change(text) for text in lines(name)], *languages) >= floor


def test_reviews_that_their_set_calls_kazakh(model: LanguageModel) -> None:
    path = DATA / "kk_reviews_kazsandra.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["lang"] == "kk"]
    assert share(model, texts, "kk", "kk_plain") >= 0.99     # about half of the rest do change language
    assert share(model, texts, "kk", "kk_plain", "mixed") >= 0.996
    assert share(model, [text.translate(PLAIN) for text in texts], "kk_plain") >= 0.98


def test_mixed_is_found_and_not_invented(model: LanguageModel) -> None:
    rng = random.Random(7)
    kazakh, russian = lines("kk_news_kaznerd.jsonl"), lines("ru_kz_news_ministry.jsonl") + lines("ru_vk_posts_rusentiment.jsonl")[:1000]
    joined = []
    while len(joined) < 1500:
        pair = [rng.choice(kazakh), re.split(r"(?<=[.!?])\s", rng.choice(russian))[0]]
        if all(25 < len(part) < 150 for part in pair):
            rng.shuffle(pair)
            joined.append(" ".join(pair))
    assert share(model, joined, "mixed") >= 0.95
    assert share(model, kazakh, "mixed") <= 0.004
    assert share(model, russian, "mixed") <= 0.002
