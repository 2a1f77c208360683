"""Skerry's tasks. Each is a signature, help for every argument, and a call into the code that does it."""

from __future__ import annotations

import sys

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.cluster import *  # noqa: F403  day two's: invoke collects what this module holds
from skerry.tasks.fleet import *  # noqa: F403  the fleet's tasks: invoke collects what this module holds
from skerry.tasks.fleet import INVENTORY, JSON


@task(name="try", help={"backend": "qemu (own kernel) or nspawn (root, fast); default qemu"} | JSON)
def try_(context: Context, backend: str = "qemu", json: bool = False) -> None:
    """Boot a lab host and walk the whole road on it."""
    from skerry.commands.dev.demo import attempt
    from skerry.commands.hosts.up import print_stages

    stages = attempt(backend)
    failed = any(stage.result == "failed" for stage in stages)
    print_stages(stages, "invoke lab-ssh lab-1" if failed else "README.md, Your own hosts", json)
    sys.exit(1 if failed else 0)


@task(
    help=INVENTORY | JSON | {"deploy": "the deploy script to run", "check": "verify afterwards (default yes)"}
)
def up(
    context: Context,
    inventory: str,
    deploy: str = "deploy/k3s.py",
    check: bool = True,
    json: bool = False,
) -> None:
    """Deploy, verify, and show what happened."""
    from skerry.commands.hosts.up import print_stages
    from skerry.commands.hosts.up import up as run_up

    code, stages = run_up(inventory, deploy, check)
    if stages and code != 2:
        following = (
            f"invoke kubeconfig {inventory}" if code == 0 else f"mend what failed, then invoke up {inventory}"
        )
        print_stages(stages, following, json)
    sys.exit(code)


