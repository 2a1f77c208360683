"""System: controls of updates, logs, accounts, services and permissions."""

from __future__ import annotations

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control, GdprArticle
from skerry.model.hardening.system_files import (
    AUDIT_RULES,
    AUDITD,
    LOGROTATE,
    SHM,
    SUDO,
    banner_files,
    journal_file,
)
from skerry.model.hardening.updates import UPDATE_UNITS, reboot_files, update_files
from skerry.model.settings.settings import Settings

# Services that a K3s node does not need. Each opens ports, or handles hardware or files that a node does not have.
SERVICES = (
    "apport", "autofs", "avahi-daemon", "bluetooth", "cups", "cups-browsed", "dovecot", "isc-dhcp-server",
    "ModemManager", "named", "nis", "rpcbind", "rsync", "slapd", "smbd", "snmpd", "squid", "vsftpd", "whoopsie",
    "xinetd",
)  # fmt: skip
# Clients that send passwords unencrypted.
CLIENTS = ("nis", "rsh-client", "rsh-redone-client", "talk", "telnet", "tftp")
PACKAGES = ("apparmor", "auditd", "nftables", "unattended-upgrades")

_ACCOUNTS = {
    "/etc/passwd": "644 root root", "/etc/passwd-": "644 root root|absent",
    "/etc/group": "644 root root", "/etc/group-": "644 root root|absent",
    "/etc/shadow": "640 root shadow|640 root root", "/etc/shadow-": "640 root shadow|640 root root|absent",
    "/etc/gshadow": "640 root shadow|640 root root", "/etc/gshadow-": "640 root shadow|640 root root|absent",
}  # fmt: skip
_CRON = {
    "/etc/crontab": "600 root root|absent",
    **{f"/etc/cron.{name}": "700 root root|absent" for name in ("d", "hourly", "daily", "weekly", "monthly")},
}
_SECRETS = {
    "/root": "700 root root", "/etc/ssh/sshd_config": "600 root root",
    "/boot/grub/grub.cfg": "600 root root|absent", "/boot/System.map-*": "600 root root|absent",
    **{f"/etc/ssh/ssh_host_{type}_key": "600 root root|absent" for type in ("ed25519", "rsa")},
}  # fmt: skip


def files(settings: Settings, index: int) -> list[File]:
    """Returns all files of these controls. `index`: the host's position in the inventory, which staggers reboots."""
    return [
        *update_files(),
        *reboot_files(settings, index),
        AUDIT_RULES,
        AUDITD,
        SHM,
        LOGROTATE,
        *banner_files(settings.login_banner),
        journal_file(settings.journal_max_mib),
    ]


