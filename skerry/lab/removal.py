"""Taking hosts down, also after a crash: everything that bears this lab's mark goes, nothing else."""

from __future__ import annotations

from skerry.lab import cgroup, image, network, place, processes
from skerry.lab.command import as_root, run
from skerry.lab.host import LabError, Record
from skerry.lab.place import Place


def down(names: list[str] | None = None, images: bool = False) -> None:
    """These hosts (all, without names) are gone with all they had; fine if there are none.

    With `images`, the images go too. LabError if a name is unknown or something cannot be removed.
    """
    here = place.current()
    if not here.root.exists() and not processes.machines(here.mark):
        return
    with here.lock():
        if names is None:
            _remove_all(here)
        else:
            for record in [here.record(name) for name in names]:
                _remove(here, record)
        if not any(record.backend == "nspawn" for record in here.records()):
            network.down(here)
        if images:
            image.remove(here)


def _remove(here: Place, record: Record) -> None:
    processes.cut_power(record.machine)
    _remove_folder(here, record.name)


def _remove_all(here: Place) -> None:
    """Go by what is there, not by records: a crash may have left either without the other."""
    for machine in processes.machines(here.mark) | cgroup.machines(here.mark):
        processes.cut_power(machine)
    folder = here.root / "hosts"
    for name in [path.name for path in folder.iterdir()] if folder.exists() else []:
        _remove_folder(here, name)
    image.remove_unfinished(here)


def _remove_folder(here: Place, name: str) -> None:
    folder = here.host(name)
    run(as_root(["rm", "-rf", "--one-file-system", str(folder)]), timeout=300)
    if folder.exists():
        raise LabError(f"{folder} cannot be removed; is something mounted below it?")
