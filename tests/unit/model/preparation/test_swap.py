from __future__ import annotations

from pathlib import Path

from skerry.model.preparation.swap import comment_out_script
from tests.unit.shell import needs_root, shell

pytestmark = needs_root


FSTAB = """# /etc/fstab
UUID=1-2  /  ext4  errors=remount-ro  0 1
/swapfile  none  swap  sw  0 0
# /dev/sdb none swap sw 0 0
UUID=3\tnone\tswap\tdefaults 0 0
/dev/swap-data /data ext4 defaults 0 2
"""


def test_swap_lines_are_commented_out_once_and_no_other_line_changes(tmp_path: Path) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(FSTAB)
    fstab.chmod(0o640)
    for _ in range(2):
        assert shell(comment_out_script(str(fstab))).returncode == 0
    lines = fstab.read_text().splitlines()
    assert lines[2] == "# Skerry: swap stays off: /swapfile  none  swap  sw  0 0"
    assert lines[4] == "# Skerry: swap stays off: UUID=3\tnone\tswap\tdefaults 0 0"
    others = [line for number, line in enumerate(lines) if number not in (2, 4)]
    assert others == [line for number, line in enumerate(FSTAB.splitlines()) if number not in (2, 4)]
    assert oct(fstab.stat().st_mode & 0o777) == "0o640"
