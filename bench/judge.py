"""Posts judged per second of one core's time (whatever else the machine does), beside decoding alone; registry build time and peak memory.

usage: python -m bench judge [--posts 50000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time

import msgspec

from bench.posts import rows
from config.knowledge import load_knowledge
from monitor.core.judge import Judge
from monitor.core.row import as_post, parse_row
from monitor.core.text import Text


def main(argv: list[str]) -> int:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(prog="bench judge", description=__doc__)
    parser.add_argument("--posts", type=int, default=50_000)
    args = parser.parse_args(argv)
    lines = [msgspec.json.encode(row) for row in rows(args.posts)]
    began = time.process_time()
    knowledge = load_knowledge()
    built = time.process_time() - began
    judge = Judge(knowledge)
    began = time.process_time()
    posts = [as_post(parse_row(line), network="x") for line in lines]
    decoded = time.process_time() - began
    began = time.process_time()
    addressed = sum(judge(post).addressed for post in posts)
    judged = time.process_time() - began
    texts = [Text(post.text) for post in posts]
    began = time.process_time()
    for text in texts:
        knowledge.language.of(text)
    spoken = time.process_time() - began
    print(json.dumps({
        "posts": args.posts, "addressed": addressed, "judged_per_s": round(args.posts / judged),
        "decoded_per_s": round(args.posts / decoded), "language_per_s": round(args.posts / spoken),
        "knowledge_built_s": round(built, 2), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"}))
    return 0
