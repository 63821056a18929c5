"""The check against the specification can fail, and is at work in the fake."""

from __future__ import annotations

import pytest
from bot_spec import SPEC, Spec
from fake_api import BOT, FakeTelegram

from tests.conftest import not_beside
from ticketing.notify.telegram import StaffBot


@pytest.fixture
def spec() -> Spec:
    found = Spec.load()
    if found is None:
        not_beside(f"the Bot API specification ({SPEC})")
    assert found is not None
    return found


@pytest.mark.parametrize(("method", "given", "fault"), [
    ("sendMessage", {"chat_id": "1"}, "'text' is required"),
    ("sendMessage", {"chat_id": "1", "text": "x", "colour": "red"}, "no parameter 'colour'"),
    ("sendMessage", {"chat_id": "1", "text": "x", "reply_markup": '{"inline_keyboard": [{}]}'}, "is no array"),
    ("answerCallbackQuery", {"callback_query_id": "1", "show_alert": "perhaps"}, "is no Boolean"),
    ("sendPigeon", {}, "no such method")])
def test_faults_of_calls_are_seen(spec: Spec, method: str, given: dict[str, str], fault: str) -> None:
    assert any(fault in found for found in spec.call(method, given))


@pytest.mark.parametrize("result", [None, {"message_id": 1}, {"message_id": "1", "date": 1, "chat": {"id": 1, "type": "private"}},
                                    {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "mood": "good"}])
def test_faults_of_replies_are_seen(spec: Spec, result: object) -> None:
    assert spec.reply("sendMessage", result)


def test_a_right_call_and_reply_have_none(spec: Spec) -> None:
    assert spec.call("sendMessage", {"chat_id": "1", "text": "1", "link_preview_options": '{"is_disabled": true}'}) == []
    assert spec.reply("getMe", BOT) == []


async def test_the_fake_notes_what_its_callers_do_wrong(spec: Spec, bot: StaffBot, api: FakeTelegram) -> None:
    api.chat(1)
    await bot.send_message(1, "x", api_kwargs={"colour": "red"})
    assert any("colour" in fault for fault in api.faults)
    api.faults.clear()
