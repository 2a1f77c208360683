"""The system around the kernel: updates, logs, accounts, services, permissions."""

from __future__ import annotations

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control, GdprArticle
from skerry.model.hardening.updates import UPDATE_UNITS, reboot_files, update_files
from skerry.model.settings.settings import Settings

AUDIT_RULES = File(
    "/etc/audit/rules.d/50-skerry.rules",
    """# Written by Skerry. Few rules on purpose: hundreds drown a K3s host (konstruktoid/hardening#29).
# Pods have no login user (auid), so that what runs in them is left out.
-D
-b 8192
-f 1
-r 500
-a never,exclude -F msgtype=CWD
-w /etc/passwd -p wa -k identity
-w /etc/group -p wa -k identity
-w /etc/shadow -p wa -k identity
-w /etc/gshadow -p wa -k identity
-w /etc/sudoers -p wa -k scope
-w /etc/sudoers.d -p wa -k scope
-w /etc/ssh -p wa -k sshd
-w /root/.ssh -p wa -k keys
-w /etc/rancher -p wa -k k3s
-w /usr/local/lib/k3s -p wa -k k3s
-w /etc/systemd/system -p wa -k units
-w /etc/localtime -p wa -k time
-w /etc/apparmor.d -p wa -k mac
-w /var/log/wtmp -p wa -k logins
-w /var/log/btmp -p wa -k logins
-a always,exit -F arch=b64 -S adjtimex -S settimeofday -S clock_settime -F auid>=1000 -F auid!=unset -k time
-a always,exit -F arch=b64 -S sethostname -S setdomainname -F auid>=1000 -F auid!=unset -k network
-a always,exit -F arch=b64 -S init_module -S finit_module -S delete_module -F auid!=unset -k modules
-a always,exit -F arch=b64 -S execve -F euid=0 -F auid>=1000 -F auid!=unset -k root-commands
-a always,exit -F arch=b64 -S mount -S umount2 -F auid>=1000 -F auid!=unset -k mounts
""",
    "640",
)
AUDITD = File(
    "/etc/audit/auditd.conf",
    """# Written by Skerry. At most 400 MiB; a full disk never stops the host.
local_events = yes
write_logs = yes
log_file = /var/log/audit/audit.log
log_group = adm
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 40
num_logs = 10
max_log_file_action = ROTATE
priority_boost = 4
name_format = HOSTNAME
space_left = 500
space_left_action = SYSLOG
action_mail_acct = root
admin_space_left = 200
admin_space_left_action = SUSPEND
disk_full_action = SUSPEND
disk_error_action = SUSPEND
""",
    "640",
)
LOGROTATE = File(
    "/etc/logrotate.conf",
    """# Written by Skerry. Daily, for four weeks. Ubuntu's /var/log is writable for a group, hence "su".
su root adm
daily
rotate 28
create
compress
delaycompress
include /etc/logrotate.d
""",
)
SUDO = File(
    "/etc/sudoers.d/00-skerry",
    '# Written by Skerry.\nDefaults use_pty\nDefaults logfile="/var/log/sudo.log"\n',
    "440",
)

SHM = File(
    "/etc/systemd/system/skerry-shm.service",
    """# Written by Skerry. systemd mounts /dev/shm itself, without noexec.
[Unit]
Description=Skerry: shared memory runs no programs
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/mount -o remount,nodev,noexec,nosuid /dev/shm

[Install]
WantedBy=sysinit.target
""",
)

# What a K3s node does not need; each opens ports or acts on hardware and files that it does not have.
SERVICES = (
    "apport", "autofs", "avahi-daemon", "bluetooth", "cups", "cups-browsed", "dovecot", "isc-dhcp-server",
    "ModemManager", "named", "nis", "rpcbind", "rsync", "slapd", "smbd", "snmpd", "squid", "vsftpd", "whoopsie",
    "xinetd",
)  # fmt: skip
CLIENTS = ("nis", "rsh-client", "rsh-redone-client", "talk", "telnet", "tftp")  # passwords in the open
PACKAGES = ("apparmor", "auditd", "nftables", "unattended-upgrades")

_ACCOUNTS = {
    "/etc/passwd": "644 root root", "/etc/passwd-": "644 root root|absent",
    "/etc/group": "644 root root", "/etc/group-": "644 root root|absent",
    "/etc/shadow": "640 root shadow|640 root root", "/etc/shadow-": "640 root shadow|640 root root|absent",
    "/etc/gshadow": "640 root shadow|640 root root", "/etc/gshadow-": "640 root shadow|640 root root|absent",
}  # fmt: skip
_CRON = {
    "/etc/crontab": "600 root root|absent",
    **{f"/etc/cron.{each}": "700 root root|absent" for each in ("d", "hourly", "daily", "weekly", "monthly")},
}
_SECRETS = {
    "/root": "700 root root", "/etc/ssh/sshd_config": "600 root root",
    "/boot/grub/grub.cfg": "600 root root|absent", "/boot/System.map-*": "600 root root|absent",
    **{f"/etc/ssh/ssh_host_{each}_key": "600 root root|absent" for each in ("ed25519", "rsa")},
}  # fmt: skip


def banner_files(text: str) -> list[File]:
    """What people see before and after they log in: no version of the system."""
    return [File(path, f"{text}\n") for path in ("/etc/issue", "/etc/issue.net", "/etc/motd")]


