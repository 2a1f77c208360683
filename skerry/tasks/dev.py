"""Tasks for a first try and for the development of Skerry."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task
from skerry.tasks.help_texts import JSON


@task(name="try", help={"backend": "qemu (own kernel, default) or nspawn (needs root, fast)"} | JSON)
def try_(context: Context, backend: str = "qemu", json: bool = False) -> int:
    """Boot a lab host, deploy to it and verify it."""
    from skerry.commands.dev import demo

    return demo.show(backend, json)


@task
def lint(context: Context) -> int:
    """Check style, types, import rules and spelling."""
    from skerry.commands.dev import testing

    return testing.lint()


@task
def docs(context: Context) -> int:
    """Build the documentation into docs/_build/html; exit code 1 when a reference leads nowhere."""
    from skerry.commands.dev import docs

    return docs.show()


@task(
    help={
        "only": "run one layer: lint, unit, bench, fleet, lab, backend, cluster, harden, vm or e2e (default: all)"
    }
)
def test(context: Context, only: str = "") -> int:
    """Run the test layers that this machine supports; list the others with the reason."""
    from skerry.commands.dev import testing

    return testing.run_layers(only)


@task(
    name="bench-speed",
    help={
        "hosts": "numbers of hosts, comma-separated (default 1,5,20)",
        "delays": "network delays each way in ms, comma-separated (default 0,25)",
        "rounds": "runs of each contender (default 5)",
        "fresh": "time the first run on a fresh host, too (default yes)",
        "against": "Ansible with pipelining, mitogen or both, comma-separated (default both)",
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
    """Time deploys to a lab host and compare them with Ansible's."""
    from skerry.commands.dev.speed import bench_speed

    bench_speed(hosts, delays, rounds, fresh, against)
