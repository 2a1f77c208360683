"""Firewall: a table of our own drops incoming traffic that the host's role does not need.

The services of other firewalls (ufw, firewalld, nftables.service) are switched off. All other rules stay, such as
kube-proxy's.
"""

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

# Commands that switch off another firewall, by unit. The guard's rollback switches it on again.
SWITCH_OFF = {
    "ufw": "ufw --force disable > /dev/null",
    "firewalld": "systemctl disable --quiet --now firewalld",
    # Stopping nftables.service would flush all rules on the host, including kube-proxy's. So it is stopped without its
    # ExecStop. /etc/nftables.conf is loaded in an empty network namespace to list the tables that it defines, and these
    # are deleted by name, except our own and those that iptables uses, too. A table may be gone already: no error.
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
    """Load table "inet skerry", now and at every boot, and prove with a new SSH connection that it lets us in."""
    if not host_context().settings.harden:
        return
    fact = hardening_fact()
    _install(name="Install nftables", fact=fact)
    _load(name="Load the firewall", fact=fact)


@operation
def _install(fact: BatchedFact[HardeningState]) -> Commands:
    plan = plan_for(fact.at_start())
    if "FW-01" not in plan.active_ids:
        host.noop("FW-01 is waived")
        return
    if ("package", "nftables") in plan.state.values:
        host.noop("nftables is installed")
        return
    yield from backup_originals(plan.state, ["install nftables"])
    yield StringCommand(install_script(("nftables",)))


@operation
def _load(fact: BatchedFact[HardeningState]) -> Commands:
    # Not at_start(): the SSH phase has changed the host since.
    plan = plan_for(fact.current())
    state = plan.state
    if "FW-01" not in plan.active_ids:
        host.noop("FW-01 is waived")
        return
    # A change that was armed when the fact was read is rolled back by the SSH phase. The files that the fact shows may
    # be gone by now, so all are written.
    files = [
        file for file in (plan.rules, SERVICE) if state.armed or state.files.get(file.path) != file.state
    ]
    loaded = state.values["firewall", "table inet skerry"] == "as written"
    enabled = state.values.get(("unit", UNIT.removesuffix(".service"))) == "active"
    conflicting = [check.key for check in plan.wrong if check.kind == "unit" and check.key in SWITCH_OFF]
    if loaded and enabled and not (files or conflicting):
        host.noop("the firewall is loaded")
        return
    originals = [f"file {file.path}" for file in files] + [f"unit {unit}" for unit in (UNIT, *conflicting)]
    yield from backup_originals(state, originals)
    yield from guarded(
        "firewall",
        files,
        absent=[],
        check=f"nft -c -f {FIREWALL_RULES}",
        follow=" && ".join([RELOAD, *(f"{{ {SWITCH_OFF[unit]}; }}" for unit in conflicting)]),
        seconds=plan.host_context.settings.rollback_seconds,
        remedy=REMEDY,
    )
