"""The connector kit: everything to prove a connector of one's own by the suite that Qulaq's own connectors pass.

A test of a package is three lines (docs/adding-a-connector.md):

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_ekran(check, tmp_path):
        prove(Case(Ekran, {"url": "URL", "token": "s3cret"}, secret="s3cret"), RECORDING, check, tmp_path)
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from monitor.http import WebHttp
from qulaq_kit.acceptance import CHECKS, Check
from qulaq_kit.stage import Answer, Case, Recording, Stage

__all__ = ["CHECKS", "Answer", "Case", "Check", "Recording", "Stage", "prove", "proved"]


def prove(case: Case, recording: Path, check: Check, folder: Path) -> None:
    """Run one check against a connector, over real HTTP from its recording; AssertionError where it does not hold."""
    asyncio.run(proved(case, recording, check, folder))


async def proved(case: Case, recording: Path, check: Check, folder: Path) -> None:
    """The same inside an event loop."""
    async with Stage(Recording.load(recording), folder) as stage, WebHttp(timeout=5) as http:
        await check(case, stage, http)
