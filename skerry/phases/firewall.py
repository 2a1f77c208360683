"""Firewall: a table of our own denies what the host's role does not need. Nobody else's rules are touched."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.hardening.firewall import SERVICE, UNIT
from skerry.model.host_paths import FIREWALL_RULES
from skerry.operations import Commands, operation
from skerry.operations.guard import guarded
from skerry.phases.hardening_context import backup_originals, host_context, planned, snapshot
from skerry.phases.hardening_plan import Plan
from skerry.phases.packages import install_script

REMEDY = "see firewall_ssh_from: is your own address in it?"
RELOAD = f"systemctl daemon-reload && systemctl enable --quiet {UNIT} && systemctl reload-or-restart {UNIT}"

# nftables.service would flush every rule of the host when it is stopped, kube-proxy's among them. The tables that
# its file makes, as a network namespace of its own shows, are deleted by name, but for those that iptables shares.
TAKE_OVER = {
    "ufw": "ufw --force disable > /dev/null",
    "firewalld": "systemctl disable --quiet --now firewalld",
    "nftables": (
        "mkdir -p /run/systemd/system/nftables.service.d && "
        "printf '[Service]\\nExecStop=\\n' > /run/systemd/system/nftables.service.d/skerry.conf && "
        "systemctl daemon-reload && systemctl disable --quiet --now nftables; "
        "rm -r /run/systemd/system/nftables.service.d; systemctl daemon-reload; "
        "unshare --net sh -c 'nft -f /etc/nftables.conf; nft list tables' | "
        "grep -Ev '^table (inet skerry|ip6? (filter|nat|mangle|raw|security))$' | "
        'while read -r word family name; do nft delete table "$family" "$name" 2> /dev/null; done; true'
    ),
}


@deploy("Firewall")
def firewall() -> None:
    """Table "inet skerry" is loaded, now and at every boot, and a new connection has shown that it lets us in."""
    mine = host_context()
    if not mine.settings.harden:
        return
    found = snapshot(mine)
    _install(name="Install nftables", found=found)
    _load(name="Load the firewall", found=found)


def _wanted(plan: Plan) -> bool:
    return any(control.id == "FW-01" for control in plan.active)


@operation
def _install(found: BatchedFact[HardeningState]) -> Commands:
    plan = planned(found.at_start())
    if not _wanted(plan) or ("package", "nftables") in plan.state.found:
        host.noop("nftables is installed")
        return
    yield from backup_originals(plan.state, ["install nftables"])
    yield StringCommand(install_script(("nftables",)))


@operation
def _load(found: BatchedFact[HardeningState]) -> Commands:
    plan = planned(found.current())
    state = plan.state
    if not _wanted(plan):
        host.noop("FW-01 is waived")
        return
    # An unproven change was taken back by the SSH phase: what was found of it does not count.
    files = [
        file for file in (plan.rules, SERVICE) if state.armed or state.files.get(file.path) != file.state
    ]
    loaded = state.found["firewall", "table inet skerry"] == "as written"
    enabled = state.found.get(("unit", UNIT.removesuffix(".service"))) == "active"
    rivals = [c.key for c in plan.wrong if c.kind == "unit" and c.key in TAKE_OVER]
    if loaded and enabled and not (files or rivals):
        host.noop("the firewall is loaded")
        return
    yield from backup_originals(
        state, [*(f"file {f.path}" for f in files), *(f"unit {each}" for each in [UNIT, *rivals])]
    )
    follow = " && ".join([RELOAD, *(f"{{ {TAKE_OVER[each]}; }}" for each in rivals)])
    yield from guarded(
        "firewall",
        files,
        [],
        f"nft -c -f {FIREWALL_RULES}",
        follow,
        plan.host_context.settings.rollback_seconds,
        REMEDY,
    )