def controls(settings: Settings, index: int) -> list[Control]:
    """Returns the system's controls."""
    window = reboot_files(settings, index)
    return [
        _control("SYS-01", "Security updates are installed automatically", "1.9", "1.9", "32(1)(b) integrity",
                 "K3s is not a package, so updates do not touch it", _package("unattended-upgrades"),
                 _files(update_files()), _units(UPDATE_UNITS, "active")),
        _control("SYS-02", "A host that needs a reboot is drained and rebooted in its window", "", "",
                 "32(1)(b) availability and resilience", "the node is drained first, and no other node is down",
                 _files(window), _units(("skerry-reboot.timer",) if window else (), "active")),
        _control("SYS-03", "Changes to accounts, rights, SSH and K3s are recorded", "4.1.1-4.1.16", "4.1.1-4.1.3",
                 "32(1)(d) testing and evaluation", "24 rules that ignore the processes in pods",
                 _package("auditd"), _files([AUDIT_RULES, AUDITD]), _units(("auditd",), "active")),
        _control("SYS-04", "Logs survive reboots and are limited in size", "4.2.2", "4.2.1.3, 4.2.1.4, 4.2.1.6",
                 "32(1)(d) testing and evaluation", "the kubelet keeps pods' logs, with limits of its own",
                 _files([journal_file(settings.journal_max_mib)])),
        _control("SYS-05", "AppArmor is active", "1.7.1.1", "1.6.1.1, 1.6.1.2", "32(1)(b) integrity",
                 "containerd needs its parser if the kernel has AppArmor enabled, and gives pods a profile",
                 _package("apparmor"), _units(("apparmor",), "active")),
        _control("SYS-06", "A banner warns before login and reveals no version", "1.8.1", "1.7.1-1.7.3",
                 "32(1)(b) confidentiality", "text only", _files(banner_files(settings.login_banner))),
        _control("SYS-07", "Account files are protected from reading and changes", "6.1.2-6.1.9", "6.1.1-6.1.8",
                 "32(1)(b) confidentiality", "K3s does not read them", _modes(_ACCOUNTS)),
        _control("SYS-08", "cron runs, and only root can change its tables", "5.1.1-5.1.7", "5.1.1-5.1.7",
                 "32(1)(b) integrity", "K3s uses no cron", _package("cron"), _units(("cron",), "active"),
                 _modes(_CRON)),
        _control("SYS-09", "Only root can read keys, its home, boot menu and kernel symbols", "1.5.2, 5.2.1, 5.2.2",
                 "1.4.2, 5.2.1, 5.2.2", "32(1)(b) confidentiality", "the kubelet runs as root", _modes(_SECRETS)),
        _control("SYS-10", "Users' new files are closed to others", "5.4.4", "5.5.4", "32(1)(b) confidentiality",
                 "logins only; K3s's unit keeps systemd's 0022, without which pods cannot read their files (k8s#96342)",
                 (Check("line", "/etc/login.defs UMASK", "027"),)),
        _control("SYS-11", "sudo is logged and runs in its own terminal", "1.3.2, 1.3.3", "5.3.2, 5.3.3",
                 "32(1)(d) testing and evaluation", "sudo without a password stays, because deploys need it",
                 _files([SUDO])),
        _control("SYS-12", "Unneeded services are off", "2.1, 2.2", "2.2, 2.4", "32(1)(b) confidentiality",
                 "pods bring their own services; waive it if volumes are NFS v3 (rpcbind)", _units(SERVICES, "off")),
        _control("SYS-13", "No clients that send passwords unencrypted", "2.3", "2.3", "32(1)(b) confidentiality",
                 "kubectl and K3s use TLS", tuple(Check("package", name, "absent") for name in CLIENTS)),
        _control("SYS-14", "Programs cannot run from shared memory", "1.1.7-1.1.9", "1.1.8", "32(1)(b) integrity",
                 "pods have a /dev/shm of their own; /tmp and /var stay executable (k3s#7372)",
                 _shm(), _files([SHM]), _units(("skerry-shm",), "active")),
        _control("SYS-15", "Logs are also written to text files, which rotate", "4.2.1.1, 4.2.1.2, 4.3", "4.2.2",
                 "32(1)(d) testing and evaluation", "K3s's own log only; the kubelet keeps pods' logs",
                 _package("rsyslog"), _package("logrotate"), _files([LOGROTATE]),
                 _units(("rsyslog", "logrotate.timer"), "active")),
    ]  # fmt: skip


def _control(
    id: str,
    title: str,
    ubuntu: str,
    debian: str,
    gdpr_article: GdprArticle,
    k3s_compatibility: str,
    *checks: tuple[Check, ...],
) -> Control:
    return Control(
        id, title, "CIS, dev-sec, Lynis", ubuntu, debian, gdpr_article, k3s_compatibility, sum(checks, ())
    )


def _files(files: list[File]) -> tuple[Check, ...]:
    return tuple(Check("file", file.path, file.state) for file in files)


def _units(names: tuple[str, ...], expected: str) -> tuple[Check, ...]:
    return tuple(Check("unit", name, expected) for name in names)


def _package(name: str) -> tuple[Check, ...]:
    return (Check("package", name, "installed"),)


def _modes(modes: dict[str, str]) -> tuple[Check, ...]:
    return tuple(Check("mode", path, expected) for path, expected in modes.items())


def _shm() -> tuple[Check, ...]:
    return (Check("mount", "/dev/shm", "nodev,noexec,nosuid"),)  # noqa: S108  read, not written
