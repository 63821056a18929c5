"""`python -m bench` runs every bench in turn, `python -m bench NAME [options]` one."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("allocation", "answers", "bluesky", "deliveries", "detection", "ingest", "judge", "kills", "latency", "learn",
         "probes", "register", "surge_load", "surges", "systems", "youtube")

if len(sys.argv) > 1 and sys.argv[1] not in NAMES:
    sys.exit(f"bench: no bench {sys.argv[1]!r}; there are {', '.join(NAMES)}")
status = 0
for name in NAMES if len(sys.argv) < 2 else (sys.argv[1],):
    print(f"== {name}", flush=True)
    status = max(status, int(import_module(f"bench.{name}").main(sys.argv[2:]) or 0))
sys.exit(status)
