"""`qulaq user`, `due` and `check` as a person at a terminal meets them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.store.engine import Database
from ticketing import people

CITY = "551000000"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/q.db"


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def of(*words: str) -> Said:
        code = main(words)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)
    return of


def test_from_nobody_to_an_officer_on_holiday(run, url: str) -> None:
    db = ("--db", url)
    added = run("user", "add", "aigul", "--name", "Айгүл", "--role", "officer", "--office", CITY, "--duty", *db)
    assert added.code == 0, added.err
    password = re.search(r"password: (\S+) \(shown only now\)", added.out)
    assert password is not None
    database = Database(url)
    with database.reading() as c:
        assert people.sign_in(c, "aigul", password[1]) is not None
    assert run("user", "add", "bolat", "--name", "Болат", "--role", "officer", "--office", CITY, *db).code == 0
    away = run("user", "absence", "aigul", "--from", "2020-01-01", "--until", "2099-12-31", "--deputy", "bolat", *db)
    assert "until 2100-01-01T00:00:00+05:00; bolat stands in" in away.out, "the last day is away, too"
    listed = json.loads(run("user", "list", "--json", *db).out)["people"]
    assert [(p["login"], p["office"], p["telegram"], bool(p["away_until"])) for p in listed] == [
        ("aigul", CITY, False, True), ("bolat", CITY, False, False)]
    assert "away until" in run("user", "list", *db).out
    assert "1 absences ended" in run("user", "absence", "aigul", "--end", *db).out
    linked = run("user", "link", "aigul", "--bot", "qulaq_bot", *db)
    assert re.fullmatch(r"https://t\.me/qulaq_bot\?start=[A-Za-z0-9_-]{32}\n", linked.out)
    left = run("user", "disable", "aigul", *db)
    assert left.out == "aigul has left; 0 open tickets went over to others\n"
    assert f"office {CITY} has no duty officer now" in left.err
    with database.reading() as c:
        assert people.sign_in(c, "aigul", password[1]) is None
    database.close()


def test_a_password_from_standard_input_is_not_shown(run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    said = run("user", "add", "op", "--name", "Op", "--role", "operator", "--password-stdin", "--db", url)
    assert said.code == 0
    assert "correct horse" not in said.out + said.err
    database = Database(url)
    with database.reading() as c:
        assert people.sign_in(c, "op", "correct horse") is not None
    database.close()


def test_the_config_names_database_bot_and_offices(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QULAQ_TEST_DB", f"sqlite:///{tmp_path}/from-config.db")
    config = tmp_path / "q.yaml"
    config.write_text("database: {env: QULAQ_TEST_DB}\ntelegram: {token: {env: NOT_SET_HERE}, bot: from_config_bot}\n"
                      "offices: [{code: 551000000}]\n")
    where = ("-c", str(config))
    assert run("user", "add", "a.b", "--name", "A", "--role", "head", "--office", CITY, *where).code == 0
    assert run("user", "link", "a.b", *where).out.startswith("https://t.me/from_config_bot?start=")
    refused = run("user", "add", "c.d", "--name", "C", "--role", "head", "--office", "101000000", *where)
    assert (refused.code, "not an office of" in refused.err) == (2, True)
    monkeypatch.delenv("QULAQ_TEST_DB")
    assert "QULAQ_TEST_DB is not set" in run("user", "list", *where).err


@pytest.mark.parametrize(("words", "expected"), [
    (("list",), "which database"),
    (("list", "--db", "sqlite:////nowhere/x.db"), "there is no such database"),
    (("add", "a", "--name", "A", "--role", "viewer", "--db", "DB"), "is no login"),
    (("add", "ab", "--name", "A", "--role", "officer", "--db", "DB"), "--office CODE"),
    (("add", "ab", "--name", "A", "--role", "akim", "--db", "DB"), "invalid choice"),
    (("add", "ab", "--name", "A", "--role", "head", "--office", "123", "--db", "DB"), "no akimat has this KATO code"),
    (("add", "ab", "--name", "A", "--role", "viewer", "--duty", "--db", "DB"), "--duty needs --office"),
    (("link", "ab", "--db", "DB"), "which bot"),
    (("absence", "ab", "--db", "DB"), "--from DATE and --until DATE"),
    (("fly", "ab"), "invalid choice"),
    (("list", "-c", "/no/such.yaml"), "No such file"),
])
def test_bad_input_is_one_line_and_exit_2(run, url: str, words: tuple[str, ...], expected: str) -> None:
    said = run("user", *(url if word == "DB" else word for word in words))
    assert said.code == 2
    assert expected in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_unknown_people_are_named(run, url: str) -> None:
    run("user", "add", "op", "--name", "Op", "--role", "operator", "--db", url)
    for verb in (("disable", "no.one"), ("link", "no.one", "--bot", "b_bot"), ("password", "no.one"),
                 ("duty", "no.one", "--office", CITY),
                 ("absence", "no.one", "--from", "2026-12-01", "--until", "2026-12-02")):
        said = run("user", *verb, "--db", url)
        assert (said.code, 'there is no login "no.one"' in said.err) == (2, True), verb
    wrong = run("user", "absence", "op", "--from", "1 December", "--until", "2026-12-02", "--db", url)
    assert (wrong.code, "write it like 2026-12-01" in wrong.err) == (2, True)


# --- due

def test_due_prints_the_date_and_its_derivation(run) -> None:
    said = run("due", "--received", "2026-11-24T10:00:00+05:00", "--term", "9wh")
    assert (said.code, said.out.splitlines()[0]) == (0, "2026-11-25T11:00:00+05:00")
    made = json.loads(run("due", "--received", "2026-11-24T10:00:00+05:00", "--term", "15wd", "--count-from", "next",
                          "--json").out.splitlines()[-1])
    assert set(made) == {"due", "derivation"}
    assert made["due"] == "2026-12-15T18:30:00+05:00"
    assert made["derivation"][-1] == {"step": "due", "at": made["due"]}


def test_due_reads_a_naive_moment_as_almaty_and_says_so(run) -> None:
    naive = run("due", "--received", "2026-11-24T10:00", "--term", "9wh", "--json").out
    aware = run("due", "--received", "2026-11-24T05:00:00Z", "--term", "9wh", "--json").out
    assert json.loads(naive)["due"] == json.loads(aware)["due"]
    assert json.loads(naive)["derivation"][1]["assumed"] == "Asia/Almaty"
    assert "assumed" not in json.loads(aware)["derivation"][1]


@pytest.mark.parametrize(("words", "expected"), [
    (("--received", "yesterday", "--term", "1wd"), "write it like 2026-11-24T10:00:00+05:00"),
    (("--received", "2026-11-24", "--term", "1 day"), "write 15wd"),
    (("--received", "2030-01-10", "--term", "1wd"), "the calendar of 2030 is not known"),
    (("--received", "2026-11-24", "--term", "9999wd"), "is not known"),
    (("--received", "9999-12-31T23:00-11:00", "--term", "1wd"), "not a time"),
    (("--term", "1wd"), "--received"),
    (("--received", "2026-11-24", "--term", "1wd", "--office", CITY), "-c FILE"),
    (("--received", "2026-11-24", "--term", "1wd", "-c", "/no.yaml"), "No such file"),
])
def test_due_refuses_in_one_line(run, words: tuple[str, ...], expected: str) -> None:
    said = run("due", *words)
    assert (said.code, len(said.err.splitlines()), said.out) == (2, 1, "")
    assert expected in said.err


def test_due_with_the_calendar_of_an_office(run, tmp_path: Path) -> None:
    config = tmp_path / "q.yaml"
    config.write_text("offices:\n- {code: 551000000, working_time: {mon-sat: 10:00-16:00}, count_from: next}\n"
                      "- {code: 550000000}\n")
    words = ("due", "--received", "2026-11-27T12:00", "--term", "1wd", "-c", str(config))
    assert "its offices differ; say which one" in run(*words).err
    assert run(*words, "--office", CITY).out.startswith("2026-11-28T16:00:00+05:00\n"), "Saturday is worked there"
    assert run(*words, "--office", "550000000").out.startswith("2026-11-27T18:30:00+05:00\n")


# --- check and schema

def test_check_prints_a_line_for_each_error(run, tmp_path: Path) -> None:
    config = tmp_path / "q.yaml"
    config.write_text("webb: 1\nsources:\n- {name: a, network: rss, url: no-address}\n- {name: a, network: tiktak}\n"
                      "routing:\n- {topic: raods, department: x}\noffices:\n- {code: 551000001}\n")
    said = run("check", "-c", str(config))
    assert said.code == 1
    lines = said.out.splitlines()
    assert [int(line.removeprefix(f"{config}:").split(":")[0]) for line in lines] == [1, 3, 4, 4, 6, 8]
    assert all(re.match(rf"{re.escape(str(config))}:\d+: [\w.\[\]]+: .+", line) for line in lines)


def test_check_of_a_fine_config_sums_it_up(run) -> None:
    examples = Path(__file__).resolve().parents[2] / "config" / "examples"
    said = run("check", "-c", str(examples / "office.yaml"))
    assert (said.code, said.out.strip()) == (0, f"{examples}/office.yaml: fine (2 offices, 4 routing rules, 4 sources)")
    assert "telegram.token" in said.err, "what `run` will need and this machine doesn't have"


def test_check_tells_an_unreadable_file_from_a_wrong_one(run, tmp_path: Path) -> None:
    assert run("check", "-c", str(tmp_path / "none.yaml")).code == 2
    (tmp_path / "broken.yaml").write_text("web: [")
    broken = run("check", "-c", str(tmp_path / "broken.yaml"))
    assert (broken.code, broken.out.startswith(f"{tmp_path}/broken.yaml:1: not YAML")) == (1, True)


def test_check_online_asks_each_source(run, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": "1", "text": "a"}\n')
    config = tmp_path / "q.yaml"
    config.write_text("sources:\n- {name: here, network: replay, path: p.jsonl}\n"
                      "- {name: closed, network: rss, url: 'http://127.0.0.1:1/x'}\n"
                      "- {name: off, network: rss, url: 'http://127.0.0.1:1/x', enabled: false}\n")
    said = run("check", "--online", "-c", str(config))
    assert said.code == 1
    assert "here: answers (1 posts)" in said.out
    assert "closed: Transient" in said.err
    assert "off:" not in said.out


def test_schema_is_json_with_every_network(run) -> None:
    import connectors
    made = json.loads(run("schema").out)
    assert {f"source_{network}" for network in connectors.networks()} <= set(made["$defs"])
