"""Tasks for throw-away hosts on this machine."""

from __future__ import annotations

from invoke import Context

from skerry.tasks.cli import task

NAME = {"name": "name of the host, as lab-list shows it"}


@task(
    name="lab-up",
    help={
        "hosts": "number of hosts (default 1)",
        "backend": "qemu (own kernel, default) or nspawn (needs root, fast)",
    },
)
def lab_up(context: Context, hosts: int = 1, backend: str = "qemu") -> None:
    """Boot throw-away hosts."""
    from skerry.commands.dev import lab

    lab.up(hosts, backend)


@task(name="lab-down", help={"images": "delete the cached images, too"})
def lab_down(context: Context, images: bool = False) -> None:
    """Stop the throw-away hosts and delete all their files."""
    from skerry.commands.dev import lab

    lab.down(images)


@task(name="lab-list")
def lab_list(context: Context) -> None:
    """List the throw-away hosts."""
    from skerry.commands.dev import lab

    lab.show()


@task(name="lab-ssh", help=NAME)
def lab_ssh(context: Context, name: str) -> None:
    """Open a shell on a throw-away host."""
    from skerry.commands.dev import lab

    lab.open_shell(name)


@task(name="lab-reset", help=NAME)
def lab_reset(context: Context, name: str) -> None:
    """Reset a throw-away host to its state after the first boot."""
    from skerry.commands.dev import lab

    lab.reset(name)
