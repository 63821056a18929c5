"""Rows of a spreadsheet one after another, however large: XLSX by openpyxl's read-only mode, CSV with its delimiter and
encoding found out. A cell is text; a formula is never evaluated and is only text, too."""

from __future__ import annotations

import codecs
import csv
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from monitor.core.post import clean_text

SAMPLE = 64 * 1024
"""Bytes that the encoding and the delimiter are told by."""
LARGEST = 2 * 1024 ** 3
"""Bytes that an XLSX may unpack to: a few megabytes can hold a thousandfold (a zip bomb)."""
CYRILLIC = "kz1048"
"""What is not UTF-8 is the one-byte code of Kazakhstan (СТ РК 1048): the Kazakh letters, and else that of Windows-1251."""

Row = list[Any]


class UnusableSheet(Exception):
    """A file that is no spreadsheet; one line: what, where, how to mend."""


class BadRow(ValueError):
    """A row that cannot be read; the rows after it can."""


def rows(path: Path) -> Iterator[tuple[int, Row | BadRow]]:
    """Number (from 1) and cells of each row of the first sheet that has any. Raises UnusableSheet."""
    try:
        with path.open("rb") as file:
            sample = file.read(SAMPLE)
    except OSError as e:
        raise UnusableSheet(f"{path}: cannot be read: {e.strerror}") from e
    if sample.startswith(b"PK"):
        return _xlsx(path)
    if sample.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnusableSheet(f"{path}: is an old XLS (or protected by a password); save it as XLSX or CSV")
    return _csv(path, sample)


def _xlsx(path: Path) -> Iterator[tuple[int, Row | BadRow]]:
    from openpyxl import load_workbook  # half a second that other commands need not wait for
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > LARGEST:
                raise UnusableSheet(f"{path}: would unpack to more than {LARGEST // 1024 ** 3} GB; split it")
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except UnusableSheet:
        raise
    except Exception as e:      # the library raises whatever its parts raise
        raise UnusableSheet(f"{path}: is no XLSX that can be read ({type(e).__name__}); save it anew as XLSX or CSV") from e
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()    # files of other programs state a wrong size
            number = 0
            for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                yield number, list(cells)
            if number > 1:
                return
    except Exception as e:
        raise UnusableSheet(f"{path}: breaks off ({type(e).__name__}: {str(e)[:80]}); save it anew") from e
    finally:
        book.close()


def _csv(path: Path, sample: bytes) -> Iterator[tuple[int, Row | BadRow]]:
    encoding = _encoding(sample)
    csv.field_size_limit(min(sys.maxsize, 16 * 1024 * 1024))
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        head = sample.decode(encoding, "replace")
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter=_delimiter(head))
        while True:
            before = reader.line_num
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as e:
                yield before + 1, BadRow(str(e))
                continue
            yield before + 1, list(cells)


def _encoding(sample: bytes) -> str:
    for mark, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if sample.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)      # a letter may be cut at the end of the sample
    except UnicodeDecodeError:
        return CYRILLIC
    return "utf-8"


def _delimiter(head: str) -> str:
    """The mark that stands most often in the first lines outside quotes."""
    counts: Counter[str] = Counter()
    quoted = False
    for sign in head[:8192]:
        if sign == '"':
            quoted = not quoted
        elif not quoted:
            if sign == "\n" and counts.total():
                break
            if sign in ";,\t|":
                counts[sign] += 1
    return counts.most_common(1)[0][0] if counts else ","


def as_text(cell: Any) -> str:
    """A cell as a person reads it: a whole number without its .0."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return clean_text(str(cell)).strip()
