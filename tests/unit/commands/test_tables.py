"""Every table that a task prints fits a terminal of 80 columns: no heading, name or figure is cut."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from rich.table import Table

from skerry.bench.run import HostRun
from skerry.commands import stages
from skerry.commands.cluster import etcd_latency, status_table
from skerry.commands.cluster.etcd_latency import Latency
from skerry.commands.cluster.host_status import LOOK, HostStatus
from skerry.commands.disk import history, report
from skerry.commands.fleet import flux
from skerry.commands.hosts import audit, drift
from skerry.commands.hosts.audit import HostAudit
from skerry.commands.stages import Stage
from skerry.fleet.conditions import ObjectState
from skerry.local.paths import PROJECT
from skerry.model.disk import PREDICTED_LIMITS_MS
from skerry.model.hardening import catalogue
from skerry.model.hardening.control import judge
from skerry.model.hardening.host_context import HostContext
from tests.unit.bench.test_report import a_run
from tests.unit.conftest import MakeSettings

WIDTH = 80
HOST = "worker-12.oslo.example.org"
CLUSTER = "production-west"
WHY = (
    "https://github.com/k3s-io/k3s/releases/download/v1.36.3+k3s1/sha256sum-amd64.txt cannot be reached: "
    "certificate verify failed; run `invoke artifacts-fetch` with internet access"
)


def render(table: Table) -> str:
    console = Console(width=WIDTH, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(table)
    return console.export_text()


def check(text: str, *intact: str) -> None:
    """No line is too long, nothing is cut, and these words stand in one line each."""
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    missing = [word for word in intact if word not in text]
    assert missing == [], text


@pytest.fixture
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width that rich takes for standard output."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def test_stages() -> None:
    rows = [
        Stage("Find K3s", "skipped", WHY, 20.1),
        Stage("Host certificates", "unchanged", "", 0.04),
        Stage("Verify", "failed", "1,000 passed, 12 failed, 3 skipped; see above", 1234.5),
    ]
    check(
        render(stages.table(rows)),
        "stage",
        "result",
        "why",
        "seconds",
        "unchanged",
        "1234.5",
        "Host certificates",
    )


def test_status() -> None:
    row = HostStatus(
        CLUSTER, HOST, "server", k3s="v1.36.13+k3s12", cpu="15950m of 16", memory="60.1 of 62.8 GiB",
        etcd="leader of 5", fsync="0.83 % > 8 ms, predicted 0.012 %", certificates="364 d", snapshot="113 h",
        disk="1024 GiB free", reboot="pending", drift="unknown",
    )  # fmt: skip
    rows = [row.having(LOOK, WHY), replace(row, cluster="staging", role="agent")]
    text = render(status_table.table(rows, WIDTH))
    check(text, "cluster", "host", "role", "state", "server", "staging", f"left out in {WIDTH} columns")


def test_etcd_latency() -> None:
    shares = [1.0, 0.1234, 0.00999, 0.0083, 0.00001, 0.0]
    assert len(shares) == len(PREDICTED_LIMITS_MS)
    rows = [
        Latency(HOST, "backend commit", 1_234_567, 12.345, shares, shares, "fast"),
        Latency("c1", "WAL fsync", 12, 0.5, shares, [], "nothing observed"),
    ]
    text = render(etcd_latency.table(rows))
    headings = [f"{limit} ms" for limit in PREDICTED_LIMITS_MS]
    check(text, "% slower than", *headings, "100", "0.83", "<0.01", "not predicted", "p99: nothing observed")


def test_bench_disk() -> None:
    hosts = [
        replace(
            host,
            host=HOST,
            result={**host.result, "environment": _disk(host.result)} if host.result else None,
        )
        for host in a_run().hosts
    ]
    text = render(report.table(replace(a_run(), hosts=tuple(hosts))))
    check(
        text, "host", "role", "verdict", "WAL p99", "commit p99", "disk", "server", "PASS", "failed", " ms "
    )


def _disk(result: dict[str, Any]) -> dict[str, Any]:
    disk = "Samsung SSD 980 PRO with Heatsink 2TB"
    return {**result["environment"], "disk": disk, "filesystem": "ext4", "journal": "data=ordered"}


def test_bench_history(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: None
) -> None:
    run = replace(a_run(), inventory=CLUSTER)
    renamed = tuple(replace(host, host=HOST) if isinstance(host, HostRun) else host for host in run.hosts)
    monkeypatch.setattr(history, "runs", lambda inventory: [replace(run, hosts=renamed)])
    history.show(CLUSTER, "")
    table, _, after = capsys.readouterr().out.partition("Next:")
    check(table, "host", "run", "profile", "verdict", "why", f"{CLUSTER}/{run.title}", "standard", "PASS")
    assert "bench-compare" in after


def test_audit(make_settings: MakeSettings) -> None:
    settings = make_settings(harden_exceptions={"SSH-03": {"reason": WHY[:200], "until": "2020-01-01"}})
    controls = catalogue.controls(HostContext("server", settings, 0, ()))
    findings = judge(controls, {}, catalogue.waivers(settings), date(2026, 1, 1), {})
    audits = [HostAudit(HOST, findings, []), HostAudit("c2", [], [], problem=WHY)]
    check(render(audit.table(audits)), "host", "control", "verdict", "why", "expired", "fail", "unreachable")


def test_drift(capsys: pytest.CaptureFixture[str], width: None) -> None:
    operations = ["K3s | Write /etc/systemd/system/k3s.service.d/10-skerry.conf", "Swap | Turn swap off"]
    git = [f"Kustomization flux-system/{'infrastructure-' * 4}controllers: {WHY}"]
    rows = [drift.Drift(CLUSTER, True, {HOST: operations, "c2": []}, git), drift.Drift("b", False, {"c": []})]
    server = SimpleNamespace(settings=SimpleNamespace(flux_forge="git"))
    inventory = SimpleNamespace(path=Path("inventories/x.py"), first_server=server)
    for row in rows:
        drift._print(row, cast(Any, inventory), row.cluster)
    check(
        capsys.readouterr().out, CLUSTER, "where", "not as wanted", "Swap | Turn swap off", "nothing", "Flux"
    )


def test_flux_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: None
) -> None:
    revision = "feature/renovate-all-the-things@sha1:0123456789abcdef0123456789abcdef01234567"
    failed = ObjectState(
        "HelmRelease", "monitoring", "kube-prometheus-stack", False, False, revision, WHY, "see above"
    )
    objects = [
        failed,
        ObjectState("GitRepository", "flux-system", "flux-system", True, False, revision, "", ""),
    ]
    monkeypatch.setattr(flux, "read_states", lambda inventory: objects)
    assert flux.status(cast(Any, None), as_json=False) == 3
    check(capsys.readouterr().out, "object", "state", "revision", "Ready")


SPEED = """
from rich.console import Console
from skerry.bench.speed.run import table
rows = [
    ("no-op", "20", "25", "Ansible, pipelining", "1123.4\\n(1112.2-1214.0)", "10.43\\n(9.12-12.00)", "1512"),
    ("fresh", "1", "0", "6 x ssh host true", "0.45\\n(0.40-0.50)", "1", "12"),
]
Console(width=80).print(table(rows))
"""


def test_bench_speed() -> None:
    """In a process of its own, because the import installs pyinfra's event loop."""
    done = subprocess.run(
        [sys.executable, "-c", SPEED], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    figures = ("1123.4", "(1112.2-1214.0)", "10.43", "(9.12-12.00)", "1512")
    check(done.stdout, "run", "hosts", "seconds", "Skerry", "MiB", *figures)
