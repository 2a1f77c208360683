"""A K3s node as the settings define it: its files, its artifacts, and a digest of both."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from string import Template

from skerry import templates
from skerry.model.artifacts import ArtifactSource, Destination
from skerry.model.files import File
from skerry.model.hardening import k3s_cis
from skerry.model.k3s.config import compose, to_yaml
from skerry.model.k3s.paths import AGENT_TOKEN, TOKEN, binary, images, unit
from skerry.model.k3s.reservations import Reservations
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

LINK = "/usr/local/bin/k3s"
SCRIPTS = tuple(
    File(f"{LINK}-{name}.sh", templates.text(f"k3s/k3s-{name}.sh"), "755")
    for name in ("killall", "uninstall")
)


@dataclass(frozen=True)
class Node:
    """A K3s node. `sources`: by file name. `server_url` is None for the node that initialises the cluster."""

    role: Role
    settings: Settings
    reservations: Reservations
    sources: dict[str, ArtifactSource]
    server_url: str | None = None
    # The credentials of the S3 storage that takes snapshots.
    credentials: tuple[File, ...] = field(default=(), repr=False)

    @cached_property
    def unit(self) -> str:
        return unit(self.role)

    @cached_property
    def binary(self) -> str:
        return binary(self.settings.k3s_version)

    @cached_property
    def binary_sha256(self) -> str:
        return next(source.sha256 for name, source in self.sources.items() if "images" not in name)

    @cached_property
    def images(self) -> str:
        """The path of the archive of container images, or "" if the settings ask for none."""
        return next((images(name) for name in self.sources if "images" in name), "")

    def destination(self, filename: str) -> Destination:
        if "images" in filename:
            return Destination(self.images, "644")
        return Destination(self.binary, "755")

    @cached_property
    def configuration(self) -> list[File]:
        """K3s's configuration, its unit, and the files of its profile and its S3 storage."""
        config = compose(
            self.settings,
            role=self.role,
            reservations=self.reservations,
            init=self.server_url is None,
            server_url=self.server_url,
            token_file=TOKEN,
            agent_token_file=AGENT_TOKEN,
        )
        service = Template(templates.text("k3s/k3s.service")).substitute(role=self.role)
        return [
            File("/etc/rancher/k3s/config.yaml", to_yaml(config), "600"),
            File(f"/etc/systemd/system/{self.unit}.service", service),
            *k3s_cis.files(self.settings, self.role),
            *self.credentials,
        ]

    @cached_property
    def files_read_at_start(self) -> list[File]:
        # K3s applies changed manifests while it runs.
        return [file for file in self.configuration if file.path != k3s_cis.POLICIES]

    @cached_property
    def digest(self) -> str:
        """Digest of everything whose change requires a restart: artifacts, configuration, unit."""
        checksums = [source.sha256 for source in self.sources.values()]
        checksums += [file.sha256 for file in self.files_read_at_start]
        return hashlib.sha256("\n".join(checksums).encode()).hexdigest()

    @cached_property
    def environment(self) -> File:
        """The unit's environment file. The running process's environment shows with which digest K3s was started."""
        path = f"/etc/systemd/system/{self.unit}.service.env"
        lines = f"SKERRY_CONFIG_SHA256={self.digest}\nSKERRY_K3S_VERSION={self.settings.k3s_version}\n"
        return File(path, lines, "600")

    @cached_property
    def files(self) -> list[File]:
        """All files in the order of writing. The environment is last, so that its digest covers no unwritten file."""
        return [*SCRIPTS, *self.configuration, self.environment]
