"""What the procedure lets staff choose from: every fault at its line, and never coordination as a ground."""

from __future__ import annotations

import pytest

from config.procedure import BUNDLED, ProcedureError, bundled, load_procedure


def test_each_ground_has_its_article_in_both_languages() -> None:
    for ground in bundled().grounds.values():
        assert "баб" in ground.article.kk
        assert "ст." in ground.article.ru


@pytest.mark.parametrize(("code", "ru"), [("surge", "Всплеск"), ("x1", "Признаки координации"), ("x2", "Массовое обращение"),
                                          ("x3", "Сообщение отправили боты")])
def test_that_people_agreed_to_write_is_no_ground(tmp_path, code, ru) -> None:
    path = tmp_path / "procedure.yaml"
    text = BUNDLED.read_text(encoding="utf-8")
    path.write_text(text.replace("bodies:\n", f"""  - code: {code}
    article: {{kk: "1-бап", ru: "ст. 1"}}
    sure: M
    kk: Себебі
    ru: {ru}
bodies:
""", 1), encoding="utf-8")
    with pytest.raises(ProcedureError, match=r"procedure\.yaml:\d+: grounds.*no ground to leave a message unexamined"):
        load_procedure(path)


def test_a_fault_is_one_line_that_says_where(tmp_path) -> None:
    path = tmp_path / "procedure.yaml"
    path.write_text(BUNDLED.read_text(encoding="utf-8").replace("code: police", "code: emergency"), encoding="utf-8")
    with pytest.raises(ProcedureError, match=r"procedure\.yaml:\d+: bodies\[1\]\.code: \"emergency\" stands here twice"):
        load_procedure(path)
