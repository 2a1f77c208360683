from __future__ import annotations

from pathlib import Path

from skerry.lab.folder import LabFolder


def test_labs_in_different_folders_have_different_prefixes_and_short_interface_names() -> None:
    prefixes = {LabFolder(Path(f"/srv/lab-{number}")).resource_prefix for number in range(20)}
    assert len(prefixes) > 15
    assert all(len(f"vb-{prefix}-99") <= 15 for prefix in prefixes), (
        "Linux cuts interface names at 15 characters"
    )
