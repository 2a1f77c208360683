"""Data residency: where a cluster's data is stored, and which data the configuration sends elsewhere.

Evidence for Regulation (EU) 2016/679, articles 32 and 44. The evidence states what the inventory claims and what the
configuration implies, but cannot prove where a provider's disks are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from skerry.model.disk import NETWORK_FILE_SYSTEMS
from skerry.model.settings.settings import Settings

K3S_RELEASES = "github.com (K3s's releases)"


@dataclass(frozen=True)
class Disk:
    """The file system of a path: its type and its source by findmnt."""

    path: str
    filesystem: str
    source: str

    @property
    def local(self) -> bool:
        """True for a block device of the host. Only the provider knows where the device is."""
        return self.filesystem not in NETWORK_FILE_SYSTEMS


@dataclass(frozen=True)
class Residence:
    """An auditor's question about one host, the answer, and whether the answer needs attention."""

    question: str
    answer: str
    attention: bool = False


def residence(settings: Settings, disks: list[Disk], facts: Mapping[str, str]) -> list[Residence]:
    """Returns one host's answers. `facts`: "nameservers", "ntp", "git" and "encryption" of the host, "" if unknown."""
    location = ", ".join(filter(None, (settings.region, settings.country)))
    unknown = "unknown; set region and country in the inventory"
    answers = [Residence("region and country in the inventory", location or unknown, not settings.country)]
    for disk in disks:
        kind = "local block device" if disk.local else "NETWORK file system"
        answers.append(
            Residence(f"{disk.path} is on", f"{kind}, {disk.filesystem} on {disk.source}", not disk.local)
        )
    encrypted = facts.get("encryption", "") == "true"
    state = "encrypted at rest (secrets-encryption)" if encrypted else "NOT known to be encrypted at rest"
    answers.append(Residence("Secrets in the datastore", state, not encrypted))
    return [*answers, *_remote_services(settings, facts)]


def _remote_services(settings: Settings, facts: Mapping[str, str]) -> list[Residence]:
    mirror = urlsplit(settings.artifact_mirror).hostname or K3S_RELEASES
    source = "this machine, by SSH" if settings.artifact_delivery == "push" else mirror
    ntp = " ".join(settings.ntp_servers) or facts.get("ntp", "") or "the distribution's pool"
    pool = not settings.ntp_servers and settings.time_sync != "none"
    nameservers = facts.get("nameservers", "")
    return [
        Residence("source of artifacts", source, source == K3S_RELEASES),
        Residence("time servers", "those of the platform" if settings.time_sync == "none" else ntp, pool),
        Residence("name servers", nameservers or "unknown", not nameservers),
        Residence("Git remote that Flux follows", facts.get("git", "") or "none yet"),
    ]
