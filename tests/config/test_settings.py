"""The config: every error at once with its line and how to mend it, secrets only by reference, the schema beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr

import connectors
from config.document import ConfigErrors, Unreadable
from config.schema import dumped, schema
from config.settings import Settings, load

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
MODELS = {network: connectors.find(network).Settings for network in connectors.networks()}
AKIMATS = {"550000000", "551000000", "551045000"}
TOPICS = {"roads", "water", "utilities"}


class Rss(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str = Field(description="Address")
    key: SecretStr | None = Field(default=None, description="Key")


Loaded = Callable[..., Settings]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    def of(text: str, **more: object) -> Settings:
        path = tmp_path / "q.yaml"
        path.write_text(text, encoding="utf-8")
        given = {"connectors": {"rss": Rss}, "akimats": AKIMATS, "topics": TOPICS, "environment": {}, **more}
        return load(path, **given)      # type: ignore[arg-type]
    return of


def errors(loaded: Loaded, text: str, **more: object) -> list[str]:
    """The problems without the name of the file: LINE: path: message."""
    with pytest.raises(ConfigErrors) as e:
        loaded(text, **more)
    lines = str(e.value).splitlines()
    assert all(line.startswith(e.value.problems[0].file + ":") for line in lines)
    return [line.removeprefix(e.value.problems[0].file + ":") for line in lines]


# --- each error: one line that says where and how to mend it

@pytest.mark.parametrize(("text", "expected"), [
    ("datbase: x", '1: datbase: unknown option; did you mean "database"?'),
    ("web: {prot: 1}", '1: web.prot: unknown option; did you mean "port"?'),
    ("\n\nweb:\n  port: 70000", '4: web.port: must be less than or equal to 65535 (here: "70000")'),
    ("web:\n  port: eighty", "2: web.port: must be a whole number (here: \"eighty\")"),
    ("web: 8080", "1: web: must be a mapping (name: value)"),
    ("web: {public_url: qulaq.kz}", "write it like https://qulaq.example.kz"),
    ("database: mysql://x", "1: database: is no database address; use sqlite:///FILE.db or postgresql://"),
    ("number_format: 'ЖТ-{office}-{year}-{seq}'", "ЖТ and ЗТ are the numbers of official appeals"),
    ("number_format: 'зт-{office}-{year}-{seq}'", "ЖТ and ЗТ are the numbers of official appeals"),
    ("number_format: 'ӘЖ-{office}-{seq}'", "1: number_format: lacks {year}"),
    ("number_format: '{office}{year}{seq.__class__}'", "knows no {seq.__class__}"),
    ("number_format: '{office'", "is no format"),
    ("sources: {a: 1}", "1: sources: must be a list"),
    ("sources:\n - just words", "2: sources[0]: must be a mapping"),
    ("sources:\n - {name: a, network: rsss}", '2: sources[0].network: no network "rsss"; did you mean "rss"?'),
    ("sources:\n - name: a\n   network: rss\n   urll: x", '4: sources[0].urll: unknown option; did you mean "url"?'),
    ("sources:\n - {name: a, network: rss, url: x, hom: 1}", 'sources[0].hom: unknown option; did you mean "home"?'),
    ("sources:\n - name: a\n   network: rss", "2: sources[0].url: is missing; add it"),
    ("sources:\n - {network: rss, url: x}", "2: sources[0].name: is missing; add it"),
    ("sources:\n - {name: a, network: rss, url: x}\n - {name: a, network: rss, url: y}",
     '3: sources[1].name: "a" is taken (line 2)'),
    ("sources:\n - {name: a, network: rss, url: x, every: 5 minutes}", "30s, 5m, 1h"),
    ("sources:\n - {name: a, network: rss, url: x, every: 0}", "must be from 1s to 24h"),
    ("sources:\n - {name: a, network: rss, url: x, home: 551000001}",
     '2: sources[0].home: no akimat has the KATO code 551000001; did you mean "551000000"?'),
    ("sources:\n - {name: a, network: rss, url: x, key: abc}",
     "2: sources[0].key: a secret must not stand in this file; write {env: NAME} or {file: PATH}"),
    ("sources:\n - {name: a, network: rss, url: x, key: {env: NO_SUCH}}", "environment variable NO_SUCH is not set"),
    ("sources:\n - {name: a, network: rss, url: x, key: {file: no.txt}}", "no.txt: No such file"),
    ("telegram: {token: '1:a'}", "1: telegram.token: a secret must not stand in this file"),
    ("telegram: {bot: qulaq_bot}", "1: telegram.token: is missing; add it"),
    ("offices:\n - {code: 55}", '2: offices[0].code: "55" does not fit; KATO code of the akimat, nine digits'),
    ("offices:\n - {code: 999000000}", "no akimat has the KATO code 999000000"),
    ("offices:\n - {code: 551000000}\n - {code: 551000000}", '3: offices[1].code: "551000000" is taken (line 2)'),
    ("offices:\n - {code: 551000000, personal_data_in_messages: hidden}", "is not one of none, masked, full"),
    ("offices:\n - {code: 551000000, terms: {final: 7d}}", '2: offices[0].terms.final: "7d" is no term; write 7wd'),
    ("offices:\n - {code: 551000000, terms: {finl: 7wd}}", 'terms.finl: unknown option; did you mean "final"?'),
    ("offices:\n - {code: 551000000, working_time: {mo: 09:00-18:00}}", '"mo" names no day; use mon, tue'),
    ("offices:\n - {code: 551000000, working_time: {mon: 18:00-09:00}}", "ends before it begins"),
    ("offices:\n - {code: 551000000, working_time: {mon: [09:00-13:00, 12:00-14:00]}}", "overlap or touch"),
    ("offices:\n - {code: 551000000, working_time: {mon-fri: 09:00-18:00, fri: 09:00-12:00}}", "fri is given twice"),
    ("offices:\n - {code: 551000000, working_time: {mon: 09:00-25:00}}", "the day ends at 24:00"),
    ("offices:\n - {code: 551000000, holidays: no.yaml}", "offices[0].holidays: "),
    ("routing:\n - {akimat: 551000000, topic: raods, department: x}",
     '2: routing[0].topic: no topic "raods"; did you mean "roads"?'),
    ("routing:\n - {akimat: 5510, department: x}", '"5510" is no KATO code; it has nine digits'),
    ("routing:\n - {topic: roads}", "names neither department nor responsible nor role"),
    ("routing:\n - {responsible: a, role: head}", "either responsible or role"),
    ("retention: {unaddressed_days: 0}", "must be greater than or equal to 1"),
    ("web:\n  port: 1\nweb:\n  port: 2", "3: web: given twice (first in line 1); keep one"),
    ("a: &a [*a]", "contains itself"),
    ("- a", "1: must be a mapping"),
    ("number_format: '{office}-{year}-{seq:>99999999999}'", "only leading zeros can be asked for, like {seq:06}"),
    ("number_format: '{office}-{year!r:s}-{seq}'", "only leading zeros can be asked for"),
    (f"number_format: '{'x' * 60}{{office}}-{{year}}-{{seq}}'", "at most 64"),
    ("web: {public_url: 'http://[::1'}", "write it like https://qulaq.example.kz"),
    ("web: {public_url: 'https://a:port'}", "write it like https://qulaq.example.kz"),
    ("web:\n  host: 1\n  ? [a, b]\n  : 2", "3: web: a key must be a word"),
    ('web: {host: "\\ud800"}', "1: web.host: cannot be read: half a character"),
    ("database: {env: A, file: b}", "1: database: says not clearly where the value lies; write {env: NAME} or {file: PATH}"),
    ("offices:\n - {code: 0551}", '2: offices[0].code: "0551" does not fit'),
    ("routing:\n - {topic: roads, role: hed}", 'is not one of officer, head, controller, duty; did you mean "head"?'),
    ("sources:\n - {name: 2026-01-01, network: rss, url: x}", "2: sources[0].name: must be text; put it in quotes"),
    ("web: [", "1: not YAML: "),
    ("web:\n\tport: 1", "2: not YAML: "),
    ("database: 2026-99-99", "database"),
])
def test_each_error_says_where_and_how_to_mend_it(loaded: Loaded, text: str, expected: str) -> None:
    said = errors(loaded, text)
    assert any(expected in line for line in said), said


def test_all_errors_come_at_once_in_the_order_of_the_lines(loaded: Loaded) -> None:
    said = errors(loaded, """
