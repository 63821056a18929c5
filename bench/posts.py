"""Made-up posts for load: distinct texts, a given share addressed, reproducible from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

PLACES = (
    ("Павлодар қаласының әкімдігі", "kk"), ("Семей қаласының әкімі", "kk"), ("Көкшетау қаласының әкімдігіне", "kk"),
    ("Акимат Павлодара", "ru"), ("Уважаемый аким города Семей", "ru"), ("Акимат Костаная", "ru"), ("Акимат Актобе", "ru"))
ASKS = {
    "kk": ("{s} көшесі {n}-үйдің алдында {w} күннен бері {p}, шара қолданыңыздар", "{s} көшесінде {p}, {n}-үйдің тұрғындары {w} күн күтіп отыр",
           "{n}-үй, {s} көшесі: {p}. Қашан жөнделеді? {w} рет хабарластық"),
    "ru": ("на улице {s} у дома {n} уже {w} дней {p}, примите меры", "{s} {n}: {p}, ждём {w} дней, когда исправите?",
           "возле дома {n} по улице {s} {p}, звонили {w} раз, просим разобраться")}
PROBLEMS = {"kk": ("су жоқ", "жарық жанбайды", "шұңқыр бар", "қоқыс шығарылмайды", "жылу жоқ", "иттер қаңғып жүр"),
            "ru": ("нет воды", "не горит свет", "огромная яма", "не вывозят мусор", "нет отопления", "бегает стая собак")}
STREETS = ("Сәтбаев", "Абай", "Естай", "Ломов", "Торайғыров", "Қабанбай батыр", "Лермонтов", "Шәкәрім", "Назарбаев", "Жеңіс", "Гагарин")
TALK = (
    "кто знает хорошего мастера по стиральным машинам {a}", "бүгін ауа райы керемет екен достар {a}", "продам коляску почти новую {a} тысяч торг",
    "ертең той болады шақырамын бәріңді {a}", "смотрел вчера матч {a} раз и не понял кто победил", "жаңа кафе ашылыпты дәмді екен {a}",
    "поздравляю с днём рождения желаю счастья {a}", "кімде артық билет бар концертке {a}", "потерялся кот рыжий отзывается на {b} {a}")


def rows(count: int, seed: int = 1, addressed: float = 0.1) -> Iterator[dict[str, object]]:
    """`count` posts in the order of their time; about `addressed` of them to an akimat."""
    rng = random.Random(seed)
    at = datetime(2026, 11, 2, 8, 0, tzinfo=timezone(timedelta(hours=5)))
    for i in range(count):
        at += timedelta(seconds=rng.expovariate(0.5))
        if rng.random() < addressed:
            place, language = rng.choice(PLACES)
            ask = rng.choice(ASKS[language]).format(s=rng.choice(STREETS), n=rng.randint(1, 9999), w=rng.randint(2, 999),
                                                    p=rng.choice(PROBLEMS[language]))
            text = f"{place}! {ask}"
        else:
            text = rng.choice(TALK).format(a=rng.randint(1, 10**6), b=rng.choice(STREETS))
        yield {"id": f"p{i}", "source": rng.choice(("vk", "instagram", "facebook")), "author": f"u{rng.randint(1, count)}",
               "created_at": at.isoformat(timespec="seconds"), "text": text}


def write(path: Path, count: int, seed: int = 1, addressed: float = 0.1) -> Path:
    """The posts as JSONL."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count, seed, addressed):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path
