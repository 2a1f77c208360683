"""The repository that Flux follows: made from templates, and made again without destroying edits."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import yaml

from skerry.fleet import pull
from skerry.fleet import record as records
from skerry.fleet.names import check_label
from skerry.fleet.record import App, Cluster, Record
from skerry.local.files import replace
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError

TEMPLATES = Path(__file__).parent / "templates"
CLUSTERS = {"production": "production", "staging": "staging"}
OVERLAYS = tuple(sorted(path.name for path in (TEMPLATES / "overlay").iterdir()))
# Listens on 8080 as user 101, so that it runs under the restricted Pod Security Standard.
EXAMPLE = App("docker.io/nginxinc/nginx-unprivileged:1.29.1-alpine", 8080)


class _Text(Template):
    """`%{name}`: `$` belongs to shells, forges and Flux."""

    delimiter = "%"


@dataclass
class Outcome:
    """What a run did: files written, files already as wanted, the user's own files, and how these differ."""

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    diff: str = ""


def init(root: Path, kubernetes: str, flux: str, skerry_url: str, remote: str = "") -> Outcome:
    """Make the repository at `root`, or bring an existing scaffold up to date. Edited files stay as they are.

    Raises InputError when `root` holds something else.
    """
    if not (root / records.FILE).exists():
        _check_free(root)
        record = Record(root.name, kubernetes, flux, skerry_url)
        record.apps["nginx"] = EXAMPLE
        record.clusters = {name: Cluster(like, ["nginx"]) for name, like in CLUSTERS.items()}
    else:
        record = records.load(root)
        record.kubernetes, record.flux = kubernetes, flux
        record.skerry_url = skerry_url or record.skerry_url
    outcome = _write(root, record)
    _git(root, remote)
    return outcome


def add_app(root: Path, name: str, image: str, port: int) -> Outcome:
    """Add an application to base and to every cluster's overlay. Raises InputError for a name taken or unfit."""
    record, app = records.load(root), App(image, port)
    check_label("application", name)
    if record.apps.get(name, app) != app or (
        name not in record.apps and (root / "apps" / "base" / name).exists()
    ):
        raise InputError(f"application {name!r} is there already; see {root / 'apps' / 'base' / name}")
    if not image or any(character.isspace() for character in image):
        raise InputError(
            f"{image!r} is no image; name one with --image, such as registry.example.org/{name}:1.0"
        )
    if not 0 < port < 65536:
        raise InputError(
            f"port {port} is not between 1 and 65535; say where the container listens with --port"
        )
    lists = {each: _with_resource(root / _apps_file(each), name) for each in record.clusters}
    edited = {each for each in lists if _edited(root, record, _apps_file(each))}
    record.apps[name] = app
    for cluster in record.clusters.values():
        cluster.apps += [name] if name not in cluster.apps else []
    record.save(root)  # first: a run that is killed from here on is finished by the next
    outcome = _write(root, record, only=name)
    for each, text in lists.items():
        path = _apps_file(each)
        if (root / path).read_text() != text:
            replace(root / path, text)
            outcome.written.append(path)
        if each not in edited:
            record.files[path] = records.sha256(text)
    record.save(root)
    return outcome


def add_cluster(root: Path, name: str, like: str) -> Outcome:
    """Add a cluster that runs every application of base. Raises InputError for a name taken or unfit."""
    record = records.load(root)
    check_label("cluster", name)
    if name == "base" or name in record.clusters or (root / "clusters" / name).exists():
        raise InputError(f"cluster {name!r} is there already; choose another name")
    if like not in OVERLAYS:
        raise InputError(f"--like {like!r} is no overlay; choose {' or '.join(OVERLAYS)}")
    record.clusters[name] = Cluster(like, list(record.apps))
    return _write(root, record)


def add_upgrades(root: Path, cluster: str, upgrades: records.Upgrades) -> Outcome:
    """Have a cluster pull its hosts' K3s version and reboots. Raises InputError for a cluster that is not here."""
    record = records.load(root)
    if cluster not in record.clusters:
        raise InputError(
            f"{root}: has no cluster {cluster!r}; there are {', '.join(sorted(record.clusters))}"
        )
    record.upgrades[cluster] = upgrades
    return _write(root, record)


def list_resource(path: Path, name: str) -> None:
    """Make a kustomization take in `name`. Raises InputError when it is none, or of a form that is not edited."""
    text = _with_resource(path, name)
    if text != path.read_text():
        replace(path, text)


