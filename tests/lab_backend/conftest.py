"""A separate lab for these tests, with the images of this machine's lab."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from skerry import lab
from skerry.lab import images
from skerry.lab.folder import LabFolder, current_lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabFolder]:
    """The folder of an empty lab, whose hosts are taken down at the end."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    shared_lab = current_lab()
    images.ensure(shared_lab, "nspawn", print)
    root = tmp_path_factory.mktemp("lab")
    (root / "images").symlink_to(shared_lab.images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKERRY_LAB", str(root))
        yield LabFolder(root)
        lab.down()
