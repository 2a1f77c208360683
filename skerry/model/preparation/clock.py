"""Time services: their packages, units and configuration."""

from __future__ import annotations

from skerry.model.files import File

UNITS = {"systemd-timesyncd": "systemd-timesyncd.service", "chrony": "chrony.service"}

# On Ubuntu 20.04 and Debian 11 and later, systemd-timesyncd is a package of its own.
PACKAGES = {"systemd-timesyncd": ("systemd-timesyncd",), "chrony": ("chrony",), "none": ()}


def servers_file(service: str, servers: list[str]) -> File:
    """Returns the drop-in that names the time servers. If `servers` is empty, the distribution's pool is used."""
    if service == "chrony":
        lines = [f"server {server} iburst" for server in servers]
        return File("/etc/chrony/sources.d/skerry.sources", "\n".join(["# Written by Skerry.", *lines, ""]))
    lines = [f"NTP={' '.join(servers)}"] if servers else []
    content = "\n".join(["# Written by Skerry.", "[Time]", *lines, ""])
    return File("/etc/systemd/timesyncd.conf.d/skerry.conf", content)


def digest_file(unit: str, servers: File) -> File:
    """Returns a systemd drop-in that puts the checksum of `servers` into the environment of the time service.

    The environment of the running process then shows which servers it was started with.
    """
    content = f"# Written by Skerry.\n[Service]\nEnvironment=SKERRY_CONFIG_SHA256={servers.sha256}\n"
    return File(f"/etc/systemd/system/{unit}.d/skerry.conf", content)