datbase: x
web: {port: 99999, host: 1}
offices:
  - {code: 55, personal_data_in_messages: maskd}
  - {terms: {final: soon}}
routing:
  - {topic: raods, department: x}
sources:
  - {name: a, network: rss}
  - {name: a, network: rsss}
""")
    lines = [int(line.split(":")[0]) for line in said]
    assert lines == sorted(lines)
    assert len(said) == 11, said


def test_one_mistake_is_one_line(loaded: Loaded) -> None:
    assert errors(loaded, "web: {port: " + "9" * 5000 + "}")[0].startswith("1: web.port: cannot be read")
    assert len(errors(loaded, "web: {port: " + "9" * 5000 + "}")) == 1
    said = errors(loaded, "sources: [{name: a, network: replay, path: p, speed: fast}]", connectors=MODELS)
    assert len(said) == 1, said
    assert said[0].startswith("1: sources[0].speed: must be a number")


def test_an_error_in_one_source_hides_no_error_in_another(loaded: Loaded) -> None:
    said = errors(loaded, "sources:\n - {name: a, network: rss}\n - {name: b, network: rss}\n - 3")
    assert [line.split(":")[0] for line in said] == ["2", "3", "4"]


def test_ten_million_aliases_do_not_fill_the_memory(loaded: Loaded) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8))
    assert any("aliases" in line for line in errors(loaded, text))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"caf\xe9: 1"])
def test_a_file_that_is_no_text_is_unreadable(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "q.yaml").write_bytes(content)
    with pytest.raises(Unreadable, match="UTF-8"):
        load(tmp_path / "q.yaml")


def test_control_characters_are_one_line_with_their_place(loaded: Loaded) -> None:
    assert "2: not YAML" in errors(loaded, "web:\n  host: \x07")[0]


def test_an_errors_file_of_holidays_is_reported_with_its_own_lines(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "days.yaml").write_text("version: x\nclosed:\n - {dat: 2026-01-05}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as e:
        loaded("offices:\n - {code: 551000000, holidays: days.yaml}")
    assert f"{tmp_path}/days.yaml:3: closed[0].dat: unknown option; did you mean \"date\"?" in str(e.value)


def test_every_error_of_a_calendar_comes_at_once(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "days.yaml").write_text("version: x\nclosed:\n - {date: 2026-13-01, name_ru: a}\n - {dat: 2026-01-05}\n"
                                        "worked:\n - {date: 2026-01-02, intervals: ['9-10']}\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as e:
        loaded("offices:\n - {code: 551000000, holidays: days.yaml}")
    assert [problem.line for problem in e.value.problems] == [3, 4, 4, 6]


# --- what a valid file means

def test_an_empty_file_is_the_embedded_default(loaded: Loaded) -> None:
    settings = loaded("")
    assert settings.database == "sqlite:///qulaq.db"
    assert settings.number_format == "ӘЖ-{office}-{year}-{seq:06}"
    assert settings.web.address == "http://127.0.0.1:8080"
    assert settings.retention.unaddressed_days == 30
    assert loaded("web:\nsources:\noffices:\ntelegram:\n").sources == ()


def test_the_defaults_of_terms_are_those_of_practice(loaded: Loaded) -> None:
    office = loaded("offices: [{code: 551000000}]").offices[0]
    assert (office.terms.first_reaction, office.terms.first_reaction_urgent) == ("9wh", "4wh")
    assert (office.terms.final, office.terms.redirect, office.count_from) == ("7wd", "3wd", "same")
    assert office.personal_data_in_messages == "masked"
    assert office.working_time == {"mon-fri": ["09:00-13:00", "14:30-18:30"]}


def test_options_of_a_source_reach_its_network(loaded: Loaded, tmp_path: Path) -> None:
    settings = loaded("sources:\n - {name: a, network: rss, url: x, key: {env: K}, home: 551000000, every: 5m}",
                      environment={"K": "s3cret"})
    source = settings.sources[0]
    assert (source.home, source.every) == ("551000000", 300.0)
    assert isinstance(source.settings, Rss)
    assert source.settings.key is not None
    assert source.settings.key.get_secret_value() == "s3cret"


def test_a_secret_from_a_file_beside_the_config(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("12:abc\n", encoding="utf-8")
    settings = loaded("telegram: {token: {file: token}}")
    assert settings.telegram is not None
    assert settings.telegram.token.get_secret_value() == "12:abc"


def test_no_secret_is_ever_shown(loaded: Loaded) -> None:
    text = ("database: {env: DB}\ntelegram: {token: {env: K}}\n"
            "sources:\n - {name: a, network: rss, url: x, key: {env: K}}")
    environment = {"K": "s3cret", "DB": "postgresql://q:s3cret@h/q"}
    settings = loaded(text, environment=environment)
    shown = repr(settings) + str(settings) + repr(settings.sources) + repr(settings.sources[0].settings)
    assert "s3cret" not in shown
    said = errors(loaded, text.replace("url: x", "url: [1]") + "\nweb: 1", environment=environment)
    assert "s3cret" not in str(said)
    wrong = errors(loaded, "database: {env: DB}", environment={"DB": "mysql://q:s3cret@h/q"})
    assert "s3cret" not in str(wrong)


@pytest.mark.parametrize("text", [
    "telegram: {token: {env: T}, bot: '123456:s3cretS3CRETs3cret'}",
    "sources: [{name: a, network: rss, url: 'http://u:s3cret@h:x/'}]",
    "web: {port: {env: T}}",
    "web: {public_url: {env: T}}",
    "sources: [{name: a, network: rss, url: 'https://x.kz/', every: {env: T}}]",
    "offices: [{code: {env: T}}]",
])
def test_a_secret_in_the_wrong_place_is_not_repeated(loaded: Loaded, text: str) -> None:
    said = errors(loaded, text, connectors=MODELS, environment={"T": "s3cret " + "x" * 60})
    assert "s3cret" not in str(said)
    assert "***" in str(said)


def test_what_is_no_config_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(Unreadable, match="no config"):
        load("/dev/zero")


def test_where_secrets_are_not_insisted_on_they_are_noted(loaded: Loaded) -> None:
    settings = loaded("database: {env: DB}\ntelegram: {token: {env: K}, bot: qulaq_bot}", insist=False)
    assert [(problem.line, problem.path) for problem in settings.unset] == [(1, "database"), (2, "telegram.token")]
    assert settings.telegram is not None
    assert settings.telegram.bot == "qulaq_bot"


def test_a_telegram_source_uses_the_bot_of_the_config_and_one_bot_serves_one_source(loaded: Loaded) -> None:
    text = "telegram: {token: {env: K}}\nsources:\n - {name: a, network: telegram}\n"
    settings = loaded(text, connectors=MODELS, environment={"K": "123:abc"})
    assert settings.sources[0].settings.token.get_secret_value() == "123:abc"    # type: ignore[attr-defined]
    said = errors(loaded, text + " - {name: b, network: telegram, token: {env: K}}\n", connectors=MODELS,
                  environment={"K": "123:abc"})
    assert said == ["4: sources[1].token: the bot of a again; one token serves one source, remove one"]


def test_merge_keys_and_anchors_work_as_in_yaml(loaded: Loaded) -> None:
    settings = loaded("offices:\n - &a {code: 550000000, terms: {final: 5wd}}\n - {<<: *a, code: 551000000}")
    assert [office.terms.final for office in settings.offices] == ["5wd", "5wd"]


def test_paths_are_beside_the_config(loaded: Loaded, tmp_path: Path) -> None:
    settings = loaded("knowledge: know\nsources: [{name: a, network: replay, path: p.jsonl}]", connectors=MODELS)
    assert settings.knowledge == tmp_path / "know"
    assert settings.sources[0].settings.path == tmp_path / "p.jsonl"     # type: ignore[attr-defined]


def test_words_that_yaml_takes_for_booleans_are_words_where_words_are_asked_for(loaded: Loaded) -> None:
    source = loaded("sources: [{name: off, network: rss, url: x, enabled: no}]").sources[0]
    assert (source.name, source.enabled) == ("off", False)


# --- examples and schema

@pytest.mark.parametrize("network", sorted(MODELS))
def test_there_is_an_example_for_every_source(network: str) -> None:
    settings = load(EXAMPLES / f"{network}.yaml", MODELS, insist=False)
    assert network in {source.network for source in settings.sources}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_valid_and_fit_the_schema(path: Path) -> None:
    load(path, MODELS, insist=False)
    made = schema(MODELS)
    jsonschema.Draft202012Validator.check_schema(made)
    jsonschema.Draft202012Validator(made).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", [
    "webb: 1", "web: {port: 70000}", "sources: [{name: a, network: nope}]", "sources: [{name: a, network: rss, u: 1}]",
    "telegram: {token: abc}", "offices: [{code: 12, terms: {final: 7 days}}]", "sources: [{network: rss, url: x}]",
])
def test_the_schema_refuses_what_the_loader_refuses(loaded: Loaded, text: str) -> None:
    assert errors(loaded, text, connectors=MODELS)
    assert not jsonschema.Draft202012Validator(schema(MODELS)).is_valid(yaml.safe_load(text))


def test_every_option_is_described_in_the_schema() -> None:
    made = json.loads(dumped(MODELS))

    def walk(part: dict[str, object], where: str) -> None:
        for name, option in part.get("properties", {}).items():      # type: ignore[attr-defined]
            target = made["$defs"].get(str(option.get("$ref", "")).rpartition("/")[2], {})
            assert option.get("description") or target.get("description"), f"{where}.{name} has no description"
    walk(made, "")
    for name, definition in made["$defs"].items():
        walk(definition, name)
