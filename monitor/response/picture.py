"""The chart of a surge as a picture for a message. It holds bars, a line and digits only: words stand in the message, so that
no font with Kazakh letters has to be there. docs/decisions/0005 has why Pillow."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from config.timezone import ALMATY
from monitor.store.surges import Series, ticks

WIDTH, HEIGHT = 900, 420
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 20, 46
_PAPER, _INK, _QUIET, _LINE = "#ffffff", "#17191b", "#565c63", "#deded8"
_OTHER, _OWN, _USUAL, _DEAF = "#b9bec4", "#5f3796", "#b4560a", "#efefeb"


def png(series: Series) -> bytes:
    """Grey: posts on the subject; violet: those of the surge; line: what is usual; shaded: a source was silent."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(18)
    lines = ticks(series.most)
    wide, high, floor = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, HEIGHT - BOTTOM
    slot = wide / len(series.buckets)

    def y(value: float) -> float:
        return floor - high * value / lines[-1]

    for i, bucket in enumerate(series.buckets):
        if bucket.deaf:
            draw.rectangle((LEFT + slot * i, TOP, LEFT + slot * (i + 1), floor), fill=_DEAF)
    for value in lines:
        draw.line((LEFT, y(value), WIDTH - RIGHT, y(value)), fill=_LINE, width=1)
        draw.text((LEFT - 10, y(value)), str(value), fill=_QUIET, font=font, anchor="rm")
    for i, bucket in enumerate(series.buckets):
        x = LEFT + slot * i
        for count, colour in ((bucket.posts, _OTHER), (bucket.own, _OWN)):
            if count:
                draw.rectangle((x + slot * 0.12, y(count), x + slot * 0.88, floor), fill=colour)
    usual = [(LEFT + slot * (i + 0.5), y(b.usual)) for i, b in enumerate(series.buckets) if b.usual is not None]
    if len(usual) > 1:
        draw.line(usual, fill=_USUAL, width=4, joint="curve")
    draw.line((LEFT, floor, WIDTH - RIGHT, floor), fill=_QUIET, width=2)
    for i in range(0, len(series.buckets), 6):
        at = series.buckets[i].at.astimezone(ALMATY)
        draw.text((LEFT + slot * i, floor + 10), f"{at:%d.%m}" if series.step.days else f"{at:%H:%M}", fill=_INK, font=font,
                  anchor="lt")
    made = BytesIO()
    image.save(made, "PNG", optimize=True)
    return made.getvalue()
