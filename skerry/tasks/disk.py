"""Tasks that measure whether disks are fast enough for etcd."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.help_texts import INVENTORY, JSON


@task(
    name="bench-disk",
    help=INVENTORY
    | JSON
    | {
        "profile": "quick (20 s), standard (2 min, default) or soak (see --minutes)",
        "minutes": "duration of a soak in minutes (default 30)",
        "path": "folder to measure in; only the datastore's (default) yields a stored verdict",
        "hosts": "measure only these hosts, comma-separated",
        "agents": "measure agents, too",
        "parallel": "number of hosts measured at the same time (default 20)",
        "serial": "measure one host at a time, for hosts that share a hypervisor",
        "fio": "run the fio recipe and random I/O, too; installs fio for that time (default yes)",
        "keep_fio": "leave fio installed",
        "force": "measure although etcd or K3s is running",
    },
)
def bench_disk(
    context: Context,
    inventory: str,
    profile: str = "standard",
    minutes: float = 30.0,
    path: str = "",
    hosts: str = "",
    agents: bool = False,
    parallel: int = 20,
    serial: bool = False,
    fio: bool = True,
    keep_fio: bool = False,
    force: bool = False,
    json: bool = False,
) -> int:
    """Measure whether the hosts' disks are fast enough for etcd; exit code 3 when one is not."""
    from skerry.commands.disk.bench import Options, bench_disk
    from skerry.commands.inventory import load

    concurrency = 1 if serial else parallel
    options = Options(profile, path, hosts, minutes, concurrency, fio, keep_fio, force, agents)
    return bench_disk(load(inventory), options, json)


@task(
    name="bench-compare",
    help=JSON | {"before": "first run: its file, or INVENTORY/TIME", "after": "run to compare with it"},
)
def bench_compare(context: Context, before: str, after: str, json: bool = False) -> int:
    """Compare two runs of bench-disk; exit code 3 when a host has clearly become worse."""
    from skerry.commands.disk import history

    return history.show_differences(before, after, json)


@task(name="bench-history", help=INVENTORY | {"host": "list only this host (default: all)"})
def bench_history(context: Context, inventory: str, host: str = "") -> None:
    """List the runs of bench-disk for the hosts of an inventory."""
    from skerry.commands.disk import history
    from skerry.commands.inventory import load

    history.show(load(inventory).name, host)
