"""Render a run as one HTML page: verdicts, charts, and every figure that led to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from skerry import templates
from skerry.bench.attribution import Attribution, attribute, iops, recipe
from skerry.bench.charts import charts, host_chart
from skerry.bench.figures import svg
from skerry.bench.measurement import Measurement, etcd_phases
from skerry.bench.run import HostRun, Run
from skerry.bench.verdict import Verdict

ENVIRONMENT = (
    "filesystem", "journal", "disk", "model", "write_cache", "scheduler", "virtualisation", "kernel", "cores", "path",
)  # fmt: skip
MOST_CHARTS = 12  # hosts, the worst first, that get a chart of their own
HEADINGS = (
    "waits for CPU", "steal", "waits for I/O", "disk busy", "flushes", "mean flush, ms", "written, MiB",
)  # fmt: skip


def page(run: Run) -> str:
    """Returns the HTML of the page, which needs no other file."""
    hosts = [_host(host) for host in run.hosts]
    for host, values in zip(run.hosts[:MOST_CHARTS], hosts, strict=False):
        if chart := host_chart(host):
            values["chart"] = svg(chart)
    numbers = Counter(host["verdict"] for host in hosts)
    return templates.page(
        "bench.html",
        run=run,
        hosts=hosts,
        numbers={
            word: numbers[word]
            for word in ("failed", *(verdict.value for verdict in reversed(Verdict)))
            if numbers[word]
        },
        charts=[svg(chart) for chart in charts(run)],
        headings=HEADINGS,
    )


def _host(host: HostRun) -> dict[str, Any]:
    """The values of a host's row and section."""
    judgement, measurement = host.judgement, host.result
    values: dict[str, Any] = {
        "name": host.host,
        "role": host.role,
        "verdict": "failed",
        "criteria": (),
        "chart": "",
    }
    if judgement is None or measurement is None:
        return {**values, "why": "; ".join([host.error, *host.since])}
    environment = measurement["environment"]
    return {
        **values,
        "verdict": judgement.verdict.value,
        "why": "; ".join([judgement.reason, *host.since]),
        "about": ", ".join(
            f"{name.replace('_', ' ')} {environment[name]}" for name in ENVIRONMENT if environment.get(name)
        ),
        "notes": judgement.notes,
        "criteria": judgement.results,
        "counters": [(phase["name"], _figures(attribute(phase))) for phase in etcd_phases(measurement)],
        "fio": list(_fio_lines(measurement)),
    }


def _figures(counted: Attribution) -> list[str]:
    """Format the figures in the order of HEADINGS; "unknown" where the kernel does not count."""
    shares = (counted.cpu_pressure, counted.steal, counted.io_pressure, counted.disk_busy)
    numbers = ((counted.flushes, 0), (counted.flush_ms, 3), (counted.written_mib, 0))
    return [
        *("unknown" if share is None else f"{100 * share:.1f} %" for share in shares),
        *("unknown" if number is None else f"{number:.{digits}f}" for number, digits in numbers),
    ]


def _fio_lines(measurement: Measurement) -> Iterator[str]:
    """The fio recipe and random I/O, for comparison with published figures."""
    for phase in measurement["phases"]:
        if measured := recipe(phase):
            late = 100 * measured.over_10_ms
            yield (
                f"fio recipe, for comparison: p99 {measured.p99_ms:.2f} ms of {measured.syncs} syncs one after the "
                f"other; a request at a random moment would have waited over 10 ms in {late:.2g} % of cases"
            )
        if speeds := iops(phase):
            yield ", ".join(f"{name} {speed:.0f} IOPS" for name, speed in speeds.items())
