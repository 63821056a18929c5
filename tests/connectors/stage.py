"""The stage of the kit for our own networks: their recordings, and a real IMAP server where the network is e-mail."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from letterbox import Letterbox

import qulaq_kit.stage
from qulaq_kit.stage import Answer, Case, Recording, body_of

__all__ = ["RECORDINGS", "Answer", "Case", "Recording", "Stage", "body_of", "recording"]

RECORDINGS = Path(__file__).parent / "recordings"


def recording(name: str) -> Recording:
    """The recording of one of our networks."""
    return Recording.load(RECORDINGS / f"{name}.json")


class Stage(qulaq_kit.stage.Stage):
    """Plays a recording; letters lie in a mailbox."""

    letterbox: Letterbox | None = None

    async def __aenter__(self) -> Self:
        if self.recording.name == "email":
            self.letterbox = Letterbox()
            self.port = self.letterbox.port
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        if self.letterbox is not None:
            self.letterbox.close()

    def show(self, moment: str) -> None:
        """Play this moment of the recording from now on."""
        super().show(moment)
        if self.letterbox is not None:
            self.letterbox.fill([body_of(one) for one in self.recording.answers[moment]])
