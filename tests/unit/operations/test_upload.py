from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from skerry.operations import upload

BINARY = b"a binary of some length"


@pytest.mark.parametrize(
    ("present", "offset"),
    [(b"", 0), (BINARY[:9], 9), (BINARY, len(BINARY)), (b"other", 0), (BINARY + b"x", 0)],
)
def test_the_beginning_of_the_same_file_is_not_sent_again(
    tmp_path: Path, present: bytes, offset: int
) -> None:
    (tmp_path / "k3s").write_bytes(BINARY)
    with (tmp_path / "k3s").open("rb") as file:
        assert upload.resume_offset(file, len(present), hashlib.sha256(present).hexdigest()) == offset
