"""System: the configuration files that its controls ask for."""

from __future__ import annotations

from skerry.model.files import File

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


def banner_files(text: str) -> list[File]:
    """Returns the texts shown before and after login. They reveal no version of the system."""
    return [File(path, f"{text}\n") for path in ("/etc/issue", "/etc/issue.net", "/etc/motd")]


def journal_file(max_mib: int) -> File:
    """Returns journald's configuration: logs survive reboots and are limited in size."""
    lines = ("Storage=persistent", f"SystemMaxUse={max_mib}M", "SystemKeepFree=1G", "Compress=yes")
    content = "\n".join(["# Written by Skerry.", "[Journal]", *lines, ""])
    return File("/etc/systemd/journald.conf.d/skerry.conf", content)
