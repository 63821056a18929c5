"""What a reminder says at its head, in the reader's language. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from babel.dates import format_date

from config.languages import N_, language
from ticketing.reminders import ESCALATE, Told

_WHAT: Mapping[str, str] = {
    "first": N_("first reaction"), "final": N_("final answer"), "promise": N_("promise to the citizen"),
    "tell_extended": N_("tell the citizen about the extension"), "tell_redirected": N_("tell the citizen where it went"),
}


def reminding(told: Told, tongue: str) -> str:
    """E.g. `⏰ Reminder · final answer: half of the time is over`; no word of the citizen's or of a person is in it."""
    _ = language(tongue).gettext
    what = _(_WHAT.get(told.what, N_("obligation")))
    if told.obligation is not None:
        day = datetime.strptime(told.due[:8], "%Y%m%d").date()  # noqa: DTZ007 - a day, no moment
        what += f" ({format_date(day, 'd MMMM', locale=tongue)})"
    if told.action == ESCALATE:
        return "⚠️ " + _("Overdue in your office · %s") % what
    if told.mark == "0":
        said = _("the deadline is now")
    elif told.mark.startswith("+"):
        said = _("the deadline has passed")
    elif told.mark == "50%":
        said = _("half of the time is over")
    else:
        said = _("the deadline is near")
    return f"⏰ {_('Reminder')} · {what}: {said}"
