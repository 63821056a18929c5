"""Surges on real streams: recall, false alarms and lag, beside the reference rule; evasion; emergencies; speed.

usage: python -m bench surges [--data DIR] [--quick]
The data lies outside the project (licences: evaluation only); without it the bench says so and does nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from config.surges import load_rules
from monitor.surge.normal import normalise
from monitor.surge.observe import Observation, Observer
from monitor.surge.rules import Rules

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "surge"
Row = dict[str, Any]


@dataclass(frozen=True)
class Alert:
    """The moment (seconds) and the posts of one alert."""

    at: float
    posts: tuple[Any, ...]
    probability: float = 1.0


@dataclass(frozen=True)
class Score:
    """As ../shared/tools/score_surges.py counts: a campaign has three authors or more, an alert is its posts' majority."""

    found: int
    campaigns: int
    alerts: int
    false: int
    background: int
    lags: tuple[float, ...]

    @property
    def recall(self) -> float:
        return self.found / max(1, self.campaigns)

    @property
    def false_share(self) -> float:
        return self.false / max(1, self.alerts)

    @property
    def false_per_10k(self) -> float:
        return 1e4 * self.false / max(1, self.background)

    @property
    def lag_median(self) -> float:
        return self.lags[len(self.lags) // 2] if self.lags else float("nan")

    @property
    def lag_p90(self) -> float:
        return self.lags[int(0.9 * (len(self.lags) - 1))] if self.lags else float("nan")


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def without_labels(rows: Iterable[Row], tags: bool = True) -> list[Row]:
    """What a detector may see: no labels, no urls, and no hashtags if so wished."""
    out = []
    for row in rows:
        row = {**row, "campaign_label": None, "urls": []}
        if not tags:
            row["text"] = re.sub(r"#\w+", "", row["text"])
        out.append(row)
    return out


def observations(rows: Iterable[Row]) -> list[Observation]:
    return [Observation(r["id"], datetime.fromisoformat(r["created_at"]), r["text"], r["author_id"], network=r["source"])
            for r in rows]


def replay_rows(rows: Iterable[Row], rules: Rules) -> list[Alert]:
    """First `coordinated` verdict of each surge."""
    observer, out, seen = Observer(rules), [], set()
    for post in observations(rows):
        for v in observer.observe(post):
            if v.verdict == "coordinated" and v.surge_id not in seen:
                seen.add(v.surge_id)
                out.append(Alert(v.detected_at.timestamp(), v.post_ids, v.score))
    return out


def reference_rule(rows: Iterable[Row], window: float) -> list[Alert]:
    """The peer of the data's README: five authors of the same normalised text, or ten of one hashtag, inside a window."""
    uses: dict[tuple[str, str], deque[tuple[float, str, Any]]] = defaultdict(deque)
    until: dict[tuple[str, str], float] = {}
    out = []
    for row in rows:
        at, text = seconds(row["created_at"]), row["text"]
        stems = " ".join(sorted(normalise(text).words))
        keys = [("tag", t, 10) for t in set(re.findall(r"#(\w+)", text.lower()))]
        if len(stems) > 12:
            keys.append(("text", stems, 5))
        for kind, name, least in keys:
            recent = uses[kind, name]
            recent.append((at, row["author_id"] or row["id"], row["id"]))
            while recent[0][0] < at - window:
                recent.popleft()
            if len({u[1] for u in recent}) >= least:
                if until.get((kind, name), 0.0) < at:
                    out.append(Alert(at, tuple(u[2] for u in recent)))
                until[kind, name] = at + window
    return out


def score_stream(rows: Sequence[Row], alerts: Iterable[Alert], since: float = 0.0, to: float = 1e18) -> Score:
    """Figures over the campaigns and alerts that begin between two moments."""
    label = {r["id"]: r["campaign_label"] for r in rows}
    at = {r["id"]: seconds(r["created_at"]) for r in rows}
    authors: dict[str, dict[str, float]] = defaultdict(dict)
    for r in rows:
        if r["campaign_label"]:
            mine = authors[r["campaign_label"]]
            mine[r["author_id"]] = min(at[r["id"]], mine.get(r["author_id"], 1e18))
    third = {c: sorted(a.values())[2] for c, a in authors.items() if len(a) >= 3}
    third = {c: t for c, t in third.items() if since <= t < to}
    found: dict[str, float] = {}
    false = count = 0
    for alert in alerts:
        inside = since <= alert.at < to
        count += inside
        most, n = Counter(label[i] for i in alert.posts).most_common(1)[0]
        if most is None or 2 * n < len(alert.posts):
            false += inside
        elif most in third:
            moment = max([alert.at, *(at[i] for i in alert.posts)])
            found[most] = min(moment, found.get(most, 1e18))
    lags = tuple(sorted((t - third[c]) / 60 for c, t in found.items()))
    background = sum(1 for r in rows if not r["campaign_label"] and since <= at[r["id"]] < to)
    return Score(len(found), len(third), count, false, background, lags)


def evaded(rows: Sequence[Row], share: float, jitter: float, seed: int = 7) -> list[Row]:
    """The stream with its copied campaigns disguised: words replaced by words of the background, times spread."""
    r = random.Random(seed)
    words = [w for row in rows if not row["campaign_label"] for w in re.findall(r"[^\W\d_]{4,}", row["text"])]
    out = []
    for row in rows:
        if row["campaign_label"]:
            if "hashtag" in row["campaign_label"]:
                continue
            text = re.sub(r"#\w+", "", row["text"])
            text = re.sub(r"\w+", lambda m: r.choice(words) if r.random() < share else m.group(), text)
            moment = datetime.fromisoformat(row["created_at"]) + timedelta(hours=r.uniform(0, jitter))
            row = {**row, "text": text, "created_at": moment.isoformat()}
        out.append(row)
    return sorted(out, key=lambda row: seconds(row["created_at"]))


def crisis_events(path: Path, rules: Rules, every_post_an_author: bool) -> dict[str, int]:
    """Coordinated surges per event. The set names no authors; taking every post for one is the harder reading."""
    events: dict[str, list[Row]] = defaultdict(list)
    for row in read(path):
        if every_post_an_author and not row["author_id"]:
            row["author_id"] = row["id"]
        events[row["campaign_label"]].append(row)
    return {event: len(replay_rows(without_labels(rows), rules)) for event, rows in events.items()}


def show(name: str, s: Score) -> None:
    print(f"  {name:34} recall {s.recall:5.3f} ({s.found}/{s.campaigns})  alerts {s.alerts:4}  false {s.false:3} "
          f"({s.false_share:4.0%}, {s.false_per_10k:5.1f}/10k)  lag {s.lag_median:5.1f} / {s.lag_p90:6.1f} min", flush=True)


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench surges", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--quick", action="store_true", help="without the evasion grid")
    args = parser.parse_args(argv)
    if not args.data.is_dir():
        print(f"bench surges: no data at {args.data}; give --data DIR", file=sys.stderr)
        return 0
    rules = load_rules()
    for name in ("ru", "en"):
        rows = read(args.data / f"stream_{name}.jsonl")
        seen = without_labels(rows)
        print(f"stream_{name}: {len(rows)} posts; recall, false alerts, lag after the third author (median / p90)")
        alerts = replay_rows(seen, rules)
        show("Qulaq", score_stream(rows, alerts))
        times = sorted(seconds(r["created_at"]) for r in rows if r["campaign_label"])
        middle = times[len(times) // 2]
        show("Qulaq, earlier half", score_stream(rows, alerts, to=middle))
        show("Qulaq, later half", score_stream(rows, alerts, since=middle))
        show("reference rule, 1 h", score_stream(rows, reference_rule(seen, 3600)))
        show("reference rule, 6 h", score_stream(rows, reference_rule(seen, 6 * 3600)))
        copied = [r for r in rows if not (r["campaign_label"] and "hashtag" in r["campaign_label"])]
        copied = [r for r in copied if not r["campaign_label"] or re.search(r"\w", re.sub(r"#\w+", "", r["text"]))]
        bare = without_labels(copied, tags=False)
        show("copied, no hashtags: Qulaq", score_stream(copied, replay_rows(bare, rules)))
        show("copied, no hashtags: reference 6 h", score_stream(copied, reference_rule(bare, 6 * 3600)))
        for share, jitter in () if args.quick else ((0.0, 6.0), (0.3, 0.0), (0.3, 6.0), (0.5, 6.0)):
            changed = evaded(rows, share, jitter)
            bare = without_labels(changed)
            show(f"{share:.0%} replaced, {jitter:.0f} h jitter: Qulaq", score_stream(changed, replay_rows(bare, rules)))
            show(f"{share:.0%} replaced, {jitter:.0f} h jitter: ref. 6 h",
                 score_stream(changed, reference_rule(bare, 6 * 3600)))
        posts = observations(seen)
        observer, spent = Observer(rules), []
        start = time.perf_counter()
        for post in posts:
            before = time.perf_counter()
            observer.observe(post)
            spent.append(time.perf_counter() - before)
        whole = time.perf_counter() - start
        print(f"  speed {len(posts) / whole:,.0f} posts/s, p50 {statistics.median(spent) * 1e6:.0f} us, "
              f"p99 {sorted(spent)[int(0.99 * len(spent))] * 1e3:.2f} ms")
    for file in ("organic_crisislex.jsonl", "organic_outage_city.jsonl"):
        for harder in (False, True):
            events = crisis_events(args.data / file, rules, harder)
            print(f"{file}, {'every post an author of its own' if harder else 'authors as given'}: "
                  f"{sum(1 for n in events.values() if n)} of {len(events)} accused, {sum(events.values())} alerts")
    return 0
