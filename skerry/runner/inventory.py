"""pyinfra's inventory, loaded from a file."""

from __future__ import annotations

import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import UnexpectedExternalError
from pyinfra_cli.inventory import make_inventory_from_files
from pyinfra_cli.util import exec_file

from skerry.local.paths import PROJECT
from skerry.model.errors import InputError


def load(path: Path, override: dict[str, Any]) -> Any:
    """Load an inventory, with settings that override its own. Raises InputError, with file and line where known."""
    if not path.is_file():
        raise InputError(f"{path}: no such inventory; the worked example is inventories/oslo.py")
    try:
        _check_groups(exec_file(str(path), return_locals=True))
        inventory = make_inventory_from_files(str(path), override_data=override, cwd=str(PROJECT))
    except UnexpectedExternalError as error:
        raise InputError(_describe(error.exception)) from None
    except SystemExit as error:
        # Our own inventories end this way if they have no hosts.
        raise InputError(str(error)) from None
    except SyntaxError as error:
        raise InputError(f"{error.filename}:{error.lineno}: {error.msg}") from None
    except PyinfraError as error:
        raise InputError(f"{path}: {error}") from None
    if not len(inventory):
        raise InputError(
            f'{path}: no hosts; put them in a list named servers, such as servers = ["192.0.2.10"]'
        )
    return inventory


def as_plain_values(inventory: Any) -> dict[str, Any]:
    """Returns the names of the hosts in each group, and the data of each host."""
    return {
        "groups": {
            name: [host.name for host in inventory.get_group(name, [])] for name in ("servers", "agents")
        },
        "hosts": settings_by_host(inventory),
    }


def settings_by_host(inventory: Any) -> dict[str, dict[str, Any]]:
    """Returns the data of each host."""
    return {host.name: host.data.dict() for host in inventory}


def _check_groups(names: dict[str, Any]) -> None:
    """Raises InputError if a host is listed twice in a group: pyinfra would silently drop one entry."""
    for group in ("servers", "agents"):
        hosts = [entry[0] if isinstance(entry, tuple) else entry for entry in names.get(group, [])]
        for host, count in Counter(hosts).items():
            if count > 1:
                raise InputError(f"group {group}: {host} is listed {count} times; keep one")


def _describe(error: BaseException) -> str:
    """Returns an exception as text, with the line outside pyinfra that raised it if there is one: "file:line: what"."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "pyinfra" not in frame.filename]
    line = f"{frames[-1].filename}:{frames[-1].lineno}: " if frames else ""
    return f"{line}{type(error).__name__}: {error}"
