"""Inventories and settings that pages show are taken by the real loader, and nothing is connected to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.local.paths import PROJECT
from tests.documents import PAGES, Listing, listings

LISTINGS = [listing for page in PAGES for listing in listings(page)]
INVENTORY = 'servers = [("{name}-1", {{"ssh_hostname": "192.0.2.10"}})]\nagents = []\n'


def show(inventory: Path) -> dict[str, dict[str, object]]:
    """The hosts of an inventory with their settings, as every task reads them; fails with what the loader says."""
    command = [sys.executable, "-m", "skerry.runner.engine", "show", str(inventory)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hosts: dict[str, dict[str, object]] = json.loads(done.stdout)["hosts"]
    return hosts


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.where)
def test_a_listing_is_taken(listing: Listing, tmp_path: Path) -> None:
    """An inventory is loaded as it is; group data with a host, and with what all.py says otherwise."""
    if not listing.name.endswith(".py"):
        pytest.skip("no inventory")
    name, values = Path(listing.name).stem, tmp_path / "group_data"
    values.mkdir()
    shutil.copy(PROJECT / "inventories" / "group_data" / "all.py", values)
    shutil.copy(PROJECT / "inventories" / "group_data" / "oslo.py", values)
    inventory = tmp_path / f"{name}.py"
    if "group_data" in listing.name:
        inventory.write_text(INVENTORY.format(name=name))
        key = tmp_path / "key"
        key.touch()
        (values / f"{name}.py").write_text(re.sub(r'"~/\.ssh/[^"]*"', f'"{key}"', listing.text))
        [shown] = show(inventory).values()
        given = re.findall(r"^(\w+)(?:: \w+)? = ", listing.text, re.MULTILINE)
        assert given
        assert set(given) <= set(shown)
    else:
        inventory.write_text(listing.text)
        assert show(inventory)
