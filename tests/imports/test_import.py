"""Exports of other systems: the card keeps its number, comes in once, and a damaged row stops no other."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from monitor.cli import main
from monitor.store.engine import Database
from monitor.store.tables import post, verdict
from ticketing.register import verify
from ticketing.tables import delivery, entry, ticket

KZ = ["Өтініш нөмірі", "Тақырыбы", "Өтініш мазмұны", "Берілген күні", "Мәртебесі", "Аудан"]
RU = ["№ карточки", "Категория", "Описание проблемы", "Дата создания", "Статус", "Адрес", "Телефон"]
WATER = "На улице Естая, 7 третий день нет холодной воды, примите меры"
ROAD = "Естай көшесінде шұңқыр көп, көлік жүре алмайды, жөндеп беріңіздер"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def command(file: Path, *words: str, channel: str = "109") -> tuple[int, dict, str]:
        status = main(["import", str(file), "--channel", channel, "--db", f"sqlite:///{tmp_path}/q.db", "--json", *words])
        told = capsys.readouterr()
        return status, json.loads(told.out.splitlines()[-1]) if told.out else {}, told.err
    return command


def xlsx(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def tickets(tmp_path: Path) -> dict[str, tuple]:
    db = Database(f"sqlite:///{tmp_path}/q.db")
    with db.reading() as c:
        assert verify(c).broken == ()
        found = {r.number: r for r in c.execute(select(ticket))}
    db.close()
    return found


def test_an_e_otinish_export_in_kazakh_keeps_its_numbers_and_comes_in_once(run, tmp_path) -> None:
    file = xlsx(tmp_path / "e.xlsx", [
        ["2026 жылғы қарашадағы өтініштер"], [], KZ,
        ["ЖТ-2026-01234567", "Жолдар", ROAD, datetime(2026, 11, 20, 10, 30), "Орындауда", "Павлодар қаласы"],
        ["ЖТ-2026-01234568", "Су", WATER, "21.11.2026 09:15", "Орындалды", "Павлодар қаласы"],
        ["ЖТ-2026-01234569", "Жолдар", "=HYPERLINK(\"http://example.invalid\")", "2026-11-21", "Орындауда", "Павлодар қаласы"]])
    status, told, err = run(file, channel="e-otinish")
    assert (status, told["new"], told["tickets"], told["closed"], err) == (0, 3, 3, 1, "")
    found = tickets(tmp_path)
    first = found["ЖТ-2026-01234567"]
    assert (first.external_number, first.akimat, first.topic, first.status) == ("ЖТ-2026-01234567", "551000000", "roads", "assigned")
    assert first.received_at.isoformat() == "2026-11-20T05:30:00+00:00"     # Kazakhstan, not UTC
    assert (found["ЖТ-2026-01234568"].status, found["ЖТ-2026-01234568"].topic) == ("closed", "water")
    status, told, _ = run(file, channel="e-otinish")
    assert (status, told["new"], told["duplicates"], told["tickets"]) == (0, 0, 3, 3)
    db = Database(f"sqlite:///{tmp_path}/q.db")
    with db.reading() as c:
        assert c.execute(select(func.count()).select_from(delivery)).scalar_one() == 0      # no flood of messages
        assert set(c.execute(select(post.c.network)).scalars()) == {"e-otinish"}
        assert set(c.execute(select(verdict.c.state)).scalars()) == {"ticket"}
    db.close()


@pytest.mark.parametrize(("encoding", "delimiter"), [("cp1251", ";"), ("utf-8-sig", ","), ("utf-16", "\t"), ("kz1048", ";")])
def test_a_109_export_as_csv_is_read_as_it_was_saved(run, tmp_path, encoding, delimiter) -> None:
    file = tmp_path / "109.csv"
    text = WATER if encoding == "cp1251" else ROAD
    with file.open("w", encoding=encoding, newline="") as f:
        out = csv.writer(f, delimiter=delimiter)
        out.writerow(RU)
        out.writerow([4501, "Благоустройство", f"{text};\nвторая строка, \"в кавычках\"", "22.11.2026 08:00:00", "В работе", "Павлодар", "+7 701 000 00 01"])
    status, told, err = run(file)
    assert (status, told["new"], err) == (0, 1, "")
    (card,) = tickets(tmp_path).values()
    assert (card.number, card.akimat) == ("4501", "551000000")
    db = Database(f"sqlite:///{tmp_path}/q.db")
    with db.reading() as c:
        kept = c.execute(select(post)).one()
    db.close()
    assert (text in kept.text, "вторая строка" in kept.text, "701" in repr(kept)) == (True, True, False)


def test_a_damaged_row_is_named_and_passed_over(run, tmp_path) -> None:
    file = xlsx(tmp_path / "109.xlsx", [
        RU, [1, "Вода", WATER, "22.11.2026", "В работе", "Павлодар"], ["", "Вода", WATER, "22.11.2026", "", ""],
        ["=1+1", "Вода", WATER, "22.11.2026", "", ""], ["-2+3", "Вода", WATER, "22.11.2026", "", ""], [4, "Вода", WATER, "вчера", "", ""],
        [5, "", "", "22.11.2026", "", ""], [6.0, "Вода", WATER + "!", "22.11.2026", "В работе", "Павлодар"]])
    status, told, err = run(file)
    assert (status, told["new"], told["bad"], sorted(tickets(tmp_path))) == (1, 2, 5, ["1", "6"])
    assert [line.split(":")[1] for line in err.splitlines()] == ["3", "4", "5", "6", "7"]
    assert "вчера" in err


def test_a_dry_run_judges_everything_and_stores_nothing(run, tmp_path) -> None:
    file = xlsx(tmp_path / "109.xlsx", [RU, [1, "Вода", WATER, "22.11.2026", "В работе", "Павлодар"]])
    status, told, _ = run(file, "--dry-run")
    assert (status, told["tickets"], told["topics"], (tmp_path / "q.db").exists()) == (0, 1, {"water": 1}, False)


def test_what_changed_since_is_a_revision_and_what_is_finished_is_closed(run, tmp_path) -> None:
    row = [1, "Вода", WATER, "22.11.2026", "В работе", "Павлодар"]
    run(xlsx(tmp_path / "a.xlsx", [RU, row, [2, *row[1:]]]))
    status, told, _ = run(xlsx(tmp_path / "b.xlsx", [RU, [1, "Вода", WATER, "22.11.2026", "Выполнено", "Павлодар"],
                                                     [2, "Вода", WATER + " Жду ответа.", "22.11.2026", "В работе", "Павлодар"]]))
    assert (status, told["revisions"], told["closed"], told["new"]) == (0, 1, 1, 0)
    assert [t.status for t in tickets(tmp_path).values()] == ["closed", "assigned"]
    db = Database(f"sqlite:///{tmp_path}/q.db")
    with db.reading() as c:
        assert c.execute(select(entry.c.ticket, entry.c.action).where(entry.c.seq > 4).order_by(entry.c.seq)).all() == [
            ("1", "file"), ("2", "revise")]
    db.close()


def test_the_same_number_of_two_channels_is_two_cards(run, tmp_path) -> None:
    file = xlsx(tmp_path / "a.xlsx", [RU, [7, "Вода", WATER, "22.11.2026", "В работе", "Павлодар"]])
    assert run(file)[0] == run(file, channel="call-centre")[0] == 0
    assert {n: t.external_number for n, t in tickets(tmp_path).items()} == {"7": "7", "call-centre:7": "7"}


def test_own_names_of_columns_by_a_mapping(run, tmp_path) -> None:
    file = xlsx(tmp_path / "a.xlsx", [["Код", "Что случилось"], ["А-1", WATER]])
    status, _, err = run(file)
    assert (status, err.count("\n"), "--mapping" in err, "Что случилось" in err) == (2, 1, True, True)
    mapping = tmp_path / "m.yaml"
    mapping.write_text("columns: {number: [код], text: [что случилось]}\nhome: 551000000\n", encoding="utf-8")
    assert run(file, "--mapping", str(mapping))[1]["tickets"] == 1
    mapping.write_text("columns: {number: [код], txt: [что случилось]}\n", encoding="utf-8")
    status, _, err = run(file, "--mapping", str(mapping))
    assert (status, err.count("\n"), "m.yaml:1" in err) == (2, 1, True)


def test_a_file_that_is_no_table_is_one_line(run, tmp_path) -> None:
    (broken := tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04" + b"x" * 100)
    (old := tmp_path / "x.xls").write_bytes(b"\xd0\xcf\x11\xe0" + b"x" * 100)
    (empty := tmp_path / "x.csv").write_bytes(b"")
    for file in (broken, old, empty, tmp_path / "none.csv"):
        status, _, err = run(file)
        assert (status, err.count("\n")) == (2, 1), err
    assert not (tmp_path / "q.db").exists()
