"""What a host says of itself beside Kubernetes and etcd, and what of it needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from skerry.model.fact_output import sections
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

DAY_SECONDS, HOUR_SECONDS = 86400, 3600
# K3s renews at its start what expires within 90 days, 120 since 1.33: nothing is this close unless it ran that long.
# https://docs.k3s.io/cli/certificate
CERTIFICATE_DAYS = 30


@dataclass(frozen=True)
class Health:
    """One host, its times in seconds since 1970. `certificate`: the first that expires, and when; 0 for none found.

    `snapshot`: when the newest one of the datastore was taken, 0 for none. `metrics`: etcd's histograms as text.
    """

    now: int
    expires: int
    certificate: str
    snapshot: int
    free_bytes: int
    reboot: bool
    restore: bool
    metrics: str

    @property
    def certificate_days(self) -> int | None:
        """Days until the first certificate expires; None where none was found."""
        return (self.expires - self.now) // DAY_SECONDS if self.expires else None

    @property
    def snapshot_hours(self) -> int | None:
        """Age of the newest snapshot; None where there is none."""
        return (self.now - self.snapshot) // HOUR_SECONDS if self.snapshot else None


def parse(lines: Iterable[str]) -> Health:
    """From the output of skerry/facts/health.sh."""
    found = {name: "\n".join(each).strip() for name, each in sections(lines).items()}
    expires, _, certificate = found["certificate"].partition(" ")
    return Health(
        now=int(found["now"]),
        expires=int(expires or 0),
        certificate=PurePath(certificate).name,
        snapshot=int(found["snapshot"] or 0),
        free_bytes=int(found["free"] or 0) * 1024,
        reboot=bool(found["reboot"]),
        restore=bool(found["restore"]),
        metrics=found["metrics"],
    )


def problems(health: Health, settings: Settings, role: Role, since: int) -> Iterator[str]:
    """What needs a person, worst first, each with the remedy. `since`: when the node came to be."""
    if health.restore:
        yield "a restore was cut off; run it again"
    days = health.certificate_days
    if days is not None and days < CERTIFICATE_DAYS:
        yield f"{health.certificate} expires in {days} days; restart K3s, which renews it"
    if role == "server" and settings.k3s_datastore == "etcd" and settings.snapshot_schedule:
        limit, age = settings.snapshot_max_age_hours, health.now - max(health.snapshot, since)
        if age > limit * HOUR_SECONDS:
            newest = f"is {health.snapshot_hours} h old" if health.snapshot else "does not exist"
            yield f"the newest snapshot {newest}, wanted is one every {limit} h; see K3s's journal"
    if health.free_bytes < settings.min_disk_free_gib << 30:
        free = health.free_bytes / 2**30
        yield f"{free:.1f} GiB free in /var/lib, wanted are {settings.min_disk_free_gib}; free some"
    if health.reboot and not (settings.harden and settings.reboot_window):
        yield "an update waits for a reboot; run `invoke reboot`"
