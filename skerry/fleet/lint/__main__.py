"""`python -m skerry.fleet.lint [--staged] [--json] REPOSITORY`: for hooks and CI.

Exit codes: 0 clean, 2 bad input, 3 not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from skerry.fleet.lint.run import Report, lint, staged
from skerry.model.errors import InputError


def show(report: Report, as_json: bool) -> int:
    """Print the report. Returns the exit code."""
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
        return 0 if report.clean else 3
    for finding in report.findings:
        print(f"{'' if finding.level == 'error' else 'warning: '}{finding}")
    if report.unknown:
        print(f"not validated, no schema (put its CRD into the repository): {', '.join(report.unknown)}")
    errors = sum(finding.level == "error" for finding in report.findings)
    print(
        f"{errors} problem(s) in {report.manifests} manifests, {report.overlays} overlays rendered, "
        f"{report.seconds:.1f} s"
    )
    return 0 if report.clean else 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="skerry.fleet.lint")
    parser.add_argument("repository", type=Path)
    parser.add_argument("--staged", action="store_true", help="lint what Git has staged")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        if not arguments.staged:
            return show(lint(arguments.repository.resolve()), arguments.json)
        with staged(arguments.repository.resolve()) as copy:
            return show(lint(copy), arguments.json)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
