"""Surges on real streams: recall, false alarms and lag, beside the reference rule; evasion; emergencies; calibration.

usage: python -m bench surges [--data DIR] [--quick] [--chart FILE.svg]
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
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.peers import toolkit
from bench.surge_scores import Ended, error, fitted, held_out
from config.surges import load_rules
from monitor.surge.normal import normalise
from monitor.surge.observe import Observation, Observer, SurgeVerdict
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


def verdicts(rows: Iterable[Row], rules: Rules) -> list[SurgeVerdict]:
    """Everything that is told of a stream."""
    observer = Observer(rules)
    return [v for post in observations(rows) for v in observer.observe(post)]


def first_alerts(told: Iterable[SurgeVerdict]) -> list[Alert]:
    """First `coordinated` verdict of each surge."""
    out, seen = [], set()
    for v in told:
        if v.verdict == "coordinated" and v.surge_id not in seen:
            seen.add(v.surge_id)
            out.append(Alert(v.detected_at.timestamp(), v.post_ids, v.score))
    return out


def replay_rows(rows: Iterable[Row], rules: Rules) -> list[Alert]:
    """The alerts of a stream."""
    return first_alerts(verdicts(rows, rules))


def calibration(rows: Sequence[Row], told: Iterable[SurgeVerdict], bias: float) -> list[Ended]:
    """The last word on every surge but of volume, and whether most of its posts are a campaign's."""
    label = {r["id"]: r["campaign_label"] for r in rows}
    last = {v.surge_id: v for v in told if v.kind != "volume"}
    out = []
    for v in last.values():
        most, n = Counter(label[i] for i in v.post_ids).most_common(1)[0]
        points = bias + sum(s.points for s in v.signals) - sum(c.points for c in v.counter)
        out.append(Ended(points, v.score, most is not None and 2 * n >= len(v.post_ids), v.verdict == "organised"))
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


def evaded(rows: Sequence[Row], share: float, jitter: float, seed: int = 7, foreign: bool = False) -> list[Row]:
    """The stream with its copied campaigns disguised: hashtags gone, words exchanged for words of the background as they come
    (or, `foreign`, for words that occur nowhere), times spread."""
    r = random.Random(seed)
    words = [w for row in rows if not row["campaign_label"] for w in re.findall(r"[^\W\d_]{4,}", row["text"])]
    out = []
    for row in rows:
        if row["campaign_label"]:
            text = re.sub(r"#\w+", "", row["text"])
            if "hashtag" in row["campaign_label"] or not re.search(r"\w", text):
                continue
            text = re.sub(r"\w+", lambda m: (f"x{r.getrandbits(40):x}" if foreign else r.choice(words))
                          if r.random() < share else m.group(), text)
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


def peers(rows: Sequence[Row], seen: Sequence[Row], limit: float) -> None:
    """co_tweet and co_similar on the same stream, in their own terms: pairs of accounts, of the whole stream at once."""
    if not toolkit.installed():
        print("  co_tweet, co_similar: coordination-network-toolkit is not installed (requirements/bench.in)")
        return
    for what in ("co_tweet", "co_similar"):
        ran = toolkit.run(seen, what, 3600, limit)
        if ran.stopped:
            print(f"  {what + ', 1 h':34} stopped after {ran.seconds:.0f} s of the processor, nothing to show", flush=True)
            continue
        found, campaigns, pairs, wrong = toolkit.score(rows, ran.pairs)
        print(f"  {what + ', 1 h':34} recall {found / max(1, campaigns):5.3f} ({found}/{campaigns}) by two pairs or more; {pairs} pairs, of "
              f"them {wrong / max(1, pairs):4.0%} of accounts that share no campaign; {ran.seconds:.1f} s", flush=True)


GRID = ((0.0, 0.0), (0.0, 6.0), (0.15, 6.0), (0.3, 0.0), (0.3, 6.0), (0.4, 6.0), (0.5, 0.0), (0.5, 6.0))


def evasion(rows: Sequence[Row], rules: Rules, seeds: int) -> list[tuple[str, float, float]]:
    """Recall of Qulaq and of the reference rule over the grid, printed."""
    points = []
    for share, jitter in GRID:
        ours, theirs = [], []
        for seed in range(1, seeds + 1):
            changed = evaded(rows, share, jitter, seed)
            bare = without_labels(changed)
            ours.append(score_stream(changed, replay_rows(bare, rules)))
            theirs.append(score_stream(changed, reference_rule(bare, 6 * 3600)))
        name = f"{share:.0%} replaced, {jitter:.0f} h jitter"
        for who, scores in (("Qulaq", ours), ("ref. 6 h", theirs)):
            print(f"  {name + ': ' + who:40} recall {statistics.mean(x.recall for x in scores):5.3f}  "
                  f"false {statistics.mean(x.false_share for x in scores):4.0%}  ({seeds} draws)", flush=True)
        points.append((name, statistics.mean(x.recall for x in ours), statistics.mean(x.recall for x in theirs)))
    changed = evaded(rows, 0.5, 6.0, foreign=True)
    show("50% by words of nowhere, 6 h: Qulaq", score_stream(changed, replay_rows(without_labels(changed), rules)))
    return points


