"""`invoke etcd-latency`: the disk latency that a running etcd observes, beside the prediction of bench-disk."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from skerry.bench.metrics import COMMIT, WAL, Histogram, parse
from skerry.commands.cluster.control_plane import servers
from skerry.local.console import report
from skerry.local.exit_codes import DONE, FAILED, NOT_AS_WANTED
from skerry.local.tables import new_table
from skerry.model import disk
from skerry.model.errors import InputError
from skerry.model.host_paths import DISK_RECORD
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

CONCURRENCY = 20
MISSING = "echo 'curl is missing; apt install curl' >&2; exit 1"
CURL = f"command -v curl > /dev/null || {{ {MISSING}; }}; curl -fsS --max-time 10"
READ_DISK_RECORD = f"cat {DISK_RECORD} 2>/dev/null; true"
# etcd's histogram, the bench's series, and the bounds of etcd's buckets around the threshold of 10 or 25 ms.
SERIES = {"WAL fsync": (WAL, "sync", 8, 16), "backend commit": (COMMIT, "commit", 16, 32)}
ALLOWED = 0.01


@dataclass(frozen=True)
class Latency:
    """One series of one server, or the `error` of reading it. `state`: that of p99, as `state` below returns it.

    `observed`, `predicted`: shares over each of disk.PREDICTED_LIMITS_MS; [] if nothing was predicted.
    """

    host: str
    series: str
    count: int = 0
    mean_ms: float = 0.0
    observed: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    state: str = ""
    error: str = ""


def latency(inventory: Inventory, url: str) -> list[Latency]:
    """Read both series of every server, or its error. Raises InputError if `url` is not an http URL."""
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url is {url!r}; write it as the host reaches it, http://127.0.0.1:2381/metrics")
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        per_server = pool.map(lambda host: _latency(host, url), servers(inventory))
        return [latency for latencies in per_server for latency in latencies]


def _latency(host: Host, url: str) -> list[Latency]:
    try:
        with ssh.connect(host) as connection:
            histograms = parse(ssh.run(connection, host, f"{CURL} {shlex.quote(url)}"))
            record = disk.DiskRecord.parse(ssh.run(connection, host, READ_DISK_RECORD))
    except (InputError, RuntimeError) as error:
        return [Latency(host.name, "", error=str(error).removeprefix(f"{host.name}: "))]
    return [
        Latency(
            host.name,
            name,
            histograms[metric].count,
            histograms[metric].mean_seconds * 1000,
            [histograms[metric].share_over(limit / 1000) for limit in disk.PREDICTED_LIMITS_MS],
            record.predicted.get(series, []) if record else [],
            state(histograms[metric], below, above),
        )
        for name, (metric, series, below, above) in SERIES.items()
    ]


def state(histogram: Histogram, below_ms: int, above_ms: int) -> str:
    """Compare p99 with a threshold between two bucket bounds.

    Returns "fast" below both, "slow" above both, "unclear" between them, or "nothing observed".
    """
    if not histogram.count:
        return "nothing observed"
    if histogram.share_over(below_ms / 1000) < ALLOWED:
        return "fast"
    return "slow" if histogram.share_over(above_ms / 1000) > ALLOWED else "unclear"


def percent(share: float) -> str:
    """Format a share in percent with two significant digits, in at most five characters: "0.83", "100", "<0.01"."""
    if 0 < share < 0.0001:
        return "<0.01"
    return f"{100 * share:.2g}" if share < 0.995 else "100"


def show(inventory: Inventory, url: str, as_json: bool) -> int:
    """Print a table, or JSON. Returns 1 if a server could not be read, 3 if an etcd is too slow, else 0."""
    latencies = latency(inventory, url)
    if as_json:
        print(
            json.dumps(
                {"limits_ms": disk.PREDICTED_LIMITS_MS, "series": [asdict(row) for row in latencies]},
                indent=2,
            )
        )
    else:
        Console(highlight=False).print(table([row for row in latencies if not row.error]))
        for row in latencies:
            if row.error:
                report(f"{row.host}: {row.error}")
    if any(row.error for row in latencies):
        return FAILED
    return NOT_AS_WANTED if any(row.state == "slow" for row in latencies) else DONE


def table(latencies: list[Latency]) -> Table:
    """Show the observed and predicted shares of each server and series, and the state of p99, in 80 columns."""
    limits = [f"{limit} ms" for limit in disk.PREDICTED_LIMITS_MS]
    table = new_table("% slower than", *limits, fold=["% slower than"])
    for row in latencies:
        table.add_row(f"{row.host}, {row.series}", *map(percent, row.observed))
        table.add_row("predicted" if row.predicted else "not predicted", *map(percent, row.predicted))
        table.add_row(f"{row.count} in all, mean {row.mean_ms:.2f} ms")
        table.add_row(f"p99: {row.state}")
        table.add_section()
    return table
