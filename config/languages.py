"""Texts that users see: gettext catalogues in config/locale/{kk,ru,en}, read as .po so that nothing needs compiling.

Each part of the program has its own file (web.po, telegram.po, ticketing.po ...); all are merged. Message ids are English.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("kk", "ru", "en")
LOCALE = Path(__file__).parent / "locale"


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark a message for extraction; it is translated where it is shown."""
    return message


@cache
def language(code: str) -> GNUTranslations:
    """Translations into `code`; Russian where the language is unknown. English is the message itself."""
    if code not in LANGUAGES:
        code = "ru"
    merged = Catalog(locale=code)
    for path in sorted((LOCALE / code / "LC_MESSAGES").glob("*.po")):
        with path.open("rb") as file:
            part = read_po(file, locale=code)
        for message in part:
            if message.id and message.string and not message.fuzzy:
                merged.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)
