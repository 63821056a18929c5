"""What codes of surges are called, the same on pages, in messages and in papers. English ids; surge_pages.po has kk and ru."""

from __future__ import annotations

from config.languages import N_

VERDICT = {
    "coordinated": N_("signs of coordination"), "organised": N_("openly organised"), "organic": N_("natural surge"),
    "inconclusive": N_("not enough to judge"),
}
KIND = {
    "copies": N_("one text"), "tag": N_("one hashtag"), "link": N_("one link"), "phone": N_("one phone number"),
    "volume": N_("many posts"), "image": N_("one image"),
}
FAMILY = {
    "wording": N_("Wording"), "synchrony": N_("Timing"), "marker": N_("Shared mark"), "companions": N_("Same company"),
    "newcomers": N_("New voices"), "networks": N_("Networks"), "concentration": N_("Posts per author"),
    "age": N_("Age of accounts"), "padding": N_("Words exchanged in place"), "image": N_("Images"),
}
SIGNAL = {
    "copies": N_("authors of nearly the same text"), "copied_share": N_("authors who repeat each other"),
    "synchrony": N_("authors at nearly the same time"), "burst": N_("authors within one minute"),
    "companions": N_("authors together in one earlier group"), "repeaters": N_("authors who copied before"),
    "newcomers": N_("authors not heard here before"), "networks": N_("networks with the same text"),
    "tag": N_("authors with one hashtag"), "link": N_("authors with one link"), "phone": N_("authors with one phone number"),
    "concentration": N_("posts per author"), "image": N_("authors with one image"),
    "template": N_("authors of one text with words exchanged"), "padding": N_("texts with words exchanged in place"),
    "phrase": N_("authors of the same few words"), "young_accounts": N_("accounts younger than a month"),
}
COUNTER = {
    "subject": N_("the stream is full of the same subject in other words"),
    "own_details": N_("the authors give details of their own"), "own_words": N_("most authors write in their own words"),
    "reposts": N_("open reposts outnumber copies"), "old_text": N_("the text has been going round for more than a day"),
    "open_call": N_("the text openly asks to be copied or signed"),
    "known_voices": N_("most authors have long been writing here in words of their own"),
    "usual_copies": N_("similar texts are usual in this stream"),
    "unknown_authors": N_("the network does not say who wrote"), "few_authors": N_("too few authors to judge"),
    "talk": N_("people talk back and forth"), "nameless": N_("a name stands for a post here, so authors cannot be counted"),
    "place_request": N_("the text asks an office or for something at a place"),
    "quoted_notice": N_("a notice or practical help is being passed on"),
    "plain_words": N_("the text accuses nobody, frightens nobody and praises nobody"),
}
DECISION = {
    "confirm": N_("confirmed"), "dismiss": N_("dismissed"), "watch": N_("being watched"), "note": N_("note"),
    "send": N_("sent to a channel"), "outcome": N_("outcome"), "explain": N_("explanation given out"),
}
MARK = {
    "V": N_("read in the source"), "S": N_("from a secondary source"), "M": N_("to be confirmed by a lawyer"),
}
ALERT = {
    "waiting": N_("waits"), "sent": N_("sent"), "joined": N_("joined with another alert"), "dropped": N_("no longer needed"),
}
ALERT_REASON = {
    "quiet": N_("quiet hours"), "throttled": N_("an alert for this akimat and topic went out a short while ago"),
    "joined": N_("said together with a newer one"), "decided": N_("a person decided first"),
    "nobody": N_("the office has nobody to tell"), "old": N_("it was over before it could be told"),
}
DELIVERY = {"queued": N_("waits to be sent"), "sent": N_("delivered to Telegram"), "dead": N_("could not be delivered")}
