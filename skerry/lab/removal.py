"""Remove hosts, also after a crash: everything with this lab's prefix or in its folder, nothing else."""

from __future__ import annotations

from skerry.lab import host_cgroups, network, processes
from skerry.lab.command import remove_trees
from skerry.lab.folder import LabFolder, current_lab
from skerry.lab.host import LabError
from skerry.lab.images import remove_images, remove_unfinished


def down(names: list[str] | None = None, images: bool = False, missing_ok: bool = False) -> None:
    """Remove these hosts (all, without `names`) with everything they have; does nothing if there are none.

    `images` also removes the images. Raises LabError if something cannot be removed or, unless `missing_ok`, if a
    name is unknown.
    """
    lab = current_lab()
    if not lab.root.exists() and not processes.machines(lab.resource_prefix):
        return
    with lab.lock():
        if names is None:
            _remove_all(lab)
        else:
            known = {record.name for record in lab.records()}
            for record in [lab.record(name) for name in names if name in known or not missing_ok]:
                processes.cut_power(record.machine)
                _remove_folder(lab, record.name)
        if not any(record.backend == "nspawn" for record in lab.records()):
            network.down(lab)
        if images:
            remove_images(lab)


def _remove_all(lab: LabFolder) -> None:
    """Remove by what exists, not by records: a crash can leave hosts without a record."""
    for machine in processes.machines(lab.resource_prefix) | host_cgroups.machines(lab.resource_prefix):
        processes.cut_power(machine)
    folder = lab.root / "hosts"
    for name in [path.name for path in folder.iterdir()] if folder.exists() else []:
        _remove_folder(lab, name)
    remove_unfinished(lab)


def _remove_folder(lab: LabFolder, name: str) -> None:
    folder = lab.host_folder(name)
    remove_trees(folder)
    if folder.exists():
        raise LabError(f"{folder} cannot be removed; is something mounted below it?")
