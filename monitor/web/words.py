"""The words for codes: the same word for the same thing on every page. English ids; web.po holds kk and ru."""

from __future__ import annotations

from config.languages import N_
from ticketing.reply import SAID
from ticketing.reply.templates import KINDS

KIND = {
    "complaint": N_("complaint"), "application": N_("application"), "proposal": N_("proposal"),
    "message": N_("message"), "response": N_("response"), "inquiry": N_("inquiry"),
}
LANGUAGE = {
    "kk": N_("Kazakh"), "ru": N_("Russian"), "mixed": N_("mixed language"),
    "kk_plain": N_("Kazakh without its letters"),
       "kk_latin": N_("Kazakh in Latin script"), "en": N_("English"), "other": N_("other language"),
}
STATUS = {
    "registered": N_("waits for acceptance"), "assigned": N_("waits for acceptance"), "accepted": N_("in hand"),
    "answered": N_("answered"), "closed": N_("closed"), "redirected": N_("redirected"), "merged": N_("merged"),
    "not_examined": N_("not examined"), "void": N_("void"),
}
STATE = {
    "triage": N_("needs a decision"), "not_addressed": N_("not addressed"), "duplicate": N_("duplicate"),
    "ignored": N_("passed over"), "own": N_("the office's own post"), "elsewhere": N_("for an akimat not served here"),
    "revision": N_("edited"), "ticket": N_("registered"), "attached": N_("copy"),
}
LATE = N_("late")
SOURCE = {
    "new": N_("not asked yet"), "up": N_("heard"), "down": N_("silent"), "waiting": N_("told to wait"),
    "refused": N_("refuses us"), "damaged": N_("unreadable"), "off": N_("switched off"),
}
ROLE = {
    "viewer": N_("viewer"), "press": N_("press officer"), "officer": N_("officer"), "head": N_("head"),
    "controller": N_("controller"), "operator": N_("operator"),
}
DONE = {
    "take": N_("taken into the register"), "not_addressed": N_("set aside as not addressed"),
    "other_akimat": N_("given to another akimat"), "correct": N_("corrected"),
}
URGENCY = {"urgent": N_("urgent"), "normal": N_("not urgent")}
FILTER_STATE = {
    "waiting": N_("needing a decision"), "new": N_("waiting for acceptance"), "hand": N_("being worked on"),
    "late": N_("overdue"), "done": N_("done"), "dismissed": N_("set aside by people"),
    "ignored": N_("passed over by detection"),
}
FILTER_PERIOD = {"24h": N_("the last 24 hours"), "7d": N_("the last 7 days"), "30d": N_("the last 30 days")}
FILTER_LANGUAGE = {
    "kk": N_("in Kazakh"), "ru": N_("in Russian"), "mixed": N_("in both languages"), "other": N_("in another language"),
}
ENTRY = {
    "register": N_("entered in the register"), "assign": N_("assigned"), "accept": N_("accepted"),
    "readdress": N_("given to another akimat of the office"), "redirect": N_("redirected to another office"),
    "attach": N_("the same text attached"), "revise": N_("the post was edited or deleted"),
    "propose_redirect": N_("an edit names another akimat"), "void": N_("made void"), "restore": N_("restored"),
    "correct": N_("corrected"),
    "ask": N_("a question was asked"), "reply": N_("a question was answered"), "interim": N_("interim answer"),
    "extend": N_("the term was extended"), "pause": N_("the clock of the term stands"), "resume": N_("the clock of the term goes on"),
    "recount": N_("the date was counted again: it is earlier"), "redirect_outside": N_("passed to another body"),
    "external": N_("official number"), "guide": N_("the citizen was shown the way to an official appeal"),
    "tell": N_("an obligation was kept"), "merge": N_("merged into"), "absorb": N_("another card was merged into it"),
    "unmerge": N_("parted again"), "release": N_("a merged card was parted from it"), "draft": N_("an answer was written"),
    "return": N_("the answer was given back"), "approve": N_("the answer was approved"), "publish": N_("the answer was sent out"),
    "answer": N_("the answer stands in public"), "posted": N_("stands in the thread"), "close": N_("closed"),
    "reopen": N_("taken up again"), "rate": N_("the citizen judged the answer"),
    "not_examine": N_("left without examination"),
    "file": N_("closed in its own system"), "erase": N_("texts erased"), "photo": N_("a photo was attached"),
}
ANSWER = {
    "draft": N_("draft, waits for approval"), "approved": N_("approved, not published yet"), "publishing": N_("being published"),
    "published": N_("published"), "failed": N_("reached nobody"),
}
TONGUE = {"kk": N_("in Kazakh"), "ru": N_("in Russian"), "both": N_("in both languages")}
WARNING = SAID
TEMPLATE = KINDS
TOLD = {
    "answer": N_("the office’s answer"), "extended": N_("notice of the extension"), "redirected": N_("notice of the redirect"),
    "not_examined": N_("notice that it was not examined"), "guide": N_("the way to an official appeal"),
    "question": N_("question to the citizen"), "registered": N_("number and code"), "confirmed": N_("number, said by the program"),
}
DELIVERY = {
    "queued": N_("waits to be sent"), "sending": N_("on its way"), "sent": N_("delivered"), "dead": N_("not delivered"),
    "by_hand": N_("to be posted by hand"),
}
CALLED_BACK = {
    "waiting": N_("still to be called back:"), "deleted": N_("deleted:"), "edited": N_("emptied:"),
    "could_not": N_("could not be called back:"),
}
OWED = {
    "promise": N_("promised in the answer"), "tell_extended": N_("to tell the citizen of the extension"),
    "tell_redirected": N_("to tell the citizen of the redirect"),
}
CHOSEN = {
    "named": N_("named by the rule"), "deputy": N_("stands in for an absent colleague"),
    "least_loaded": N_("has the fewest open tickets of the department"), "role": N_("has the role that the rule names"),
    "duty": N_("nobody else is there: the duty officer"),
}
# The departments that config/knowledge/topics names; those of an office's own routing are shown as it wrote them.
DEPARTMENT = {
    "economy": N_("economy"), "education": N_("education"), "improvement": N_("improvement of the town"),
    "land": N_("land and construction"), "roads": N_("roads and transport"), "social": N_("social protection"),
    "utilities": N_("utilities and housing"),
}
REASON = {
    "addressee": N_("names the akimat or its akim"), "request": N_("a request"), "order": N_("asks to act"),
    "wish": N_("says what the authority should do"), "you": N_("speaks to somebody"), "ask": N_("a question"),
    "reproach": N_("a reproach"), "thanks": N_("thanks"), "propose": N_("a proposal"), "trouble": N_("a trouble"),
    "news": N_("sounds like news"), "advert": N_("sounds like an advert"), "joke": N_("a joke"),
    "beside": N_("the building as a landmark"), "at_building": N_("the building as a landmark"),
    "peers": N_("speaks to neighbours or friends"), "occasion": N_("a cup, a contest or congratulations"),
    "bygone": N_("about the past"), "reported": N_("tells what others wrote"),
    "reply_official": N_("a reply to an official account"), "mention_official": N_("mentions an official account"),
    "abroad": N_("about another country"), "other_body_first": N_("speaks to another body first"),
    "to_person": N_("speaks to a private person"), "question_mark": N_("a question"), "topic": N_("topic word"),
    "kind": N_("a word of this kind of message"), "urgent": N_("a sign of danger"), "place": N_("the place"),
    "self": N_("speaks of one's own life"), "asks_peers": N_("asks other readers"), "official": N_("sounds like an office's answer"),
    "re": N_("a reply to an official account"), "own_account": N_("the account of an akimat itself"),
    "topic_learned": N_("learnt from this office's history"), "topic_listed": N_("the word lists would say another topic"),
    "proposed_executor": N_("who answered such messages before"), "proposed_department": N_("which department answered such messages before"),
    "imported": N_("a card of another system"), "lodged": N_("lodged with the akimat itself"),
}
TARGET = {"topic": N_("the topic"), "executor": N_("the executor"), "department": N_("the department")}
RULE = {
    "first_reaction": N_("to the first answer"), "first_reaction_urgent": N_("to the first answer, urgent"),
    "final": N_("to the final answer"),
}
NETWORK = {
    "rss": "RSS", "telegram": "Telegram", "telegram_web": "Telegram", "instagram": "Instagram", "facebook": "Facebook",
    "vk": "VK", "ok": "OK", "youtube": "YouTube", "threads": "Threads", "x": "X", "tiktok": "TikTok",
    "whatsapp": "WhatsApp", "mastodon": "Mastodon", "bluesky": "Bluesky", "email": "E-mail", "replay": "Replay",
    "webhook": N_("another system"), "http_json": N_("web service"),
    "bot": N_("our bot"), "reception": N_("personal reception"), "call": N_("telephone call"), "hand": N_("by hand"),
}
LANG_TAG = {"kk": "kk", "kk_plain": "kk", "kk_latin": "kk-Latn", "ru": "ru", "mixed": "kk", "en": "en"}
"""What screen readers and hyphenation are told of a post; nothing where the language is not known."""


def network(code: str) -> str:
    """The network's own name."""
    return NETWORK.get(code) or NETWORK.get(code.split("_", 1)[0]) or code
