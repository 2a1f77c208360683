"""A host's health outside Kubernetes and etcd, and the problems that need an operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from skerry.model.fact_output import sections
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

DAY_SECONDS, HOUR_SECONDS = 86400, 3600
# K3s renews certificates at its start if they expire within 90 days, 120 since 1.33. So a certificate is this close to
# its end only if K3s has not restarted for months. https://docs.k3s.io/cli/certificate
CERTIFICATE_DAYS = 30


@dataclass(frozen=True)
class Health:
    """The health of one host. Times are seconds since 1970, 0 for none.

    `certificate` and `expires`: the file name of the certificate that expires first, and when. `snapshot`: when the
    newest snapshot was taken. `free_bytes`: in /var/lib. `reboot`: an update needs a reboot. `restore`: a restore was
    interrupted. `metrics`: etcd's histograms as text.
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
        """Days until the first certificate expires; None without certificates."""
        return (self.expires - self.now) // DAY_SECONDS if self.expires else None

    @property
    def snapshot_hours(self) -> int | None:
        """Age of the newest snapshot in hours; None without snapshots."""
        return (self.now - self.snapshot) // HOUR_SECONDS if self.snapshot else None


def parse(lines: Iterable[str]) -> Health:
    """Returns the health in the output of skerry/facts/health.sh."""
    raw = {name: "\n".join(section).strip() for name, section in sections(lines).items()}
    expires, _, certificate = raw["certificate"].partition(" ")
    return Health(
        now=int(raw["now"]),
        expires=int(expires or 0),
        certificate=PurePath(certificate).name,
        snapshot=int(raw["snapshot"] or 0),
        free_bytes=int(raw["free"] or 0) * 1024,
        reboot=bool(raw["reboot"]),
        restore=bool(raw["restore"]),
        metrics=raw["metrics"],
    )


def problems(health: Health, settings: Settings, role: Role, since: int) -> Iterator[str]:
    """Yield the problems for an operator, worst first, each with its remedy. `since`: when the node was created."""
    if health.restore:
        yield "a restore was interrupted; run it again"
    days = health.certificate_days
    if days is not None and days < CERTIFICATE_DAYS:
        yield f"{health.certificate} expires in {days} days; restart K3s to renew it"
    if role == "server" and settings.k3s_datastore == "etcd" and settings.snapshot_schedule:
        limit, age = settings.snapshot_max_age_hours, health.now - max(health.snapshot, since)
        if age > limit * HOUR_SECONDS:
            newest = f"is {health.snapshot_hours} h old" if health.snapshot else "does not exist"
            yield f"the newest snapshot {newest}, but snapshot_max_age_hours is {limit}; see K3s's journal"
    if health.free_bytes < settings.min_disk_free_gib << 30:
        free = health.free_bytes / 2**30
        yield f"{free:.1f} GiB free in /var/lib, but min_disk_free_gib is {settings.min_disk_free_gib}; free some space"
    if health.reboot and not (settings.harden and settings.reboot_window):
        yield "an update needs a reboot; run `invoke reboot`"