@task(help=INVENTORY | {"extent": "prepare (the host part), harden, host (both) or k3s (everything)"})
def verify(context: Context, inventory: str, extent: str = "k3s") -> None:
    """Run the acceptance checks of skerry/checks/ against the hosts."""
    from skerry.commands.hosts.verify import verify as run_checks
    from skerry.commands.inventory import load

    outcome = run_checks(load(inventory), extent)
    print(f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped")
    sys.exit(0 if outcome.passed and not outcome.failed else 1)


@task(help=INVENTORY)
def trust(context: Context, inventory: str) -> None:
    """Record the hosts' SSH keys after a look at their fingerprints."""
    from skerry.commands.inventory import load
    from skerry.remote import trust as first_contact

    added = first_contact.trust(load(inventory), first_contact.ask)
    print(f"{len(added)} host key(s) recorded. Next: invoke up {inventory}")


@task(
    help=INVENTORY
    | {"context_name": "name in the kubeconfig (default: the inventory's)", "file": "kubeconfig"}
)
def kubeconfig(context: Context, inventory: str, context_name: str = "", file: str = "") -> None:
    """Merge the cluster's access into your kubeconfig."""
    from pathlib import Path

    from skerry.commands.cluster import kubeconfig as access
    from skerry.commands.inventory import load

    cluster, path = load(inventory), Path(file) if file else access.default_file()
    name = context_name or cluster.name
    backup = access.fetch(cluster, path, name)
    print(f"{path}: context {name}{f', backup in {backup}' if backup else ''}")
    print(f"Next: kubectl --context {name} get nodes")


@task(help=INVENTORY | JSON)
def audit(context: Context, inventory: str, json: bool = False) -> None:
    """List every control with what was found, and where data lie; exit code 3 when one fails or has expired."""
    from rich.console import Console

    from skerry.commands.hosts import audit as cluster_audit
    from skerry.commands.inventory import load

    cluster = load(inventory)
    found = cluster_audit.audit(cluster)
    page = cluster_audit.write_page(cluster, found)
    if json:
        print(cluster_audit.as_text(found))
    else:
        Console().print(cluster_audit.table(found))
        print(f"For auditors: {page}")
    sys.exit(0 if all(each.fine for each in found) else 3)


@task(help=INVENTORY | {"yes": "do not ask"})
def unharden(context: Context, inventory: str, yes: bool = False) -> None:
    """Put back what was on the hosts before Skerry hardened them."""
    from skerry.commands.hosts.uninstall import unharden as run_unharden

    sys.exit(run_unharden(inventory, yes))


@task(name="artifacts-fetch", help=INVENTORY | {"arch": "amd64 or arm64"})
def artifacts_fetch(context: Context, inventory: str, arch: str = "amd64") -> None:
    """Fill the air-gap folder, where there is internet."""
    from skerry.commands.hosts.artifacts import fetch_all
    from skerry.commands.inventory import load

    fetch_all(load(inventory).first_server.settings, arch)


@task(name="artifacts-lock", help=INVENTORY)
def artifacts_lock(context: Context, inventory: str) -> None:
    """Record the publishers' checksums for this inventory's versions."""
    from skerry.commands.hosts.artifacts import lock_all
    from skerry.commands.inventory import load

    lock_all(load(inventory).first_server.settings)


@task(help=INVENTORY | {"delete_volumes": "give up the data in local volumes", "yes": "do not ask"})
def uninstall(context: Context, inventory: str, delete_volumes: bool = False, yes: bool = False) -> None:
    """Drain the nodes and remove what Skerry brought."""
    from skerry.commands.hosts.uninstall import uninstall as run_uninstall

    sys.exit(run_uninstall(inventory, delete_volumes, yes))


@task(
    name="bench-disk",
    help=INVENTORY
    | JSON
    | {
        "profile": "quick (20 s), standard (2 min) or soak (see --minutes); default standard",
        "minutes": "how long a soak takes (default 30)",
        "path": "folder on the hosts to measure in (default: the datastore's; elsewhere no verdict is kept)",
        "hosts": "only these, comma-separated",
        "agents": "measure agents, too",
        "parallel": "hosts at a time (default 20)",
        "serial": "one host at a time, for hosts that share a hypervisor",
        "fio": "the fio recipe and random I/O; installs fio for the time being (default yes)",
        "keep_fio": "leave fio installed",
        "force": "measure beside a running etcd or K3s",
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
) -> None:
    """Measure whether the hosts' disks are fit for etcd; exit code 3 when one is not."""
    from skerry.commands.disk import bench
    from skerry.commands.disk.report import write
    from skerry.commands.inventory import load

    options = bench.Options(
        profile, path, hosts, minutes, 1 if serial else parallel, fio, keep_fio, force, agents
    )
    run = bench.bench(load(inventory), options)
    bench.show(run, json, write(run))
    sys.exit(bench.exit_code(run))


@task(
    name="bench-compare",
    help=JSON | {"before": "a run: its file, or INVENTORY/TIME", "after": "the run to set against it"},
)
def bench_compare(context: Context, before: str, after: str, json: bool = False) -> None:
    """Say what has clearly become worse or better between two runs; exit code 3 for worse."""
    from skerry.commands.disk import history

    sys.exit(history.show_differences(before, after, json))


@task(name="bench-history", help=INVENTORY | {"host": "only this one"})
def bench_history(context: Context, inventory: str, host: str = "") -> None:
    """List an inventory's runs, host by host."""
    from skerry.commands.disk import history
    from skerry.commands.inventory import load

    history.show(load(inventory).name, host)


@task(name="etcd-latency", help=INVENTORY | JSON | {"url": "etcd's metrics as the host reaches them"})
def etcd_latency(
    context: Context, inventory: str, url: str = "http://127.0.0.1:2381/metrics", json: bool = False
) -> None:
    """Set what K3s's etcd has seen of its disk against what was predicted; exit code 3 when it is too slow."""
    from skerry.commands.cluster.etcd_latency import show
    from skerry.commands.inventory import load

    sys.exit(show(load(inventory), url, json))


@task(
    name="bench-speed",
    help={
        "hosts": "how many, comma-separated (default 1,5,20)",
        "delays": "milliseconds each way to them (default 0,25)",
        "rounds": "how often each contender runs (default 5)",
        "fresh": "also from a fresh host (default yes)",
        "against": "Ansible with pipelining, with mitogen, or both (default)",
    },
)
def bench_speed(
    context: Context,
    hosts: str = "1,5,20",
    delays: str = "0,25",
    rounds: int = 5,
    fresh: bool = True,
    against: str = "pipelining,mitogen",
) -> None:
    """Time runs on a lab host against Ansible's and against the least there could be."""
    from skerry.bench.speed.run import run

    run(hosts, delays, rounds, fresh, against)


@task(
    name="lab-up",
    help={
        "hosts": "how many (default 1)",
        "backend": "qemu (own kernel) or nspawn (root, fast); default qemu",
    },
)
def lab_up(context: Context, hosts: int = 1, backend: str = "qemu") -> None:
    """Boot throw-away hosts."""
    from skerry import lab

    for host in lab.up(hosts, backend):
        print(f"{host.name}: {host.address} port {host.port} ({host.backend})")
    print("Next: invoke up inventories/lab.py")


@task(name="lab-down", help={"images": "also remove the cached images"})
def lab_down(context: Context, images: bool = False) -> None:
    """Stop the throw-away hosts and remove all they left."""
    from skerry import lab

    lab.down(images=images)


@task(name="lab-list")
def lab_list(context: Context) -> None:
    """List the throw-away hosts."""
    from skerry import lab

    for host in lab.hosts():
        print(f"{host.name}: {host.state}, {host.address} port {host.port} ({host.backend})")


@task(name="lab-ssh", help={"name": "the host, as lab-list shows it"})
def lab_ssh(context: Context, name: str) -> None:
    """Open a shell on a throw-away host."""
    import os

    from skerry import lab

    command = lab.ssh_command(name)
    os.execvp(command[0], command)  # noqa: S606  the shell takes over this terminal


@task(name="lab-reset", help={"name": "the host, as lab-list shows it"})
def lab_reset(context: Context, name: str) -> None:
    """Put a throw-away host back to fresh."""
    from skerry import lab

    lab.reset(name)


@task
def lint(context: Context) -> None:
    """Check style and types."""
    from skerry.commands.dev.testing import lint as run_lint

    sys.exit(run_lint())


@task
def docs(context: Context) -> None:
    """Build the documentation into docs/_build/html; exit code 1 when a reference leads nowhere."""
    from skerry.commands.dev.docs import OUTPUT, build

    code = build()
    print(f"Next: open {OUTPUT / 'index.html'}" if code == 0 else "mend the warnings above")
    sys.exit(code)


@task(
    help={
        "only": "one layer: lint, unit, bench, fleet, lab, backend, cluster, harden, vm or e2e (default: all)"
    }
)
def test(context: Context, only: str = "") -> None:
    """Run every test layer that this machine can run, and say which it cannot and why."""
    from skerry.commands.dev.testing import run_layers

    sys.exit(run_layers(only))