def chart(points: dict[str, list[tuple[str, float, float]]]) -> str:
    """Recall under evasion as an SVG: a pair of bars per cell of the grid, Qulaq and the reference rule."""
    rows = [(f"{stream}: {name}", ours, theirs) for stream, cells in points.items() for name, ours, theirs in cells]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="720" height="{40 + 26 * len(rows)}" font-family="sans-serif" font-size="12">',
           '<text x="10" y="18">Recall of copied campaigns without hashtags: Qulaq (dark), reference rule of 6 h (light)</text>']
    for i, (name, ours, theirs) in enumerate(rows):
        y = 32 + 26 * i
        out += [f'<text x="10" y="{y + 14}">{name}</text>',
                f'<rect x="230" y="{y + 2}" width="{400 * ours:.0f}" height="9" fill="#1b4f72"/>',
                f'<rect x="230" y="{y + 12}" width="{400 * theirs:.0f}" height="6" fill="#aebfca"/>',
                f'<text x="{236 + 400 * max(ours, theirs):.0f}" y="{y + 14}">{ours:.2f} / {theirs:.2f}</text>']
    return "\n".join([*out, "</svg>", ""])


def main(argv: Sequence[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="bench surges", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--quick", action="store_true", help="without the evasion grid")
    parser.add_argument("--seeds", type=int, default=3, help="draws per cell of the evasion grid")
    parser.add_argument("--peer-seconds", type=float, default=300.0, help="of the processor, after which a peer is stopped")
    parser.add_argument("--chart", type=Path, help="where to write the chart of errors (SVG)")
    args = parser.parse_args(argv)
    if not args.data.is_dir():
        print(f"bench surges: no data at {args.data}; give --data DIR", file=sys.stderr)
        return 0
    rules = load_rules()
    ended: dict[str, list[Ended]] = {"earlier": [], "later": []}
    shown: dict[str, list[Ended]] = {"earlier": [], "later": []}
    points = {}
    for name in ("ru", "en"):
        rows = read(args.data / f"stream_{name}.jsonl")
        seen = without_labels(rows)
        print(f"stream_{name}: {len(rows)} posts; recall, false alerts, lag after the third author (median / p90)")
        told = verdicts(seen, rules)
        alerts = first_alerts(told)
        show("Qulaq", score_stream(rows, alerts))
        times = sorted(seconds(r["created_at"]) for r in rows if r["campaign_label"])
        middle = times[len(times) // 2]
        show("Qulaq, earlier half", score_stream(rows, alerts, to=middle))
        show("Qulaq, later half", score_stream(rows, alerts, since=middle))
        every = verdicts(seen, replace(rules, told_from=0.0))
        for into, said in ((ended, every), (shown, told)):
            into["earlier"] += calibration(rows, [v for v in said if v.window_start.timestamp() < middle], rules.bias)
            into["later"] += calibration(rows, [v for v in said if v.window_start.timestamp() >= middle], rules.bias)
        show("reference rule, 1 h", score_stream(rows, reference_rule(seen, 3600)))
        show("reference rule, 6 h", score_stream(rows, reference_rule(seen, 6 * 3600)))
        peers(rows, seen, args.peer_seconds)
        copied = [r for r in rows if not (r["campaign_label"] and "hashtag" in r["campaign_label"])]
        copied = [r for r in copied if not r["campaign_label"] or re.search(r"\w", re.sub(r"#\w+", "", r["text"]))]
        bare = without_labels(copied, tags=False)
        show("copied, no hashtags: Qulaq", score_stream(copied, replay_rows(bare, rules)))
        show("copied, no hashtags: reference 6 h", score_stream(copied, reference_rule(bare, 6 * 3600)))
        if not args.quick:
            points[name] = evasion(rows, rules, args.seeds)
        posts = observations(seen)
        observer, spent = Observer(rules), []
        start = time.process_time()
        for post in posts:
            before = time.process_time()
            observer.observe(post)
            spent.append(time.process_time() - before)
        whole = time.process_time() - start
        print(f"  speed {len(posts) / whole:,.0f} posts/s, p50 {statistics.median(spent) * 1e6:.0f} us, "
              f"p99 {sorted(spent)[int(0.99 * len(spent))] * 1e3:.2f} ms")
    knots, open_at = rules.calibrated_points, rules.told_openly
    for name, those in (("all surges", ended), ("those that are told", shown)):
        whole = those["earlier"] + those["later"]
        print(f"calibration over {len(whole)}, {name}: error {error([(e.score, e.true) for e in whole]):.3f}; fitted on all of one half, "
              f"measured on the other: {held_out(ended['earlier'], those['later'], knots, open_at):.3f} and "
              f"{held_out(ended['later'], those['earlier'], knots, open_at):.3f}")
    print(f"  calibrated_scores fitted on all of this: {fitted(ended['earlier'] + ended['later'], knots)}")
    for file in ("organic_crisislex.jsonl", "organic_outage_city.jsonl"):
        for harder in (False, True):
            events = crisis_events(args.data / file, rules, harder)
            print(f"{file}, {'every post an author of its own' if harder else 'authors as given'}: "
                  f"{sum(1 for n in events.values() if n)} of {len(events)} accused, {sum(events.values())} alerts")
    if args.chart and points:
        args.chart.write_text(chart(points), encoding="utf-8")
    return 0
