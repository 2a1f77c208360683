"""Each control's check passes on a hardened host, and fails after the control was undone by a shell command.

The state of the kernel, which containers share with this machine, is tested in tests/vm.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from skerry import lab
from skerry.checks.readings import CONTAINER, current_faults
from skerry.checks.shell import Shell
from skerry.commands.hosts.verify import write_ssh_config
from skerry.commands.inventory import load
from skerry.model.hardening import catalogue
from skerry.model.hardening.control import Check, Control
from skerry.model.hardening.host_context import HostContext
from skerry.model.hardening.kernel import MODULES_FILE
from tests.lab.conftest import Run, WriteInventory

K3S = "/etc/rancher/k3s/config.yaml"
PROFILE: dict[str, object] = {
    "k3s_profile": "cis",
    "harden_exceptions": {"K3S-02": {"reason": "a container's kernel", "until": "2099-01-01"}},
}


def undo(check: Check) -> tuple[str, str]:
    """A command that undoes what a check asks for, and a command that restores it."""
    key = check.key
    drop_in = "/etc/ssh/sshd_config.d/00-a.conf"
    unit = f"/etc/systemd/system/{key}.service"
    deb = (
        f"umask 022; d=$(mktemp -d) && mkdir $d/DEBIAN && printf 'Package: {key}\\nVersion: 99\\nArchitecture: all\\n"
        f"Maintainer: a\\nDescription: a\\n' > $d/DEBIAN/control && dpkg-deb -b $d $d.deb && dpkg -i $d.deb"
    )
    commands: dict[str, tuple[str, str]] = {
        "sshd": (
            f"echo '{key} {WEAK_VALUES.get(key, 'yes' if check.expected == 'no' else 'no')}' > {drop_in}",
            f"rm {drop_in}",
        ),
        "hostkeys": (
            "ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key",
            "rm /etc/ssh/ssh_host_ecdsa_key*",
        ),
        "sysctl": (f"echo '{key} = 7' > /etc/sysctl.d/zzz.conf", "rm /etc/sysctl.d/zzz.conf"),
        "module": _edited(MODULES_FILE, f"/{key}/d"),
        "file": (f"cp -a {key} /root/original && echo '# by hand' >> {key}", f"mv /root/original {key}"),
        "mode": (f"stat -c %a {key} > /root/mode; chmod o+rx {key}", f"chmod $(cat /root/mode) {key}"),
        "line": _edited(key.split()[0], f"s/^{key.split()[-1]}.*/{key.split()[-1]} 022/"),
        "firewall": ("nft add rule inet skerry input accept", "systemctl reload skerry-firewall"),
        "k3s": _edited(K3S, f"/{key.split()[-1]}/d"),
        "package": (f"dpkg --remove --force-depends {key}", "true")
        if check.expected == "installed"
        else (deb, f"dpkg --purge {key}"),
        "unit": (f"systemctl disable --now {key}", f"systemctl enable --now {key}")
        if check.expected == "active"
        else (
            f"printf '[Service]\\nExecStart=/bin/sleep 600\\n' > {unit}; systemctl daemon-reload; "
            f"systemctl start {key}",
            f"systemctl stop {key}; rm {unit}; systemctl daemon-reload",
        ),
    }
    if key == "ufw":
        return "mkdir -p /etc/ufw && echo ENABLED=yes > /etc/ufw/ufw.conf", "rm -r /etc/ufw"
    return commands[check.kind]


WEAK_VALUES = {"x11forwarding": "yes", "allowtcpforwarding": "yes",
         "permitrootlogin": "yes", "loglevel": "QUIET", "maxauthtries": "6",
         "logingracetime": "300", "kexalgorithms": "diffie-hellman-group14-sha256", "ciphers": "aes256-cbc",
         "macs": "hmac-sha1", "hostkeyalgorithms": "ecdsa-sha2-nistp256", "banner": "none", "clientalivecountmax": "9",
         "pubkeyacceptedkeytypes": "ssh-rsa"}  # fmt: skip


def _edited(path: str, expression: str) -> tuple[str, str]:
    return f"cp -a {path} /root/original && sed -i '{expression}' {path}", f"mv /root/original {path}"


def undoable_checks(host: Any, control: Control) -> list[Check]:
    """The checks of a control that a command can undo in a container, one of each kind."""
    # The first of each kind: for modes, this is not that of sshd's host key.
    checks = {
        check.kind: check
        for check in reversed(control.checks)
        if check.key not in CONTAINER and check.kind != "mount"
        if check.kind != "mode" or host.file(check.key).exists
    }
    if {"package", "unit"} <= set(checks) and checks["package"].expected == "installed":
        del checks["package"]  # its service is undone instead, because an archive is not always reachable
    return list(checks.values())


@pytest.fixture(scope="module")
def cis_node(
    prepared: str, artifacts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, list[Control], HostContext]]:
    """A hardened node with the CIS profile through testinfra, its controls, and its hardening context."""
    from tests.lab.runs import Running, write_inventory

    host, folder = lab.restore(prepared, "prepared"), tmp_path_factory.mktemp("cis")
    path = write_inventory(folder, host, artifacts, PROFILE)
    result = Running(path, "deploy/k3s.py", folder / "home").finish()
    assert result.code == 0, result.stderr
    [inventory_host] = load(str(path)).hosts
    shell = Shell(host.name, str(write_ssh_config(folder, [inventory_host])))
    host_context = HostContext("server", inventory_host.settings, 0, ())
    controls = catalogue.active(catalogue.controls(host_context), inventory_host.settings.harden_exceptions)
    yield Host(shell), controls, host_context
    shell.close()


def test_every_control_passes_as_deployed(cis_node: tuple[Any, list[Control], HostContext]) -> None:
    host, controls, host_context = cis_node
    faults = {control.id: current_faults(host, control, False, host_context) for control in controls}
    assert {id: lines for id, lines in faults.items() if lines} == {}


@pytest.mark.parametrize("id", sorted(catalogue.IDS))
def test_a_control_that_was_undone_fails(
    id: str, prepared: str, cis_node: tuple[Any, list[Control], HostContext]
) -> None:
    host, controls, host_context = cis_node
    control = next((control for control in controls if control.id == id), None)
    if control is None:
        pytest.skip("waived: it needs a kernel of its own")
    checks = undoable_checks(host, control)
    if not checks:
        pytest.skip("nothing of it can be undone in a container; see tests/vm")
    for check in checks:
        undo_command, restore_command = undo(check)
        lab.run(prepared, undo_command)
        faults = current_faults(host, control, False, host_context)
        lab.run(prepared, restore_command)
        assert any(f"{check.kind} {check.key}:" in fault for fault in faults), (check, faults)
    assert current_faults(host, control, False, host_context) == []


def test_one_wrong_file_of_a_pattern_fails(
    prepared: str, cis_node: tuple[Any, list[Control], HostContext]
) -> None:
    """The symbols of one of two kernels are readable by everyone."""
    host, controls, host_context = cis_node
    [permissions] = [control for control in controls if control.id == "SYS-09"]
    lab.run(prepared, "cd /boot && umask 022 && touch System.map-1 System.map-2 && chmod 600 System.map-1")
    faults = current_faults(host, permissions, False, host_context)
    lab.run(prepared, "rm /boot/System.map-*")
    assert faults == ["mode /boot/System.map-*: 644 root root, should be 600 root root|absent"]


def test_an_exception_is_an_accepted_risk_until_its_day(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    """The control is not applied, the audit says why, and fails once the day has passed."""
    from datetime import date

    from skerry.commands.hosts.audit import audit

    exceptions = {"SSH-03": {"reason": "an old client", "until": "2026-12-31"}}
    path = inventory(host, harden_exceptions=exceptions)
    assert run(path, "deploy/harden.py").changed == ["SSH | Harden sshd, keys and sudo"]
    assert "maxauthtries 6" in lab.run(host.name, "sshd -T").stdout
    for day, verdict, passed in (
        (date(2026, 12, 31), "accepted", True),
        (date(2027, 1, 1), "expired", False),
    ):
        [host_audit] = audit(load(str(path)), day)
        [finding] = [finding for finding in host_audit.findings if finding.control.id == "SSH-03"]
        assert (finding.verdict, finding.ok, "an old client" in finding.reason) == (verdict, passed, True)
        assert host_audit.ok == passed, [finding.reason for finding in host_audit.findings if not finding.ok]


def test_unharden_restores_the_former_state(
    fresh_host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    host = fresh_host
    lab.run(
        host.name,
        "echo 'Welcome' > /etc/motd; chmod 644 /etc/crontab 2>/dev/null; rm -rf /var/lib/apt/lists/*; "
        "cd /boot && umask 022 && touch System.map-1 System.map-2 && chmod 640 System.map-1",
    )
    before = system(host)
    hardened = run(inventory(host), "deploy/harden.py", seconds=300)
    assert hardened.code == 0, hardened.stderr
    assert system(host) != before
    assert lab.run(host.name, "stat -c %a /boot/System.map-*").stdout == "600\n600\n"
    undone = run(inventory(host), "deploy/unharden.py", seconds=300)
    assert undone.code == 0, undone.stderr + undone.stdout
    assert system(host) == before
    assert run(inventory(host), "deploy/unharden.py").changed == []


def system(host: lab.LabHost) -> dict[str, str]:
    """All files of /etc with modes and checksums, sshd's effective configuration, and the loaded firewall rules."""
    script = (
        "cd /etc && find . -type f ! -path './ssl/*' ! -name ld.so.cache ! -name '*-' ! -name passwd ! -name group "
        "! -name shadow ! -name gshadow ! -name .updated -exec stat -c '%n %a %U %G' {} + "
        "-exec sha256sum {} + | sort; sshd -T; nft list ruleset 2>/dev/null; "
        "ls -d /var/lib/skerry/guard /var/lib/skerry/before /usr/local/lib/skerry 2>/dev/null; "
        "stat -c '%n %a' /root /etc/cron.d /boot/System.map-*"
    )
    lines = lab.run(host.name, script, check=False).stdout.splitlines()
    return {str(number): line for number, line in enumerate(sorted(lines))}
