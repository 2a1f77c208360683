"""Taking K3s off again, after a person has said so."""

from __future__ import annotations

from skerry.commands.hosts.up import deploy, print_stages
from skerry.commands.inventory import load
from skerry.model.errors import InputError
from skerry.remote import trust


def uninstall(inventory_path: str, delete_volumes: bool, yes: bool) -> int:
    """Drain and remove. Returns the exit code. Raises InputError when nobody confirms."""
    inventory = load(inventory_path)
    hosts = ", ".join(host.name for host in inventory.hosts)
    what = "K3s, its data and ALL LOCAL VOLUMES" if delete_volumes else "K3s and its data"
    if not yes and not trust.ask(f"Remove {what} from {hosts}?"):
        raise InputError("nothing was removed; confirm at a terminal, or say --yes")
    data: dict[str, object] = {"uninstall_delete_volumes": True} if delete_volumes else {}
    code, stages = deploy(inventory_path, "deploy/uninstall.py", data)
    if stages:
        task = "up" if code == 0 else "uninstall"
        print_stages(stages, f"invoke {task} {inventory_path}", as_json=False)
    return code


def unharden(inventory_path: str, yes: bool) -> int:
    """Take the hardening off. Returns the exit code. Raises InputError when nobody confirms."""
    hosts = ", ".join(host.name for host in load(inventory_path).hosts)
    if not yes and not trust.ask(f"Put back what was there before the hardening of {hosts}?"):
        raise InputError("nothing was changed; confirm at a terminal, or say --yes")
    code, stages = deploy(inventory_path, "deploy/unharden.py", {})
    if stages:
        print_stages(stages, f"invoke audit {inventory_path}", as_json=False)
    return code
