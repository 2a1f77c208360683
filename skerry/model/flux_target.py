"""The Git repository that a cluster is to follow, from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from skerry.model.errors import InputError
from skerry.model.flux import repository_id
from skerry.model.settings.settings import Settings

PUBLIC = {"github": "github.com", "gitlab": "gitlab.com", "gitea": "gitea.com"}
TOKENS = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}


@dataclass(frozen=True)
class Target:
    """The Git repository, branch and folder that a cluster is to follow, and how to reach them."""

    forge: str
    repository: str
    hostname: str
    branch: str
    path: str
    private_key: str = ""
    personal: bool = False
    network_policy: bool = True
    timeout_seconds: int = 600
    known_hosts: str = ""
    """The inventory's known_hosts file, which Git reads besides the user's own."""

    @classmethod
    def from_settings(cls, settings: Settings, known_hosts: Path) -> Target:
        """Returns the target that the flux_ settings describe. Raises InputError if flux_forge is "none"."""
        if settings.flux_forge == "none":
            raise InputError(
                'flux_forge is "none"; set it, flux_repository and flux_path in the inventory\'s group_data'
            )
        return cls(
            forge=settings.flux_forge,
            repository=settings.flux_repository,
            hostname=settings.flux_hostname,
            branch=settings.flux_branch,
            path=settings.flux_path,
            private_key=settings.flux_private_key,
            personal=settings.flux_personal,
            network_policy=settings.flux_network_policy,
            timeout_seconds=settings.flux_timeout_seconds,
            known_hosts=str(known_hosts),
        )

    @property
    def host(self) -> str:
        return self.hostname or PUBLIC.get(self.forge) or str(urlsplit(self.repository).hostname)

    @property
    def ssh_name(self) -> str:
        """The Git server's name in a known_hosts file."""
        port = urlsplit(self.repository).port if self.forge == "git" else None
        return f"[{self.host}]:{port}" if port not in (None, 22) else self.host

    @property
    def remote(self) -> str:
        """The URL for Git on this machine: HTTPS with the token at a forge, SSH otherwise."""
        return self.repository if self.forge == "git" else f"https://{self.host}/{self.repository}.git"

    @property
    def token_name(self) -> str:
        """The environment variable that flux reads the token from; "" for plain Git over SSH, which needs none."""
        return TOKENS.get(self.forge, "")

    @property
    def location(self) -> tuple[str, str, str]:
        """Repository, branch and folder, comparable with `followed_location` of a cluster."""
        return repository_id(self.remote), self.branch, self.path

    @property
    def cluster(self) -> str:
        """The cluster's name in the repository: the last part of its folder."""
        return self.path.rpartition("/")[2]
