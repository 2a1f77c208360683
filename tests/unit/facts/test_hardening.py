"""The output of the hardening script is parsed, and compared by a plan."""

from __future__ import annotations

from skerry.facts.hardening import parse
from skerry.model.hardening import catalogue
from skerry.model.hardening.host_context import HostContext
from skerry.model.host_paths import FIREWALL_RULES
from skerry.phases.hardening_plan import HardeningPlan, values_to_read

OUTPUT = """@files
/etc/skerry/firewall.nft 600 root root 0
@kept
@armed
@openssh
OpenSSH_8.2
@sshd
port 22
maxauthtries 4
@include
include /etc/ssh/sshd_config.d/*.conf
@hostkeys
/etc/ssh/ssh_host_ed25519_key ed25519 256
/etc/ssh/ssh_host_rsa_key rsa 2048
@sshports
22
@sysctls
kernel.sysrq 0
@modules
dccp loadable
@modes
/root 700 root root
@units
Id=rpcbind.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=ufw.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
@ufw
@packages
nftables installed
@mounts
/dev/shm rw,nosuid
@lines
/etc/login.defs UMASK 022
@firewall
differs
@k3s
secrets-encryption: true
kubelet-arg:
- max-pods=110
@users
ada /home/ada
@virtualisation
kvm"""


def test_the_output_is_parsed_into_values_by_kind_and_key(host_context: HostContext) -> None:
    state = parse(OUTPUT.splitlines())
    expected = {
        ("sshd", "maxauthtries"): "4", ("hostkeys", "weak"): "rsa", ("sysctl", "kernel.sysrq"): "0",
        ("module", "dccp"): "loadable", ("mode", "/root"): "700 root root", ("unit", "rpcbind"): "off",
        ("unit", "ufw"): "off", ("package", "nftables"): "installed", ("mount", "/dev/shm"): "rw,nosuid",
        ("line", "/etc/login.defs UMASK"): "022", ("firewall", "table inet skerry"): "differs",
        ("k3s", "secrets-encryption"): "true", ("k3s", "kubelet-arg max-pods"): "110",
    }  # fmt: skip
    assert expected.items() <= state.values.items()
    assert (state.openssh, state.include, state.ssh_ports, state.own_kernel) == ((8, 2), True, (22,), True)
    assert state.homes["ada"] == "/home/ada"
    plan = HardeningPlan(host_context, state)
    assert plan.values["file", FIREWALL_RULES] == "differs"
    assert ("line", "/etc/login.defs UMASK") in [check.id for check in plan.wrong]


def test_the_script_reads_every_check(host_context: HostContext) -> None:
    arguments = values_to_read(host_context)
    for control in catalogue.controls(host_context):
        for check in control.checks:
            if check.kind in ("sysctl", "module", "file", "mode", "package", "mount", "line"):
                assert f"{check.kind} {check.key}" in arguments
