"""What a check reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LintFinding:
    """What is wrong: the rule that found it, the file and line, the problem, and how to correct it.

    `level` is "error" or "warning"; warnings do not change the exit code.
    """

    rule: str
    file: str
    line: int
    problem: str
    remedy: str
    level: str = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}; {self.remedy}"
