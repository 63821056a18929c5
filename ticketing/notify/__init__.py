"""How people are told: what a message says, and the channels it goes by."""

import os

# From python-telegram-bot 22.2 on, times come as timedelta only where this says so; elsewhere it warns at every 429.
os.environ.setdefault("PTB_TIMEDELTA", "true")
