"""An akimat's own account, by its handle, is never a citizen; a citizen's name never makes one of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from config.knowledge import load_knowledge
from monitor.core.judge import Judge
from monitor.core.post import Author, Post

TEXT = "Акимат Павлодара! На улице Естая у дома 7 третий день нет воды, примите меры"


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(load_knowledge())


@pytest.mark.parametrize(("author", "decision"), [
    ("@akimat_pavlodar", "ignore"), ("semey_akimdigi", "ignore"), ("Пресс-служба (@akimat_pavlodar)", "ignore"),
    ("aigul_pvl", "register"), ("Акимат Павлодара", "register"), ("Аким Сейтов (@akim_s)", "register"), ("", "register"),
])
def test_own_accounts_are_told_by_their_handle(judge: Judge, author: str, decision: str) -> None:
    post = Post("vk", "test", "1", TEXT, datetime(2026, 11, 23, tzinfo=UTC), author=Author("1", author))
    assert judge(post).decision == decision