def wanted(record: Record) -> dict[str, str]:
    """Every file of the scaffold by path, as the templates make it of the record."""
    common = {
        "name": record.name,
        "kubernetes": record.kubernetes,
        "flux": record.flux,
        "skerry_url": record.skerry_url,
    }
    files = dict(_render("repository", common))
    for app, made in record.apps.items():
        files |= _render("app", {"app": app, "image": made.image, "port": str(made.port)})
    for cluster, each in record.clusters.items():
        apps = "".join(f"\n  - {app}" for app in each.apps) or " []"
        files |= _render("cluster", {"environment": cluster, "apps": apps})
        for app in each.apps:
            host = f"{app}.example.org" if cluster == "production" else f"{app}.{cluster}.example.org"
            files |= _render(f"overlay/{each.like}", {"environment": cluster, "app": app, "host": host})
    for cluster, pulled in record.upgrades.items():
        files |= _render("upgrades", {"environment": cluster, **pull.values(pulled)})
    return files


def _render(tree: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    folder = TEMPLATES / tree
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            name = name.replace("ENVIRONMENT", values.get("environment", "")).replace(
                "APP", values.get("app", "")
            )
            yield name, _Text(path.read_text()).substitute(values)


def _write(root: Path, record: Record, only: str = "") -> Outcome:
    """Write what is new or still as Skerry wrote it; `only` limits that to one application's folders."""
    outcome = Outcome()
    diffs: list[str] = []
    for name, text in wanted(record).items():
        if only and only not in Path(name).parts:
            continue
        path, known = root / name, record.files.get(name)
        present = path.read_text() if path.is_file() else None
        if present == text:
            outcome.unchanged.append(name)
        elif (present is None and known is None) or (
            present is not None and records.sha256(present) == known
        ):
            replace(path, text, 0o755 if name.startswith(".githooks/") else 0o644)
            outcome.written.append(name)
        else:
            outcome.kept.append(name)
            diffs += _diff(name, present or "", text)
            continue
        record.files[name] = records.sha256(text)
    if not only:
        record.save(root)
    outcome.diff = "".join(diffs)
    return outcome


def _diff(name: str, present: str, text: str) -> Iterator[str]:
    yours, scaffold = (each.splitlines(keepends=True) for each in (present, text))
    return difflib.unified_diff(yours, scaffold, f"{name} (yours, kept)", f"{name} (the scaffold's)")


def _check_free(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(f"{root}: is a file; name a new or empty folder")
    if root.is_dir() and {path.name for path in root.iterdir()} - {
        ".git",
        "README.md",
        "LICENSE",
        ".gitignore",
    }:
        raise InputError(f"{root}: holds files that are not Skerry's; name a new or empty folder")
    if not root.parent.is_dir():
        raise InputError(f"{root}: there is no folder {root.parent}; make it first")


def _edited(root: Path, record: Record, path: str) -> bool:
    return record.files.get(path) != records.sha256((root / path).read_text())


def _apps_file(cluster: str) -> str:
    return f"apps/{cluster}/kustomization.yaml"


def _with_resource(path: Path, name: str) -> str:
    """A kustomization's text with one more resource; every other byte as it was. Raises InputError."""
    remedy = f"add {name!r} to resources in {path} yourself, after mending it"
    try:
        text = path.read_text()
        before = yaml.safe_load(text)
        listed = before.get("resources") or []
        after = {**before, "resources": [*listed, name]}
    except (OSError, yaml.YAMLError, TypeError, AttributeError):
        raise InputError(f"{path}: cannot be read as a kustomization; {remedy}") from None
    if name in listed:
        return text
    for candidate in _insertions(text, name):
        try:
            if yaml.safe_load(candidate) == after:
                return candidate
        except yaml.YAMLError:
            continue
    raise InputError(f"{path}: resources is written in a form Skerry does not edit; {remedy}")


def _insertions(text: str, name: str) -> Iterator[str]:
    """Places where the entry may go: an empty list made a list, else after each line, the last first."""
    yield text.replace("resources: []\n", f"resources:\n  - {name}\n", 1)
    lines = text.splitlines(keepends=True)
    for number in range(len(lines), 0, -1):
        previous = lines[number - 1]
        if previous.lstrip().startswith("- "):
            indent = previous[: len(previous) - len(previous.lstrip())]
            ended = previous if previous.endswith("\n") else f"{previous}\n"
            yield "".join([*lines[: number - 1], ended, f"{indent}- {name}\n", *lines[number:]])


def _git(root: Path, remote: str) -> None:
    """A Git repository with the hook switched on; what is configured already stays."""
    if not (root / ".git").exists():
        _run(root, "init", "--quiet", "--initial-branch", "main")
    for key, value in (("core.hooksPath", ".githooks"), ("skerry.path", str(PROJECT))):
        if not _run(root, "config", "--local", "--default", "", "--get", key):
            _run(root, "config", "--local", key, value)
    if remote and "origin" not in _run(root, "remote").split():
        _run(root, "remote", "add", "origin", remote)


def _run(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} in {root}: {done.stderr.strip()}")
    return done.stdout.strip()
