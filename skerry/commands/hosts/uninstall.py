"""`invoke uninstall` and `invoke unharden`: undo a deploy, after confirmation."""

from __future__ import annotations

from skerry.commands.hosts.up import deploy
from skerry.commands.inventory import load
from skerry.commands.stages import finish
from skerry.local.console import require_confirmation


def uninstall(inventory_path: str, delete_volumes: bool, yes: bool) -> int:
    """Drain the nodes and remove K3s. Returns the exit code. Raises InputError without confirmation."""
    what = "K3s, its data and ALL LOCAL VOLUMES" if delete_volumes else "K3s and its data"
    require_confirmation(f"Remove {what} from {_hosts(inventory_path)}?", yes, "nothing was removed")
    data: dict[str, object] = {"uninstall_delete_volumes": True} if delete_volumes else {}
    code, stages = deploy(inventory_path, "deploy/uninstall.py", data)
    return finish(code, stages, f"invoke {'uninstall' if code else 'up'} {inventory_path}")


def unharden(inventory_path: str, yes: bool) -> int:
    """Restore the state from before the hardening. Returns the exit code. Raises InputError without confirmation."""
    question = f"Restore the state from before the hardening on {_hosts(inventory_path)}?"
    require_confirmation(question, yes)
    code, stages = deploy(inventory_path, "deploy/unharden.py", {})
    return finish(code, stages, f"invoke audit {inventory_path}")


def _hosts(inventory_path: str) -> str:
    return ", ".join(host.name for host in load(inventory_path).hosts)
