"""Data residency: where a cluster's data lie, and what leaves the country by configuration.

Evidence for Regulation (EU) 2016/679, articles 32 and 44: nothing here proves where a provider's disks stand; it
says what the inventory claims and what the configuration makes leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from skerry.model.disk import NETWORK_FILE_SYSTEMS
from skerry.model.settings.settings import Settings

RELEASES = "github.com (K3s's releases)"


@dataclass(frozen=True)
class Disk:
    """The file system below a path: its type, and what it stands on, as findmnt says."""

    path: str
    filesystem: str
    source: str

    @property
    def local(self) -> bool:
        """Whether it is a block device of the host. Where the provider keeps that, only the provider knows."""
        return self.filesystem not in NETWORK_FILE_SYSTEMS


@dataclass(frozen=True)
class Residence:
    """One host's answers, as an auditor asks: question, answer, and whether somebody must look at it."""

    question: str
    answer: str
    attention: bool = False


def residence(settings: Settings, disks: list[Disk], facts: Mapping[str, str]) -> list[Residence]:
    """Where data lie and what leaves. `facts`: "nameservers", "ntp", "git" and "encryption" as found, "" if not."""
    place = ", ".join(filter(None, (settings.region, settings.country)))
    named = "not said: set region and country in the inventory"
    answers = [Residence("region and country, as the inventory says", place or named, not settings.country)]
    for disk in disks:
        kind = "local block device" if disk.local else "NETWORK file system"
        answers.append(
            Residence(f"{disk.path} lies on", f"{kind}, {disk.filesystem} on {disk.source}", not disk.local)
        )
    encrypted = facts.get("encryption", "") == "true"
    said = "encrypted at rest (secrets-encryption)" if encrypted else "NOT known to be encrypted at rest"
    answers.append(Residence("Secrets in the datastore", said, not encrypted))
    return [*answers, *_leaving(settings, facts)]


def _leaving(settings: Settings, facts: Mapping[str, str]) -> list[Residence]:
    mirror = urlsplit(settings.artifact_mirror).hostname or RELEASES
    source = "this controller, by SSH" if settings.artifact_delivery == "push" else mirror
    ntp = " ".join(settings.ntp_servers) or facts.get("ntp", "") or "the distribution's pool"
    pool = not settings.ntp_servers and settings.time_sync != "none"
    return [
        Residence("artifacts come from", source, source == RELEASES),
        Residence("the clock asks", "the platform" if settings.time_sync == "none" else ntp, pool),
        Residence("DNS asks", facts.get("nameservers", "") or "unknown", not facts.get("nameservers")),
        Residence("Git remote that Flux follows", facts.get("git", "") or "none yet"),
    ]
