"""The commands. Exit 0 done, 1 the check or the run found something, 2 unusable input or config (one line on stderr)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from monitor.commands import Unusable

COMMANDS = {
    "demo": "main job on the embedded default with bundled posts",
    "run": "the daemon",
    "check": "every error of a config at once",
    "schema": "JSON Schema of the config, for editors",
    "judge": "a verdict for each post of a JSONL file",
    "ingest": "store, judge, register and assign the posts of a JSONL file",
    "import": "cards of e-Otinish, 109 and other channels from XLSX or CSV",
    "surges": "replay a stream and report surges with their evidence",
    "learn": "a classifier from the office's own history",
    "register": "verify, show and export the register",
    "due": "a due date explained",
    "answer-check": "promises and warnings for each official answer of a JSONL file",
    "source": "list sources, try one",
    "user": "people: add, list, link, disable",
    "db": "the database: upgrade, backup, restore, erase",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Unusable(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="qulaq", description="Hears what citizens write to an akimat.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] not in COMMANDS:
            parser().parse_args(words or ["--help"])
        command = import_module(f"monitor.commands.{words[0].replace('-', '_')}")  # only what is run is imported: start-up stays quick
        own = _Parser(prog=f"qulaq {words[0]}", description=command.__doc__,
                      formatter_class=argparse.RawDescriptionHelpFormatter)
        command.add_arguments(own)
        return int(command.run(own.parse_args(words[1:])))
    except Unusable as e:
        print(f"qulaq: {e}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130
