"""The status of one host: its figures, and its problems by severity."""

from __future__ import annotations

from dataclasses import dataclass, replace

FINE, LOOK, DEGRADED, DOWN = range(4)
"""Severities. LOOK: the host works, and an operator should look at it."""


@dataclass(frozen=True)
class HostStatus:
    """One host. `problems`: what needs attention, worst first; `severity`: that of the worst, FINE to DOWN."""

    cluster: str
    host: str
    role: str
    problems: tuple[str, ...] = ()
    severity: int = FINE
    k3s: str = ""
    cpu: str = ""
    memory: str = ""
    etcd: str = ""
    fsync: str = ""
    certificates: str = ""
    snapshot: str = ""
    disk: str = ""
    reboot: str = ""
    drift: str = ""

    @property
    def fine(self) -> bool:
        return not self.problems

    @property
    def room(self) -> str:
        """The share of the node that pods may use."""
        return f"{self.cpu} cpu, {self.memory}" if self.cpu else ""

    @property
    def state(self) -> str:
        """The worst problem in a line, and the number of further ones."""
        more = f" (+{len(self.problems) - 1})" if len(self.problems) > 1 else ""
        return f"{self.problems[0]}{more}" if self.problems else "Ready"

    def having(self, severity: int, *problems: str) -> HostStatus:
        """This status with further problems, all of the same severity."""
        if not problems:
            return self
        worse = severity > self.severity
        both = (*problems, *self.problems) if worse else (*self.problems, *problems)
        return replace(self, problems=both, severity=max(severity, self.severity))
