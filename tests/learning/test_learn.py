"""`qulaq learn`: what is learnt, what a broken or hostile file does, what comes into force, which channel drifted."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.cli import main
from monitor.core.post import Author, Post
from monitor.learning.archive import BrokenModel, pack, unpack
from monitor.learning.history import as_example, filled, finer
from monitor.learning.model import answers, fit
from monitor.store.engine import Database
from monitor.store.schema import upgrade

ROOT = Path(__file__).resolve().parents[2]
POSTS = ROOT / "tests" / "detection" / "posts"


def posts() -> list[dict[str, Any]]:
    """Our own labelled posts that are addressed; `kind` and `topic` are their labels."""
    found = [json.loads(line) for name in "abcdef" for line in (POSTS / f"{name}.jsonl").read_text("utf-8").splitlines()]
    return [row for row in found if row["addressed"]]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def learnt(tmp_path: Path, rows: list[Any], target: str, *more: str, name: str = "m.model", status: int = 0) -> Path:
    model = tmp_path / name
    assert main(["learn", "fit", str(write(tmp_path / "in.jsonl", rows)), "--target", target, *more, "--out", str(model)]) == status
    return model


def said(tmp_path: Path, model: Path, rows: list[Any], *more: str, status: int = 0) -> list[dict[str, Any]]:
    out = tmp_path / "out.jsonl"
    assert main(["learn", "predict", str(model), str(write(tmp_path / "ask.jsonl", rows)), "--out", str(out), *more]) == status
    return read(out)


def test_topics_of_own_posts_are_learnt_in_both_languages(tmp_path: Path) -> None:
    rows = posts()
    held = [row for i, row in enumerate(rows) if i % 5 == 0]
    model = learnt(tmp_path, [row for i, row in enumerate(rows) if i % 5], "topic")
    answers = said(tmp_path, model, [{"id": row["id"], "text": row["text"]} for row in held])
    assert [a["id"] for a in answers] == [row["id"] for row in held]
    assert all(set(a) == {"id", "label", "top3", "score"} and a["top3"][0] == a["label"] and 0 <= a["score"] <= 1 for a in answers)
    right = {lang: [a["label"] == row["topic"] for a, row in zip(answers, held, strict=True) if row["language"] == lang]
             for lang in ("kk", "ru")}
    commonest = max(Counter(row["topic"] for row in held).values()) / len(held)
    assert all(len(hits) > 40 and sum(hits) > max(0.3, 3 * commonest) * len(hits) for hits in right.values())
    in_three = sum(row["topic"] in a["top3"] for a, row in zip(answers, held, strict=True))
    assert in_three > 0.6 * len(held)


def test_the_same_rows_give_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", posts()[:150])
    made = []
    for n in range(2):
        out = tmp_path / f"{n}.model"
        subprocess.run([sys.executable, "run_monitor.py", "learn", "fit", str(source), "--target", "kind", "--out", str(out)],
                       cwd=ROOT, check=True, env={"PYTHONHASHSEED": str(n), "PATH": ""})
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert len(made[0]) < 2_000_000


ROADS = [{"id": n, "text": f"{word} на дороге у дома, машина сломалась {n}", "code": 7, "where": place, "who": f"{place}-roads"}
         for n, (word, place) in enumerate([("яма", "север"), ("выбоина", "юг")] * 30)]
WATER = [{"id": 100 + n, "text": f"нет воды в кране, {word} с утра {n}", "code": 3, "where": place, "who": f"{place}-water"}
         for n, (word, place) in enumerate([("сухо", "север"), ("отключили", "юг")] * 30)]


def test_labels_keep_their_type_and_rows_without_one_are_passed_over(tmp_path: Path) -> None:
    without = [{"id": "n1", "text": "просто текст", "code": None}, {"id": "n2", "text": "и ещё один"}]
    model = learnt(tmp_path, [*ROADS, *WATER, *without], "code")
    answers = said(tmp_path, model, [{"id": "a", "text": "огромная яма на дороге"}, {"id": 5, "text": "в доме нет воды"}])
    assert [(a["id"], a["label"]) for a in answers] == [("a", 7), (5, 3)]


def test_the_place_decides_who_is_responsible_where_it_is_given(tmp_path: Path) -> None:
    model = learnt(tmp_path, [*ROADS, *WATER], "who", "--context", "where")
    ask = [{"id": place, "text": "нет воды в кране", "where": place} for place in ("север", "юг")] + [
        {"id": "?", "text": "нет воды в кране", "where": None}]
    answers = said(tmp_path, model, ask)
    assert [a["label"] for a in answers[:2]] == ["север-water", "юг-water"]
    assert answers[2]["label"].endswith("-water")


def test_a_finer_field_tells_missing_labels() -> None:
    rows = [{"id": n, "text": f"текст {n}", "topic": f"t{n % 6}", "group": f"g{n % 2}" if n % 3 else None} for n in range(120)]
    examples = [as_example(row, "group", ()) for row in rows]
    assert finer(examples, ()) == "topic"
    told = filled(examples, "topic")
    assert sum(e.label is None for e in examples) == 40
    # topics 0 and 3 never had a labelled row: nothing tells their group
    assert sum(e.label is None for e in told) == sum(row["topic"] in ("t0", "t3") for row in rows)
    mixed = [as_example({**row, "topic": f"t{n % 7}"}, "group", ()) for n, row in enumerate(rows)]
    assert finer(mixed, ()) is None


def test_bad_lines_are_named_and_the_rest_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["not json", "[1]", {"text": "no id"}, {"id": 1}, {"id": 2, "text": "x", "code": {"a": 1}}, {"id": True, "text": "x", "code": 1}]
    model = learnt(tmp_path, [*bad, *ROADS, *WATER], "code", status=1)
    err = capsys.readouterr().err
    assert [f"in.jsonl:{n}:" in err for n in range(1, 8)] == [True] * 6 + [False]
    answers = said(tmp_path, model, ["{", {"id": 1, "text": ""}, {"id": 2, "text": "😀\u202e\u0000 <b>=1+1"}, {"id": 3, "text": "яма " * 200_000}],
                   status=1)
    assert [a["id"] for a in answers] == [1, 2, 3]


@pytest.mark.parametrize(("rows", "target", "more", "words"), [
    (ROADS, "nosuch", (), "no row has a field `nosuch`; there are"),
    ([*ROADS, *WATER], "code", ("--context", "nosuch"), "no row has a field `nosuch`"),
    (ROADS, "code", (), "a model needs two"),
    ([], "code", (), "no rows"),
    ([{"id": 1, "text": "…", "code": 1}, {"id": 2, "text": "!", "code": 2}], "code", (), "no words"),
])
def test_rows_that_teach_nothing_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[Any], target: str,
                                              more: tuple[str, ...], words: str) -> None:
    assert not learnt(tmp_path, rows, target, *more, status=2).exists()
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


class Hostile:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> Any:
        return print, ("RUN BY A MODEL FILE",)


def spoilt() -> dict[str, bytes]:
    """Files that are no model, by name."""
    good = pack(fit([as_example(row, "code", ()) for row in [*ROADS, *WATER]], "code"))
    made = {"empty": b"", "cut": good[:-400], "text": b"hello", "pickle": pickle.dumps(Hostile())}
    out = io.BytesIO()
    np.savez(out, head=np.array([Hostile()], dtype=object))
    made["pickle inside"] = out.getvalue()
    with np.load(io.BytesIO(good)) as file:
        arrays = {name: file[name] for name in file.files}
    for name, value in (("weights", arrays["weights"][:-1]), ("bias", arrays["bias"] * np.float16("nan")),
                        ("head", arrays["head"][:-5]), ("rarity_0", arrays["rarity_0"].astype("c8"))):
        out = io.BytesIO()
        np.savez(out, **{**arrays, name: value})
        made[f"wrong {name}"] = out.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("head.npy", bytes(1 << 24) * 65)
    made["bomb"] = out.getvalue()
    return made


def test_a_broken_or_hostile_model_is_one_line_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = write(tmp_path / "ask.jsonl", [{"id": 1, "text": "яма"}])
    for name, data in spoilt().items():
        (tmp_path / "bad.model").write_bytes(data)
        assert main(["learn", "predict", str(tmp_path / "bad.model"), str(ask), "--out", str(tmp_path / "out.jsonl")]) == 2, name
        printed = capsys.readouterr()
        assert "RUN BY" not in printed.out + printed.err, name
        assert printed.err.count("\n") == 1, name
        assert "bad.model" in printed.err, name
    with pytest.raises(BrokenModel):
        unpack(b"PK\x03\x04" + bytes(100))


def test_why_names_the_words_that_spoke_for_the_label(tmp_path: Path) -> None:
    model = learnt(tmp_path, [*ROADS, *WATER], "code")
    answer, = said(tmp_path, model, [{"id": 1, "text": "Здравствуйте, у нас выбоина на дороге"}], "--why")
    assert answer["label"] == 7
    assert {"выбоина", "дороге"} & {word["text"] for word in answer["why"][:2]}
    assert len(answer["model"]) == 16


def test_a_model_comes_into_force_only_if_it_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "subject": row["topic"]} for row in posts()]
    sample, rest = rows[::4], [row for i, row in enumerate(rows) if i % 4]
    apart, models = write(tmp_path / "sample.jsonl", sample), tmp_path / "models"
    weak = learnt(tmp_path, rest[:120], "subject", "--apart", str(apart), name="weak.model")
    strong = learnt(tmp_path, rows, "subject", "--apart", str(apart), name="strong.model")     # the sample is left out of `rows`
    cheat = learnt(tmp_path, rows[:120], "subject", name="cheat.model")

    def adopt(model: Path) -> int:
        return main(["learn", "adopt", str(model), "--models", str(models), "--sample", str(apart)])

    assert [adopt(weak), adopt(strong)] == [0, 0]
    assert adopt(cheat) == 2
    assert "may have learnt" in capsys.readouterr().err
    kept = json.loads((models / "in-force.json").read_text())["subject"]
    assert len(kept) == 2
    assert all((models / f"{name}.model").is_file() for name in kept)
    assert adopt(weak) == 1
    assert "does not win" in capsys.readouterr().out
    assert json.loads((models / "in-force.json").read_text())["subject"] == kept
    assert main(["learn", "compare", str(weak), str(strong), str(apart)]) == 0
    table = capsys.readouterr().out
    assert "\nkk " in table
    assert "\nru " in table


def test_a_channel_that_changed_is_told_and_one_that_did_not_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "id": f"{name}-{n}-{row['id']}", "text": f"{row['text']} {n}", "source": name} for n in range(20) for name in ("vk", "portal")
            for row in (ROADS if n % 2 else WATER)]
    model = learnt(tmp_path, rows, "code")
    same = [{**row, "id": i} for i, row in enumerate(rows[::7])]
    assert main(["learn", "drift", str(model), str(write(tmp_path / "new.jsonl", same))]) == 0
    turned = [{"id": i, "text": "нет воды в кране", "source": "vk"} for i in range(120)]
    foreign = [{"id": f"f{i}", "text": f"the quick brown fox jumps over {i} lazy dogs", "source": "\x1b[31mchat"} for i in range(80)]
    assert main(["learn", "drift", str(model), str(write(tmp_path / "new.jsonl", [*same, *turned, *foreign]))]) == 1
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "DRIFTED" in lines["vk"]
    assert "DRIFTED" not in lines["portal"]
    assert "DRIFTED" in lines["?[31mchat"]


def test_corrections_come_out_as_labelled_rows(tmp_path: Path) -> None:
    from sqlalchemy import insert, select, update

    from monitor.store.posts import store_posts
    from monitor.store.tables import correction, post, verdict

    url, at = f"sqlite:///{tmp_path}/q.db", datetime(2026, 3, 1, tzinfo=UTC)
    db = Database(url)
    upgrade(db)
    with db.begin() as c:
        stored = store_posts(c, [Post(network="vk", source="vk", native_id=str(n), text=f"текст {n}", published_at=at,
                                      author=Author("secret-key", "Айгүл")) for n in range(4)], at)
        for n, id_ in enumerate(stored.ids):
            c.execute(insert(verdict).values(post_id=id_, judged_at=at, ruleset="r1", decision="triage", state="triage",
                                             addressed=True, score=0.5, akimat="551000000", topic="roads", language="ru"))
            c.execute(insert(correction).values(post_id=id_, at=at, by=1, action=("take", "not_addressed", "other_akimat", "take")[n],
                                                akimat="750000000" if n == 2 else None, before_state="triage"))
        c.execute(update(post).where(post.c.id == stored.ids[3]).values(text="", expired_at=at))
        again = c.execute(insert(correction).values(post_id=stored.ids[0], at=at, by=1, action="not_addressed", before_state="ticket",
                                                    undone_at=at, undone_by=1).returning(correction.c.id)).scalar_one()
        assert c.execute(select(correction.c.undone_at).where(correction.c.id == again)).scalar_one() is not None
    db.close()
    out = tmp_path / "out.jsonl"
    assert main(["learn", "export", "--db", url, "--out", str(out)]) == 0
    rows = read(out)
    assert [(row["text"], row["addressed"], row["akimat"]) for row in rows] == [
        ("текст 0", "yes", "551000000"), ("текст 1", "no", None), ("текст 2", "yes", "750000000")]
    assert "secret-key" not in out.read_text("utf-8")
    assert "Айгүл" not in out.read_text("utf-8")


def test_networks_and_a_finer_field_answer_the_same_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.learning.model.NETWORK_FROM", 100)
    rows = [{**row, "id": n, "finer": f"{row['code']}-{n % 3}"} for n, row in enumerate([*ROADS, *WATER] * 2)]
    made = fit([as_example(row, "code", ("where",)) for row in rows], "code", ("where",))
    assert made.networks
    assert made.stack is not None
    again = unpack(pack(made))
    ask = [as_example({"id": n, "text": text, "where": "юг"}, None, ("where",)) for n, text in enumerate(("яма", "нет воды", "", "қар"))]
    assert answers(made, ask) == answers(again, ask)
    assert pack(again) == pack(made)
    assert [a.label for a in answers(again, ask)[:2]] == [7, 3]


def test_few_rows_are_read_by_three_and_answer_the_same_from_a_file() -> None:
    rows = [{**row, "id": n, "district": f"d{n % 4}", "free": f"note {n}"} for n, row in enumerate([*ROADS, *WATER] * 3)]
    made = fit([as_example(row, "who", ()) for row in rows], "who", ())
    assert made.side is not None
    assert len(made.side.fields) == 3       # code, where and district come again and again; what stands once is no label
    again = unpack(pack(made))
    ask = [as_example({"id": n, "text": text}, None, ()) for n, text in enumerate(("выбоина на дороге", "нет воды, сухо", ""))]
    assert answers(made, ask) == answers(again, ask)
    assert [a.label for a in answers(again, ask)[:2]] == ["юг-roads", "север-water"]
    with np.load(io.BytesIO(pack(made))) as file:
        arrays = {name: file[name] for name in file.files}
    out = io.BytesIO()
    np.savez(out, **{**arrays, "over_weights": arrays["over_weights"][:-1]})
    with pytest.raises(BrokenModel, match="over_weights"):
        unpack(out.getvalue())


def test_a_topic_read_from_the_text_and_the_place_tell_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.learning.model.NETWORK_FROM", 100)
    rows = [{**row, "id": n, "who again": row["who"], "spoken": f"note {n}"} for n, row in enumerate([*ROADS, *WATER] * 2)]
    made = fit([as_example(row, "who", ("where",)) for row in rows], "who", ("where",))
    assert made.way is not None
    assert made.facts.way == "code", "not the label under another name, and not what is never the same twice"
    again = unpack(pack(made))
    ask = [as_example({"id": n, "text": text, "where": place}, None, ("where",))
           for n, (text, place) in enumerate([("яма на дороге", "юг"), ("нет воды", "север"), ("нет воды", "восток"), ("", "юг")])]
    assert answers(made, ask) == answers(again, ask)
    assert [a.label for a in answers(again, ask)[:2]] == ["юг-roads", "север-water"]
    with np.load(io.BytesIO(pack(made))) as file:
        arrays = {name: file[name] for name in file.files}
    for spoilt in (arrays["way_table"] + 9, arrays["way_table"] * -1, arrays["way_table"][:, :3], arrays["way_table"][:0]):
        out = io.BytesIO()
        np.savez(out, **{**arrays, "way_table": spoilt})
        with pytest.raises(BrokenModel, match="way_table"):
            unpack(out.getvalue())
