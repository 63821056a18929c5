"""The settings of reminders, quiet hours, e-mail and webhook: what is read, and the one line that says how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.reminders import quiet_spans
from config.settings import ConfigErrors, Settings, load


def read(tmp_path: Path, text: str, **environment: str) -> Settings:
    file = tmp_path / "q.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, None, environment=environment)


def test_all_of_it_is_read_and_no_secret_is_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, """
offices:
  - code: "551000000"
    reminders: {before: [50%, 2wd, 3wh], at_deadline: false, after_days: 0, head: 1wd, controller: "", morning: "09:00"}
    quiet: {hours: [21:00-08:00, 13:00-14:00], days_off: true, urgent_anyway: false}
email: {host: smtp.example.kz, sender: "Qulaq <q@example.kz>", user: q, password: {env: MAIL}}
webhook: {url: "https://edo.example.kz/q", secret: {env: HOOK}, actions: register}
""", MAIL="password-of-mail", HOOK="secret-of-the-webhook")
    own = settings.offices[0]
    assert own.reminders.before == ("50%", "2wd", "3wh")
    assert quiet_spans(own.quiet.hours) == ((0, 480), (780, 840), (1260, 1440))
    assert settings.email is not None
    assert settings.webhook is not None
    assert settings.email.password is not None
    assert settings.email.password.get_secret_value() == "password-of-mail"
    assert settings.webhook.actions == ("register",)
    assert "password-of-mail" not in repr(settings)
    assert "secret-of-the-webhook" not in repr(settings)


@pytest.mark.parametrize(("text", "said"), [
    ("offices: [{code: '551000000', quiet: {hours: 00:00-24:00}}]", "never end"),
    ("offices: [{code: '551000000', quiet: {hours: [00:00-12:00, 12:00-00:00]}}]", "never end"),
    ("offices: [{code: '551000000', quiet: {hours: 22-7}}]", "22:00-07:00"),
    ("offices: [{code: '551000000', reminders: {before: half}}]", "50%"),
    ("offices: [{code: '551000000', reminders: {head: soon}}]", "0wd"),
    ("offices: [{code: '551000000', reminders: {morning: 9:00}}]", "09:00"),
    ("email: {host: h, sender: q@example.kz, password: secret}", "{env: NAME}"),
    ("email: {host: h, sender: nobody}", "no e-mail address"),
    ("email: {host: h, sender: q@example.kz, security: ssl}", "starttls"),
    ("webhook: {url: 'ftp://x', secret: {env: HOOK}}", "https://"),
    ("webhook: {url: 'https://x.kz', secret: {env: SHORT}}", "16"),
    ("email: yes", "mapping"),
])
def test_each_mistake_is_one_line_that_says_how_to_mend_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        read(tmp_path, text, HOOK="secret-of-the-webhook", SHORT="short")
    assert said in str(refused.value.problems[0])
    assert "short" not in str(refused.value)
