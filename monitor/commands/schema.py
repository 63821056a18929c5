"""Print the JSON Schema of the config, with the options of every network.

In an editor with yaml-language-server: `qulaq schema > qulaq.schema.json`, and as the first line of the config
`# yaml-language-server: $schema=qulaq.schema.json`.
"""

from __future__ import annotations

import argparse

from config.schema import dumped
from monitor.setting import models


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`schema` has none."""


def run(args: argparse.Namespace) -> int:
    """Print it."""
    print(dumped(models()))  # noqa: T201
    return 0