def journal_file(max_mib: int) -> File:
    """journald keeps logs across reboots, and not without end."""
    lines = ("Storage=persistent", f"SystemMaxUse={max_mib}M", "SystemKeepFree=1G", "Compress=yes")
    content = "\n".join(["# Written by Skerry.", "[Journal]", *lines, ""])
    return File("/etc/systemd/journald.conf.d/skerry.conf", content)


def files(settings: Settings, place: int) -> list[File]:
    """Every file of these controls. `place`: the host's position in the inventory, which staggers reboots."""
    return [
        *update_files(),
        *reboot_files(settings, place),
        AUDIT_RULES,
        AUDITD,
        SHM,
        LOGROTATE,
        *banner_files(settings.login_banner),
        journal_file(settings.journal_max_mib),
    ]


def controls(settings: Settings, place: int) -> list[Control]:
    """The controls of the system."""
    window = reboot_files(settings, place)
    return [
        _control("SYS-01", "Security updates install themselves", "1.9", "1.9", "32(1)(b) integrity",
                 "K3s is no package: it is left alone", _package("unattended-upgrades"), _files(update_files()),
                 _units(UPDATE_UNITS, "active")),
        _control("SYS-02", "A host that needs a reboot gets it in its window, drained", "", "",
                 "32(1)(b) availability and resilience", "the node is drained first, and no other is down meanwhile",
                 _files(window), _units(("skerry-reboot.timer",) if window else (), "active")),
        _control("SYS-03", "What changes accounts, rights, SSH and K3s is recorded", "4.1.1-4.1.16", "4.1.1-4.1.3",
                 "32(1)(d) testing and evaluation", "24 rules, none of which sees the processes in pods",
                 _package("auditd"), _files([AUDIT_RULES, AUDITD]), _units(("auditd",), "active")),
        _control("SYS-04", "Logs outlive a reboot and have a limit", "4.2.2", "4.2.1.3, 4.2.1.4, 4.2.1.6",
                 "32(1)(d) testing and evaluation", "pods' logs are the kubelet's, with limits of their own",
                 _files([journal_file(settings.journal_max_mib)])),
        _control("SYS-05", "AppArmor confines", "1.7.1.1", "1.6.1.1, 1.6.1.2", "32(1)(b) integrity",
                 "containerd needs its parser where the kernel has AppArmor on, and gives pods a profile",
                 _package("apparmor"), _units(("apparmor",), "active")),
        _control("SYS-06", "A banner names no version and warns", "1.8.1", "1.7.1-1.7.3",
                 "32(1)(b) confidentiality", "text only", _files(banner_files(settings.login_banner))),
        _control("SYS-07", "Account files are not open to change or reading", "6.1.2-6.1.9", "6.1.1-6.1.8",
                 "32(1)(b) confidentiality", "K3s does not read them", _modes(_ACCOUNTS)),
        _control("SYS-08", "Timetables run and are root's alone", "5.1.1-5.1.7", "5.1.1-5.1.7", "32(1)(b) integrity",
                 "K3s uses no cron", _package("cron"), _units(("cron",), "active"), _modes(_CRON)),
        _control("SYS-09", "Keys, root's home, boot menu and kernel symbols are root's alone", "1.5.2, 5.2.1, 5.2.2",
                 "1.4.2, 5.2.1, 5.2.2", "32(1)(b) confidentiality", "the kubelet is root", _modes(_SECRETS)),
        _control("SYS-10", "People's new files are closed to others", "5.4.4", "5.5.4", "32(1)(b) confidentiality",
                 "logins only: K3s's unit keeps systemd's 0022, without which pods cannot read their files (k8s#96342)",
                 (Check("line", "/etc/login.defs UMASK", "027"),)),
        _control("SYS-11", "sudo is logged and has a terminal of its own", "1.3.2, 1.3.3", "5.3.2, 5.3.3",
                 "32(1)(d) testing and evaluation", "sudo without a password stays: runs need it", _files([SUDO])),
        _control("SYS-12", "Needless services are off", "2.1, 2.2", "2.2, 2.4", "32(1)(b) confidentiality",
                 "pods bring what they need; waive it where volumes are NFS v3 (rpcbind)", _units(SERVICES, "off")),
        _control("SYS-13", "No clients that send passwords in the open", "2.3", "2.3", "32(1)(b) confidentiality",
                 "kubectl and K3s speak TLS", tuple(Check("package", each, "absent") for each in CLIENTS)),
        _control("SYS-14", "Shared memory runs no programs", "1.1.7-1.1.9", "1.1.8", "32(1)(b) integrity",
                 "pods have a /dev/shm of their own; /tmp and /var stay executable (k3s#7372)",
                 _shm(), _files([SHM]), _units(("skerry-shm",), "active")),
        _control("SYS-15", "Logs are text files, too, and rotate", "4.2.1.1, 4.2.1.2, 4.3", "4.2.2",
                 "32(1)(d) testing and evaluation", "K3s's own lines; what pods print stays with the kubelet",
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


def _units(names: tuple[str, ...], wanted: str) -> tuple[Check, ...]:
    return tuple(Check("unit", name, wanted) for name in names)


def _package(name: str) -> tuple[Check, ...]:
    return (Check("package", name, "installed"),)


def _modes(modes: dict[str, str]) -> tuple[Check, ...]:
    return tuple(Check("mode", path, wanted) for path, wanted in modes.items())


def _shm() -> tuple[Check, ...]:
    return (Check("mount", "/dev/shm", "nodev,noexec,nosuid"),)  # noqa: S108  looked at, not written to
