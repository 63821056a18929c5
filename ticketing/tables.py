"""Tables of the register, of tickets and of people. They share the metadata of `monitor.store.tables`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from monitor.store.columns import Id, Json, Utc
from monitor.store.tables import metadata

# A ticket is the fold of its entries; this row is that fold, kept for queries.
ticket = Table(
    "ticket", metadata,
    Column("id", Id, primary_key=True),
    Column("number", Text, nullable=False, unique=True),     # ӘЖ-551-2026-000123
    Column("office", Text, nullable=False),                  # KATO code (9 digits) of the registering office
    Column("series", Text, nullable=False),                  # ӘЖ, ҚБ, ЧБ
    Column("year", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("status", Text, nullable=False),                  # ticketing.ticket.STATUSES
    Column("akimat", Text, nullable=False),                  # the addressee; the office is the nearest configured one above it
    Column("also", Json),                                    # codes of a second addressee
    Column("department", Text, nullable=False),
    Column("responsible", Integer, ForeignKey("account.id")),  # null: the office's duty officer, whoever that is
    Column("assigned_by", Json, nullable=False),             # the reason: {rule, ...} of ticketing.routing
    Column("topic", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("location_text", Text),
    Column("received_at", Utc, nullable=False),
    Column("registered_at", Utc, nullable=False),
    Column("due_first", Utc, nullable=False),
    Column("due_first_derivation", Json, nullable=False),
    Column("due_final", Utc, nullable=False),
    Column("due_final_derivation", Json, nullable=False),
    Column("proposal", Json),                                # {"redirect": code, "post": id}: waits for a person
    Column("parent", Text),
    Column("external_number", Text),                         # of an official appeal or another system's card
    Column("first_reaction_at", Utc),
    Column("closed_at", Utc),
    Column("merged_into", Text),                             # number of the card that answers for this one
    Column("no_external", Text),                             # why a reception or a call has no official number
    Column("ground", Text),                                  # of a card left without examination
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("reopenings", Integer, nullable=False, server_default="0"),
    Column("paused_until", Utc),                             # the clock of the final answer stands, at most until then
    Column("solved", Boolean),                               # what the citizen says
    Column("mark", Integer),                                 # 1 to 5, the citizen's, for the answer
    UniqueConstraint("office", "series", "year", "seq"),
    Index("ix_ticket_office_status", "office", "status"),
    Index("ix_ticket_responsible", "responsible"),
    Index("ix_ticket_merged_into", "merged_into"),
    Index("ix_ticket_paused", "paused_until", sqlite_where=text("paused_until is not null"),
          postgresql_where=text("paused_until is not null")),
)

# Which posts a ticket stands on. `text_key` finds the same text on another network.
ticket_post = Table(
    "ticket_post", metadata,
    Column("post_id", Id, ForeignKey("post.id"), primary_key=True, autoincrement=False),
    Column("ticket_id", Id, ForeignKey("ticket.id"), nullable=False, index=True),
    Column("role", Text, nullable=False),                    # origin, copy, revision
    Column("network", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("akimat", Text, nullable=False),
    Column("text_key", LargeBinary(16), nullable=False),
    Column("author_key", Text, nullable=False),
    Column("published_at", Utc, nullable=False),
    Index("ix_ticket_post_text", "text_key"),
    Index("ix_ticket_post_native", "network", "native_id"),
)

# The register: append-only, one chain per office. The columns are text because they are the bytes that are hashed.
entry = Table(
    "entry", metadata,
    Column("office", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("ticket", Text, nullable=False, index=True),      # number
    Column("at", Text, nullable=False),                      # ISO 8601, UTC, microseconds
    Column("actor", Text, nullable=False),                   # system, user:ID, citizen
    Column("action", Text, nullable=False),
    Column("details", Text, nullable=False),                 # canonical JSON: codes, ids, commitments
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# One row per office, locked last in a transaction: its lock gives number and hash.
head = Table(
    "head", metadata,
    Column("office", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("numbers", Json, nullable=False),                 # {"ӘЖ-2026": 123}
    Column("at", Text),                                      # of the last entry; null before the first one
)

# Heads as they were published, each naming the one before: what vanished since one of them shows. docs/register.md
published_head = Table(
    "published_head", metadata,
    Column("id", Id, primary_key=True),
    Column("at", Text, nullable=False),                      # ISO 8601, UTC, microseconds, as in the document
    Column("document", Text, nullable=False),                # the bytes of the file
)

# An erasure: asked for by a citizen or an operator, or by retention. What it destroyed is told by its counts alone.
erasure = Table(
    "erasure", metadata,
    Column("id", Id, primary_key=True),
    Column("number", Text),                                  # ticket; null where the post had none
    Column("asked_at", Utc, nullable=False),
    Column("due_at", Utc, nullable=False),                   # a demand is met within 1 working day (Law 94-V)
    Column("by", Text, nullable=False),                      # citizen, user:ID, operator, retention
    Column("why", Text, nullable=False),                     # demand, order, retention
    Column("done_at", Utc),                                  # null: it waits
    Column("refused_at", Utc),
    Column("note", Text, nullable=False, server_default=""),  # the reason, for those who look it up; no citizen's words
    Column("counts", Json),                                  # rows by table
    Index("ix_erasure_waits", "due_at", sqlite_where=text("done_at is null"), postgresql_where=text("done_at is null")),
    sqlite_autoincrement=True,
)

# The erasable half of an entry: text and salt behind a commitment. Erasing empties both.
sealed = Table(
    "sealed", metadata,
    Column("office", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("field", Text, primary_key=True),
    Column("salt", LargeBinary(16)),
    Column("text", Text),                                    # null where the text is the post's own
    Column("post_id", Id, ForeignKey("post.id")),
    Index("ix_sealed_post", "post_id", sqlite_where=text("post_id is not null"), postgresql_where=text("post_id is not null")),
)

# What is to be sent to whom, drained by ticketing.outbox.
delivery = Table(
    "delivery", metadata,
    Column("id", Id, primary_key=True),
    Column("about", Text, nullable=False),                   # ticket number; of a notice, what its writer calls it
    Column("kind", Text, nullable=False),                    # new_ticket, proposal, ...
    Column("channel", Text, nullable=False),                 # telegram, email, webhook; reply:NETWORK to a citizen
    Column("recipient", Text, nullable=False),               # user:ID or duty:OFFICE, resolved when it is sent; post:ID
    Column("state", Text, nullable=False),                   # queued, sent, dead; sending, by_hand: ticketing.answering
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Utc, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("sent_at", Utc),
    Column("reason", Text),                                  # why it waits or died
    Column("handle", Json),                                  # what the channel gave back: {"chat": 1, "message": 2}, for edits
    Column("body", Json),                                    # of a notice: {"html": {language: text}, "png": base64}; erasable
    UniqueConstraint("about", "kind", "channel", "recipient"),
    Index("ix_delivery_due", "state", "next_try_at"),
)

# What the office says to the citizen. Each wording that an entry commits to lies in `sealed`, the last one here.
answer = Table(
    "answer", metadata,
    Column("id", Id, primary_key=True),
    Column("ticket", Text, nullable=False, index=True),      # number
    Column("kind", Text, nullable=False),                    # final, interim
    Column("language", Text, nullable=False),                # kk, ru, both
    Column("text", Text),                                    # erasable: null once erased
    Column("state", Text, nullable=False),                   # draft, approved, publishing, published, failed
    Column("version", Integer, nullable=False),              # grows with each wording: who saves an old one is told
    Column("warnings", Json, nullable=False),                # codes of the checks on this wording
    Column("author", Integer, ForeignKey("account.id"), nullable=False),
    Column("approver", Integer, ForeignKey("account.id")),
    Column("remark", Text),                                  # why it went back to its author; erasable
    Column("made_at", Utc, nullable=False),
    Column("approved_at", Utc),
    Column("published_at", Utc),
)

# A question about a ticket to a colleague, or (`asked` null) to the citizen; both texts are erasable.
question = Table(
    "question", metadata,
    Column("id", Id, primary_key=True),
    Column("ticket", Text, nullable=False, index=True),
    Column("by", Integer, ForeignKey("account.id"), nullable=False),
    Column("asked", Integer, ForeignKey("account.id"), index=True),
    Column("text", Text),
    Column("at", Utc, nullable=False),
    Column("reply", Text),
    Column("replied_by", Integer, ForeignKey("account.id")),
    Column("replied_at", Utc),
)

# What an office owes a citizen by a date: kept or broken per office, never per person.
obligation = Table(
    "obligation", metadata,
    Column("id", Id, primary_key=True),
    Column("ticket", Text, nullable=False, index=True),      # number
    Column("kind", Text, nullable=False),                    # promise, tell_extended, tell_redirected
    Column("text", Text),                                    # the words of the promise; erasable
    Column("source", Text, nullable=False),                  # entry:OFFICE:SEQ or answer:ID that it comes from
    Column("due", Utc, nullable=False),
    Column("derivation", Json, nullable=False),
    Column("made_at", Utc, nullable=False),
    Column("kept_at", Utc),
    Column("broken_at", Utc),
    UniqueConstraint("ticket", "kind", "source", "due"),
    Index("ix_obligation_open", "due", sqlite_where=text("kept_at IS NULL AND broken_at IS NULL"),
          postgresql_where=text("kept_at IS NULL AND broken_at IS NULL")),
)

# Two cards that may be one matter: a person decides. It changes nothing by itself.
merge_proposal = Table(
    "merge_proposal", metadata,
    Column("id", Id, primary_key=True),
    Column("ticket", Text, nullable=False),                  # number of the card that would be merged
    Column("into", Text, nullable=False, index=True),        # number of the card that would go on
    Column("why", Json, nullable=False),                     # {"text": 0.93, "place": true, "topic": true, "hours": 5}
    Column("made_at", Utc, nullable=False),
    Column("state", Text, nullable=False),                   # open, merged, dismissed
    Column("decided_by", Integer, ForeignKey("account.id")),
    Column("decided_at", Utc),
    UniqueConstraint("ticket", "into"),
)

office = Table(
    "office", metadata,
    Column("code", Text, primary_key=True),                  # KATO code, 9 digits
    Column("name_kk", Text, nullable=False),
    Column("name_ru", Text, nullable=False),
    Column("duty", Integer, ForeignKey("account.id")),   # the duty officer
)

account = Table(
    "account", metadata,
    Column("id", Integer, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),                    # viewer, press, officer, head, controller, operator
    Column("office", Text),                                  # null: all offices
    Column("department", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False),                # kk, ru
    Column("password_hash", Text),                           # argon2; null: cannot sign in
    Column("telegram_id", Id, unique=True),                  # chat of the bound Telegram account
    Column("created_at", Utc, nullable=False),
    Column("disabled_at", Utc),                              # left: no sign-in, no Telegram
    sqlite_autoincrement=True,
)

absence = Table(
    "absence", metadata,
    Column("id", Integer, primary_key=True),
    Column("account", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("deputy", Integer, ForeignKey("account.id")),
    Column("reason", Text, nullable=False, server_default=""),
)

# Who has duty in an office for a time; `usual` is whom it goes back to. ticketing.rota turns it.
rota = Table(
    "rota", metadata,
    Column("id", Integer, primary_key=True),
    Column("office", Text, ForeignKey("office.code"), nullable=False, index=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("account", Integer, ForeignKey("account.id"), nullable=False),
    Column("state", Text, nullable=False, server_default="planned"),   # planned, on, over
    Column("usual", Integer, ForeignKey("account.id")),
)

# How a person wants to be told; without a row: Telegram, else nothing, in the office's hours.
reach = Table(
    "reach", metadata,
    Column("account", Integer, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("email", Text),
    Column("channels", Json),                                # ["email", "telegram"]: the first that there is
    Column("quiet", Json),                                   # ["21:00-09:00"]: beside the office's own
    Column("morning", Text),                                 # 09:00 in place of the office's; "" none
)

session = Table(
    "session", metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
)

# One-time link that binds a Telegram account to a person.
link = Table(
    "link", metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account", Integer, ForeignKey("account.id"), nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("used_at", Utc),
)

# A message in a chat, the tickets it shows, and whether it still has to be edited when one of them is taken.
staff_message = Table(
    "staff_message", metadata,
    Column("chat", Id, primary_key=True, autoincrement=False),
    Column("message", Id, primary_key=True, autoincrement=False),
    Column("ticket", Text, primary_key=True, index=True),
    Column("account", Integer, nullable=False),
    Column("open", Boolean, nullable=False),
    Index("ix_staff_message_open", "ticket", sqlite_where=text("open = 1"), postgresql_where=text("open")),
)

# The code that opens a card to its author on the status page: a salted, keyed hash of it. ticketing.access
access = Table(
    "access", metadata,
    Column("number", Text, primary_key=True),
    Column("salt", LargeBinary(16), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("made_at", Utc, nullable=False),
)

# What the citizens' bot waits for in a private chat; forgotten when nothing was said for a while. No words of anybody.
talk = Table(
    "talk", metadata,
    Column("chat", Id, primary_key=True, autoincrement=False),
    Column("language", Text),                                # kk, ru: what the citizen chose
    Column("akimat", Text),                                  # the one that was chosen last
    Column("state", Json),                                   # {"step": "akimat", "post": 17}; null: nothing
    Column("recent", Json),                                  # moments: cards filed, codes that were wrong, what we said
    Column("at", Utc, nullable=False),
    Index("ix_talk_at", "at"),
)

# What the staff bot is in the middle of asking somebody: it outlives a restart, and ends after a day.
dialogue = Table(
    "dialogue", metadata,
    Column("chat", Id, primary_key=True, autoincrement=False),
    Column("account", Integer, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("ticket", Text, nullable=False, index=True),      # number
    Column("form", Text, nullable=False),                    # a key of ticketing.bot.forms.FORMS
    Column("step", Text, nullable=False),                    # the field that is asked for; confirm; photo
    Column("data", Json),                                    # what was said so far; erasable
    Column("nonce", Id, nullable=False),                     # update that asked last: its buttons carry it
    Column("asked", Id),                                     # message of the question; null until it is said
    Column("at", Utc, nullable=False),
)

# What our bot said to staff with a card's words in it, and what became of it once these were erased. ticketing.notify.callback
spoken = Table(
    "spoken", metadata,
    Column("chat", Id, primary_key=True, autoincrement=False),
    Column("message", Id, primary_key=True, autoincrement=False),
    Column("ticket", Text, primary_key=True, index=True),    # number
    Column("at", Utc, nullable=False),
    Column("photo", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False),                   # stands; erased: waiting, deleted, edited, could_not
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Utc, nullable=False),
    Column("reason", Text),                                  # why it could not be called back
    Index("ix_spoken_waits", "next_try_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
)

# A picture as pages show it: made anew from what a citizen or staff attached, so that nothing but the picture is in it (no place,
# no camera). ticketing.pictures
picture = Table(
    "picture", metadata,
    Column("id", Id, primary_key=True),
    Column("post_id", Id, ForeignKey("post.id"), index=True),  # of a citizen's: the post, and which of its media
    Column("n", Integer, nullable=False),
    Column("photo", Id, ForeignKey("photo.id"), index=True),   # of staff's
    Column("ticket", Text, index=True),                      # of staff's: number
    Column("state", Text, nullable=False),                   # waiting, kept, failed, erased
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Utc, nullable=False),
    Column("reason", Text),                                  # why it cannot be shown
    Column("content", LargeBinary),                          # JPEG, at most 1600 pixels a side; erasable
    Column("small", LargeBinary),                            # JPEG, at most 320; erasable
    UniqueConstraint("post_id", "n"),
    UniqueConstraint("photo"),
    Index("ix_picture_waits", "next_try_at", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
)

# A Telegram group in which the staff of an office work.
staff_group = Table(
    "staff_group", metadata,
    Column("chat", Id, primary_key=True, autoincrement=False),
    Column("office", Text, nullable=False),
    Column("by", Integer, ForeignKey("account.id")),         # who bound it; null: the config
    Column("at", Utc, nullable=False),
    Column("lost_at", Utc),                                  # Telegram said that the bot is not in it any more
)

# A photo that staff attached to a card or to its answer. The content is erasable; the register holds its commitment.
photo = Table(
    "photo", metadata,
    Column("id", Id, primary_key=True),
    Column("ticket", Text, nullable=False, index=True),      # number
    Column("answer", Id, ForeignKey("answer.id"), index=True),  # null: a note of the office
    Column("by", Integer, ForeignKey("account.id"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("state", Text, nullable=False),                   # waiting, kept, failed, erased
    Column("file", Text, nullable=False),                    # Telegram's id of it
    Column("same", Text, nullable=False),                    # Telegram's id that stays the same: the same photo counts once
    Column("content", LargeBinary),
    UniqueConstraint("ticket", "same"),
)
