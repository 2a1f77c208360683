"""The guard: a program on each hardened host that takes back a change to SSH or the firewall unless it is confirmed."""

from __future__ import annotations

from skerry import templates
from skerry.model.files import File
from skerry.model.host_paths import GUARD

GUARD_FILES = (
    File(GUARD, templates.text("hardening/guard.sh"), "755"),
    File("/etc/systemd/system/skerry-guard.service", templates.text("hardening/skerry-guard.service")),
)
