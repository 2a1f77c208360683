"""The shell that operations send to hosts, run here in a temporary folder: it writes whole files or none."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from cluster.files import File
from deploy.facts.script import COMMON, file_states
from deploy.facts.snapshot import join, split
from deploy.facts.swap import Swap
from deploy.operations import artifact
from deploy.operations.artifact import Source, place_script
from deploy.operations.files import write_script
from deploy.phases.swap import comment_out_script

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the scripts give files to root")


def shell(script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script], input=stdin, capture_output=True, text=True, check=False)


def test_a_file_arrives_whole_with_its_mode(tmp_path: Path) -> None:
    file = File(str(tmp_path / "new folder" / "it's.conf"), "a = 1\n", "600")
    assert shell(write_script(file), file.content).returncode == 0
    written = Path(file.path)
    assert written.read_text() == file.content
    assert oct(written.stat().st_mode & 0o7777) == "0o600"
    assert [entry.name for entry in written.parent.iterdir()] == ["it's.conf"]


def test_content_that_was_cut_changes_nothing(tmp_path: Path) -> None:
    file = File(str(tmp_path / "a.conf"), "first line\nsecond line\n")
    Path(file.path).write_text("old\n")
    result = shell(write_script(file), "first li")
    assert result.returncode != 0
    assert "arrived damaged; nothing was changed" in result.stderr
    assert Path(file.path).read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.conf"]


def test_a_secret_is_never_readable_by_others_even_beside_a_leftover(tmp_path: Path) -> None:
    """A temporary file that a killed run left with a wide mode is not written into."""
    file = File(str(tmp_path / "token"), "secret\n", "600")
    leftover = Path(f"{file.path}.skerry-new")
    leftover.write_text("")
    leftover.chmod(0o666)
    script = write_script(file).replace(
        "&& cat >", f"&& cat > /dev/null; stat -c %a {leftover} >&2; cat >", 1
    )
    assert shell(write_script(file), file.content).returncode == 0
    assert oct(Path(file.path).stat().st_mode & 0o777) == "0o600"
    assert "No such file" in shell(script, file.content).stderr


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setattr(artifact, "LOCK", str(tmp_path / "lock"))
    return str(tmp_path / "k3s.part"), str(tmp_path / "v1" / "k3s")


def test_an_artifact_with_its_checksum_is_placed_and_stamped(place: tuple[str, str]) -> None:
    part, path = place
    Path(part).write_bytes(b"binary")
    sha256 = hashlib.sha256(b"binary").hexdigest()
    assert (
        shell(place_script(part, path, "755", Source("https://mirror.example/k3s", sha256), ":")).returncode
        == 0
    )
    status = Path(path).stat()
    assert oct(status.st_mode & 0o777) == "0o755"
    assert Path(f"{path}.sha256").read_text() == f"{sha256} {status.st_ino} 6 {int(status.st_ctime)}\n"
    assert not Path(part).exists()


def test_a_tampered_artifact_leaves_nothing(place: tuple[str, str]) -> None:
    part, path = place
    Path(part).write_bytes(b"tampered")
    source = Source("https://mirror.example/k3s", hashlib.sha256(b"binary").hexdigest())
    result = shell(place_script(part, path, "755", source, ":"))
    assert result.returncode != 0
    assert "https://mirror.example/k3s does not have the checksum" in result.stderr
    assert not Path(part).exists()
    assert not Path(path).exists()


def test_a_failed_fetch_leaves_nothing(place: tuple[str, str]) -> None:
    part, path = place
    result = shell(
        place_script(
            part, path, "755", Source("https://mirror.example/k3s", "0" * 64), f"echo x > {part}; false"
        )
    )
    assert result.returncode != 0
    assert not Path(part).exists()
    assert not Path(path).exists()


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
    kept = [line for number, line in enumerate(lines) if number not in (2, 4)]
    assert kept == [line for number, line in enumerate(FSTAB.splitlines()) if number not in (2, 4)]
    assert oct(fstab.stat().st_mode & 0o777) == "0o640"


def test_the_swap_fact_runs_and_parses_here() -> None:
    output = shell(Swap().command()).stdout.splitlines()
    active = [line.split()[0] for line in Path("/proc/swaps").read_text().splitlines()[1:]]
    assert list(Swap().process(output).active) == active


def test_file_states_tell_mode_owner_and_checksum(tmp_path: Path) -> None:
    file = File(str(tmp_path / "a"), "x\n", "644")
    Path(file.path).write_text(file.content)
    Path(file.path).chmod(0o644)
    common = (Path(__file__).parents[2] / "deploy/facts/common.sh").read_text()
    lines = shell(f"{common}\nfile_states {file.path} {tmp_path}/absent").stdout.splitlines()
    assert file_states(lines) == {file.path: file.state}


def test_scripts_in_one_go_are_told_apart_whatever_their_last_line_ends_with() -> None:
    scripts = ["printf 'no end of line'", "true", "printf 'blank at the end\\n\\n'", "echo whole"]
    said = shell(join(scripts)).stdout.removesuffix("\n").split("\n")
    assert split(said) == [["no end of line"], [], ["blank at the end", ""], ["whole"]]


def test_scripts_in_one_go_share_what_comes_first_and_nothing_else() -> None:
    """One that reads its standard input, ends its shell or sets a variable leaves the others alone."""
    scripts = [f"{COMMON}\nsection a; x=1; cat", "exit 3", "echo ${x:-unset}"]
    assert join(scripts).count(COMMON) == 1
    done = shell("sh", join(scripts))
    assert split(done.stdout.splitlines()) == [["@a"], [], ["unset"]]
    assert done.returncode == 0


def test_sysctls_of_several_digits_and_fields_are_read_whole() -> None:
    keys = ["kernel.pid_max", "kernel.printk", "net.ipv4.ip_local_port_range"]
    said = shell(f"{COMMON}\nsysctls {' '.join(keys)} no.such.key").stdout.splitlines()
    found = [f"{key} {' '.join(Path('/proc/sys', *key.split('.')).read_text().split())}" for key in keys]
    assert said == found
