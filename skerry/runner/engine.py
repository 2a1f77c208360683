"""Starts pyinfra. Tasks run this as a child process, because pyinfra patches the standard library for gevent.

    python -m skerry.runner.engine show INVENTORY           print the inventory as JSON
    python -m skerry.runner.engine run INVENTORY DEPLOY     change its hosts
    python -m skerry.runner.engine look INVENTORY DEPLOY    print as JSON what `run` would change

tests/unit/runner/test_engine.py fails if a pyinfra release moves what this package uses.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from skerry.runner import patches
from skerry.runner.interrupt import end_when_interrupted


def main() -> int:
    """Do what the command line asks for. Returns one of skerry.local.exit_codes."""
    end_when_interrupted()
    arguments = _arguments()
    patches.before_imports()
    # Imported here: this import brings gevent and pyinfra, for which the patches come first.
    from skerry.runner.run import start

    return start(arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="skerry.runner.engine")
    parser.add_argument("action", choices=("show", "run", "look"))
    parser.add_argument("inventory", type=Path)
    parser.add_argument("deploy", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="connect to this host alone and change no other")
    parser.add_argument("--data", type=json.loads, default={}, help="settings that override the inventory's")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
