"""A lab of its own for each test run, with the images of this machine's lab."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from skerry import lab
from skerry.lab import image, place
from skerry.lab.place import Place


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty lab; whatever is in it at the end is taken down."""
    if os.geteuid() != 0:
        pytest.skip("lab hosts are containers, which need root")
    shared = place.current()
    image.ensure(shared, "nspawn", print)
    root = tmp_path_factory.mktemp("lab")
    (root / "images").symlink_to(shared.images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKERRY_LAB", str(root))
        yield Place(root)
        lab.down()
