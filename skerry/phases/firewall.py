"""Firewall: our own nftables table denies what the host's role does not need. Other rules are left alone."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.hardening import HardeningState
from skerry.model.hardening.firewall import SERVICE, UNIT
from skerry.model.host_paths import FIREWALL_RULES
from skerry.model.preparation.packages import install_script
from skerry.operations import Commands, operation
from skerry.operations.guard import guarded
from skerry.phases.hardening_context import backup_originals, hardening_fact, host_context, plan_for

REMEDY = "see firewall_ssh_from: is your own address in it?"
RELOAD = f"systemctl daemon-reload && systemctl enable --quiet {UNIT} && systemctl reload-or-restart {UNIT}"

# Stopping nftables.service would flush every rule of the host, also kube-proxy's. Instead, the tables that its file
# defines (loaded in a network namespace of its own to list them) are deleted by name, except those that iptables
# shares.
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
    if not host_context().settings.harden:
        return
    fact = hardening_fact()
    _install(name="Install nftables", fact=fact)
    _load(name="Load the firewall", fact=fact)


@operation
def _install(fact: BatchedFact[HardeningState]) -> Commands:
    plan = plan_for(fact.at_start())
    if "FW-01" not in plan.active_ids or ("package", "nftables") in plan.state.values:
        host.noop("nftables is installed")
        return
    yield from backup_originals(plan.state, ["install nftables"])
    yield StringCommand(install_script(("nftables",)))


@operation
def _load(fact: BatchedFact[HardeningState]) -> Commands:
    plan = plan_for(fact.current())
    state = plan.state
    if "FW-01" not in plan.active_ids:
        host.noop("FW-01 is waived")
        return
    # The SSH phase rolls back a change that is still armed: files that the fact shows may then be gone.
    files = [
        file for file in (plan.rules, SERVICE) if state.armed or state.files.get(file.path) != file.state
    ]
    loaded = state.values["firewall", "table inet skerry"] == "as written"
    enabled = state.values.get(("unit", UNIT.removesuffix(".service"))) == "active"
    conflicting = [check.key for check in plan.wrong if check.kind == "unit" and check.key in TAKE_OVER]
    if loaded and enabled and not (files or conflicting):
        host.noop("the firewall is loaded")
        return
    originals = [f"file {file.path}" for file in files] + [f"unit {unit}" for unit in (UNIT, *conflicting)]
    yield from backup_originals(state, originals)
    yield from guarded(
        "firewall",
        files,
        [],
        check=f"nft -c -f {FIREWALL_RULES}",
        follow=" && ".join([RELOAD, *(f"{{ {TAKE_OVER[unit]}; }}" for unit in conflicting)]),
        seconds=plan.host_context.settings.rollback_seconds,
        remedy=REMEDY,
    )
