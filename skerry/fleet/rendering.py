"""Render the templates of a fleet repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

from skerry.fleet import upgrades
from skerry.fleet.metadata import FleetMetadata

TEMPLATES = Path(__file__).parent / "templates"
OVERLAYS = tuple(sorted(path.name for path in (TEMPLATES / "overlay").iterdir()))


class _PercentTemplate(Template):
    """Templates with `%{name}`, because shells, forges and Flux use `$`."""

    delimiter = "%"


def rendered_files(fleet: FleetMetadata) -> dict[str, str]:
    """The text of every file of the scaffold, by path."""
    files = dict(
        _render(
            "repository",
            name=fleet.name,
            kubernetes=fleet.kubernetes,
            flux=fleet.flux,
            skerry_url=fleet.skerry_url,
        )
    )
    for name, app in fleet.apps.items():
        files |= _render("app", app=name, image=app.image, port=str(app.port))
    for name, cluster in fleet.clusters.items():
        apps = "".join(f"\n  - {app}" for app in cluster.apps) or " []"
        files |= _render("cluster", environment=name, apps=apps)
        for app_name in cluster.apps:
            host = f"{app_name}.example.org" if name == "production" else f"{app_name}.{name}.example.org"
            files |= _render(f"overlay/{cluster.like}", environment=name, app=app_name, host=host)
    for name, settings in fleet.upgrades.items():
        files |= _render("upgrades", environment=name, **upgrades.template_values(settings))
    return files


def _render(tree: str, **values: str) -> Iterator[tuple[str, str]]:
    """The path and text of each file that a folder of templates makes."""
    folder = TEMPLATES / tree
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder)).replace("ENVIRONMENT", values.get("environment", ""))
            name = name.replace("APP", values.get("app", ""))
            yield name, _PercentTemplate(path.read_text()).substitute(values)
