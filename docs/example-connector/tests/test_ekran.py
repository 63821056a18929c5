"""Ekran proves itself: the suite of Qulaq's own connectors, over real HTTP, from one recording."""

from pathlib import Path

import pytest
from connectors.errors import BadPayload
from qulaq_kit import CHECKS, Case, prove

from qulaq_ekran import Ekran

EKRAN = Case(Ekran, {"url": "URL", "token": "s3cret-t0ken"}, secret="s3cret-t0ken",
             failures=((b'{"error": "no"}', BadPayload), (b"<html>", BadPayload)))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_ekran(check, tmp_path):
    prove(EKRAN, Path(__file__).with_name("ekran.json"), check, tmp_path)
