"""The statuses of several clusters: their order, and a table that fits."""

from __future__ import annotations

import pytest
from rich.console import Console

from skerry.commands.cluster.host_status import DEGRADED, DOWN, LOOK, HostStatus
from skerry.commands.cluster.status import exit_code
from skerry.commands.cluster.status_table import table


def status(cluster: str, host: str, severity: int = 0, *why: str) -> HostStatus:
    return HostStatus(cluster, host, "server").having(severity, *why)


def test_the_worst_problem_comes_first_and_the_others_are_counted() -> None:
    one = status("oslo", "a", LOOK, "disk", "snapshot").having(DEGRADED, "no vote")
    assert one.problems == ("no vote", "disk", "snapshot")
    assert (one.state, one.severity) == ("no vote (+2)", DEGRADED)
    assert one.having(LOOK).problems == one.problems
    assert status("oslo", "b").state == "Ready"


@pytest.mark.parametrize(
    ("width", "left_out"), [(50, "for pods, WAL fsync, k3s"), (75, "for pods"), (120, "")]
)
def test_a_host_is_one_line_in_whatever_width(width: int, left_out: str) -> None:
    host = HostStatus(
        "oslo",
        "c1",
        "server",
        k3s="v1.36.3+k3s1",
        cpu="1 of 2",
        memory="22.4 of 23.5 GiB",
        etcd="leader of 3",
        fsync="0.83 % > 8 ms",
    )
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table([host], width))
    [line] = [line for line in console.export_text().splitlines() if "c1" in line]
    assert "Ready" in line
    assert "leader of 3" in line
    assert "…" not in line
    console.print(table([host], width))
    caption = " ".join(console.export_text().split("left out in")[1:]).split()
    assert " ".join(caption) == (f"{width} columns: {left_out}" if left_out else "")


def test_a_table_has_a_column_only_for_what_is_known() -> None:
    both = [status("oslo", "a", DOWN, "k3s is [failed]"), status("bergen", "b")]
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table(both))
    text = console.export_text()
    assert "k3s is [failed]" in text
    assert "cluster" in text
    assert "snapshot" not in text
    assert exit_code(both) == 3
    assert exit_code(both[1:]) == 0
