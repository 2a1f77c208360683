"""Lint a fleet repository, for hooks and CI: `python -m skerry.fleet.lint [--staged] [--json] REPOSITORY`.

Exit codes: 0 no errors, 2 bad input, 3 errors found.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from skerry.fleet.lint.run import LintReport, lint, staged
from skerry.local.exit_codes import BAD_INPUT, DONE, NOT_AS_WANTED
from skerry.model.errors import InputError


def show(report: LintReport, as_json: bool) -> int:
    """Print the report. Returns the exit code."""
    code = DONE if report.clean else NOT_AS_WANTED
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
        return code
    for finding in report.findings:
        print(f"{'' if finding.level == 'error' else 'warning: '}{finding}")
    if report.unknown:
        print(
            f"not validated for lack of a schema (add its CRD to the repository): {', '.join(report.unknown)}"
        )
    errors = sum(finding.level == "error" for finding in report.findings)
    print(
        f"{errors} problem(s) in {report.manifests} manifests, {report.overlays} overlays rendered, "
        f"{report.seconds:.1f} s"
    )
    return code


def main() -> int:
    """Run the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="skerry.fleet.lint")
    parser.add_argument("repository", type=Path)
    parser.add_argument("--staged", action="store_true", help="lint what is staged in Git")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        if not arguments.staged:
            return show(lint(arguments.repository.resolve()), arguments.json)
        with staged(arguments.repository.resolve()) as copy:
            return show(lint(copy), arguments.json)
    except InputError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
