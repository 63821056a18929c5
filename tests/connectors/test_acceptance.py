"""Every connector passes every check of the shared suite, from its recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from cases import CASES
from stage import RECORDINGS, Stage, recording

import connectors
from monitor.http import WebHttp
from qulaq_kit.acceptance import CHECKS, Check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", sorted(CASES))
async def test_connector(name: str, check: Check, tmp_path: Path) -> None:
    async with Stage(recording(name), tmp_path) as stage, WebHttp(timeout=5) as http:
        await check(CASES[name], stage, http)


def test_no_connector_is_left_out() -> None:
    assert connectors.networks() == sorted(CASES)
    assert sorted(path.stem for path in RECORDINGS.glob("*.json")) == sorted(CASES)
    for name in CASES:
        assert connectors.find(name) is CASES[name].connector


def test_an_unknown_network_is_named_with_those_there_are() -> None:
    for name in ("vkontakte", "base", "feed", "markup", "../base", ""):
        with pytest.raises(connectors.UnknownNetwork, match="replay, rss, telegram"):
            connectors.find(name)
