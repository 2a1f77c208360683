"""Make a fleet repository from the templates, and bring it up to date without overwriting edited files."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from skerry.fleet import metadata
from skerry.fleet.kustomization_edit import with_resource
from skerry.fleet.metadata import App, ClusterMetadata, FleetMetadata, Upgrades
from skerry.fleet.rendering import OVERLAYS, rendered_files
from skerry.local.files import replace
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.model.kubernetes_names import check_dns_label

CLUSTERS = {"production": "production", "staging": "staging"}
# The image listens on 8080 as user 101, so that it runs under the restricted Pod Security Standard.
EXAMPLE = App("docker.io/nginxinc/nginx-unprivileged:1.29.1-alpine", 8080)
# What a new Git repository of a forge may hold.
NEW_REPOSITORY_FILES = {".git", "README.md", "LICENSE", ".gitignore"}


@dataclass
class Outcome:
    """The files that were written, unchanged, or kept because the user edited them, and the diff of the kept ones."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    diff: str = ""


def init(root: Path, kubernetes: str, flux: str, skerry_url: str, remote: str = "") -> Outcome:
    """Make the repository at `root`, or update the files of an existing one that the user has not edited.

    Raises InputError if `root` holds something else.
    """
    if not (root / metadata.FILE).exists():
        _check_new(root)
        fleet = FleetMetadata(root.name, kubernetes, flux, skerry_url)
        fleet.apps["nginx"] = EXAMPLE
        fleet.clusters = {name: ClusterMetadata(like, ["nginx"]) for name, like in CLUSTERS.items()}
    else:
        fleet = metadata.load(root)
        fleet.kubernetes, fleet.flux = kubernetes, flux
        fleet.skerry_url = skerry_url or fleet.skerry_url
    outcome = _write(root, fleet)
    _init_git(root, remote)
    return outcome


def add_app(root: Path, name: str, image: str, port: int) -> Outcome:
    """Add an application to base and to every cluster's overlay.

    Raises InputError for an invalid or taken name, image or port.
    """
    fleet, app = metadata.load(root), App(image, port)
    check_dns_label("application", name)
    if fleet.apps.get(name, app) != app or (
        name not in fleet.apps and (root / "apps" / "base" / name).exists()
    ):
        raise InputError(f"application {name!r} exists already; see {root / 'apps' / 'base' / name}")
    if not image or any(character.isspace() for character in image):
        raise InputError(
            f"{image!r} is not an image; name one with --image, such as registry.example.org/{name}:1.0"
        )
    if not 0 < port < 65536:
        raise InputError(
            f"port {port} is not between 1 and 65535; set the port that the container listens on with --port"
        )
    lists = {
        _apps_file(cluster): with_resource(root / _apps_file(cluster), name) for cluster in fleet.clusters
    }
    edited = {path for path in lists if fleet.files.get(path) != metadata.sha256((root / path).read_text())}
    fleet.apps[name] = app
    for cluster in fleet.clusters.values():
        cluster.apps += [name] if name not in cluster.apps else []
    # Saved before the files are written, so that the next run completes an interrupted one.
    fleet.save(root)
    outcome = _write(root, fleet, only=name)
    for path, text in lists.items():
        if (root / path).read_text() != text:
            replace(root / path, text)
            outcome.written.append(path)
        if path not in edited:
            fleet.files[path] = metadata.sha256(text)
    fleet.save(root)
    return outcome


def add_cluster(root: Path, name: str, like: str) -> Outcome:
    """Add a cluster that runs every application. Raises InputError for an invalid or taken name, or no such overlay."""
    fleet = metadata.load(root)
    check_dns_label("cluster", name)
    if name == "base" or name in fleet.clusters or (root / "clusters" / name).exists():
        raise InputError(f"cluster {name!r} exists already; choose another name")
    if like not in OVERLAYS:
        raise InputError(f"--like {like!r} is not an overlay; choose {' or '.join(OVERLAYS)}")
    fleet.clusters[name] = ClusterMetadata(like, list(fleet.apps))
    return _write(root, fleet)


def add_upgrades(root: Path, cluster: str, settings: Upgrades) -> Outcome:
    """Let a cluster upgrade and reboot its own hosts. Raises InputError for an unknown cluster."""
    fleet = metadata.load(root)
    if cluster not in fleet.clusters:
        raise InputError(f"{root}: has no cluster {cluster!r}; choose {' or '.join(sorted(fleet.clusters))}")
    fleet.upgrades[cluster] = settings
    return _write(root, fleet)


def _write(root: Path, fleet: FleetMetadata, only: str = "") -> Outcome:
    """Write the files that are new or unedited. `only` restricts this to the folders of one application."""
    outcome = Outcome()
    for name, text in rendered_files(fleet).items():
        if only and only not in Path(name).parts:
            continue
        path, recorded = root / name, fleet.files.get(name)
        present = path.read_text() if path.is_file() else None
        if present == text:
            outcome.unchanged.append(name)
        elif recorded == (None if present is None else metadata.sha256(present)):
            replace(path, text, 0o755 if name.startswith(".githooks/") else 0o644)
            outcome.written.append(name)
        else:
            outcome.kept.append(name)
            outcome.diff += "".join(_diff(name, present or "", text))
            continue
        fleet.files[name] = metadata.sha256(text)
    if not only:
        fleet.save(root)
    return outcome


def _diff(name: str, present: str, text: str) -> Iterator[str]:
    yours, scaffold = (side.splitlines(keepends=True) for side in (present, text))
    return difflib.unified_diff(yours, scaffold, f"{name} (yours, kept)", f"{name} (the scaffold's)")


def _check_new(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a new or empty folder")
    if root.is_dir() and {path.name for path in root.iterdir()} - NEW_REPOSITORY_FILES:
        raise InputError(f"{root}: holds files that are not Skerry's; name a new or empty folder")
    if not root.parent.is_dir():
        raise InputError(f"{root}: there is no folder {root.parent}; make it first")


def _apps_file(cluster: str) -> str:
    return f"apps/{cluster}/kustomization.yaml"


def _init_git(root: Path, remote: str) -> None:
    """Make `root` a Git repository that runs the hook. Existing Git settings stay."""
    if not (root / ".git").exists():
        _git(root, "init", "--quiet", "--initial-branch", "main")
    for key, value in (("core.hooksPath", ".githooks"), ("skerry.path", str(PROJECT))):
        if not _git(root, "config", "--local", "--default", "", "--get", key):
            _git(root, "config", "--local", key, value)
    if remote and "origin" not in _git(root, "remote").split():
        _git(root, "remote", "add", "origin", remote)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} in {root}: {done.stderr.strip()}")
    return done.stdout.strip()
