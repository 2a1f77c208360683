"""`invoke etcd-latency`: what a running etcd has seen of its disk, against what bench-disk predicted."""

from __future__ import annotations

import json
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

from skerry.bench.metrics import COMMIT, WAL, Histogram, parse
from skerry.bench.record import LIMITS_MS
from skerry.model import disk
from skerry.model.errors import InputError
from skerry.model.host_paths import DISK_RECORD
from skerry.remote import ssh
from skerry.remote.inventory import Host, Inventory

PARALLEL = 20
MISSING = "echo 'curl is missing; apt install curl' >&2; exit 1"
CURL = f"command -v curl > /dev/null || {{ {MISSING}; }}; curl -fsS --max-time 10"
RECORD = f"cat {DISK_RECORD} 2>/dev/null; true"
# etcd's histogram, the engine's series, and the bounds about the threshold of 10 or 25 ms, which etcd has not.
SERIES = {"WAL fsync": (WAL, "sync", 8, 16), "backend commit": (COMMIT, "commit", 16, 32)}
ALLOWED = 0.01


@dataclass(frozen=True)
class Latency:
    """One series of one host. `observed`, `predicted`: shares over LIMITS_MS; `state`: fast, slow or unclear."""

    host: str
    series: str
    count: int = 0
    mean_ms: float = 0.0
    observed: list[float] = field(default_factory=list)
    predicted: list[float] = field(default_factory=list)
    state: str = ""
    error: str = ""


def latency(inventory: Inventory, url: str) -> list[Latency]:
    """Every server's two series."""
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--url is {url!r}; write it as the host reaches it, http://127.0.0.1:2381/metrics")
    servers = [host for host in inventory.hosts if host.role == "server"]
    with ThreadPoolExecutor(PARALLEL) as pool:
        found = pool.map(lambda host: _one(host, url), servers)
        return [each for some in found for each in some]


def _one(host: Host, url: str) -> list[Latency]:
    try:
        with ssh.connect(host) as connection:
            found = parse(ssh.run(connection, host, f"{CURL} {shlex.quote(url)}"))
            record = disk.DiskRecord.parse(ssh.run(connection, host, RECORD))
    except (InputError, RuntimeError) as error:
        return [Latency(host.name, "", error=str(error).removeprefix(f"{host.name}: "))]
    return [
        Latency(host.name, name, found[metric].count, found[metric].mean_seconds * 1000,
                [found[metric].share_over(limit / 1000) for limit in LIMITS_MS],
                record.predicted.get(series, []) if record else [], state(found[metric], below, above))
        for name, (metric, series, below, above) in SERIES.items()
    ]  # fmt: skip


def state(found: Histogram, below_ms: int, above_ms: int) -> str:
    """Whether p99 is under a threshold that lies between two of etcd's bounds."""
    if not found.count:
        return "nothing observed"
    if found.share_over(below_ms / 1000) < ALLOWED:
        return "fast"
    return "slow" if found.share_over(above_ms / 1000) > ALLOWED else "unclear"


def show(inventory: Inventory, url: str, as_json: bool) -> int:
    """Print a table, or JSON. Returns 0; 1 when a host could not be read; 3 when an etcd is too slow."""
    found = latency(inventory, url)
    if as_json:
        print(json.dumps({"limits_ms": LIMITS_MS, "series": [asdict(each) for each in found]}, indent=2))
    else:
        Console(highlight=False).print(_table([each for each in found if not each.error]))
        for each in found:
            if each.error:
                print(f"{each.host}: {each.error}", file=sys.stderr)
    if any(each.error for each in found):
        return 1
    return 3 if any(each.state == "slow" for each in found) else 0


def _table(found: list[Latency]) -> Table:
    result = Table("host", "series", "", *(f">{limit} ms" for limit in LIMITS_MS), "mean ms", "p99 is")
    for each in found:
        observed, predicted_ = (
            [f"{100 * share:.2g} %" for share in some] for some in (each.observed, each.predicted)
        )
        result.add_row(
            each.host, each.series, f"{each.count} by etcd", *observed, f"{each.mean_ms:.2f}", each.state
        )
        result.add_row("", "", "predicted", *(predicted_ or ["not measured"]))
        result.add_section()
    return result
