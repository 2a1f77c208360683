"""The shell that operations send to hosts, run here in a temporary folder: it writes whole files or none."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from skerry.facts.batch import join_scripts, split_output
from skerry.facts.script import COMMON, file_states
from skerry.facts.swap import Swap
from skerry.model.artifacts import ArtifactSource
from skerry.model.files import File, write_script
from skerry.model.preparation.swap import comment_out_script
from skerry.operations import artifact, join_script, upload
from skerry.operations.artifact import Destination, fetch_script, receive_script

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


BINARY = b"a binary of some length"
GOOD = ArtifactSource("https://mirror.example/k3s", hashlib.sha256(BINARY).hexdigest())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Destination:
    monkeypatch.setattr(artifact, "LOCK", f"exec 9> {tmp_path}/lock && flock --timeout 9 9")
    return Destination(str(tmp_path / "v1" / "k3s"), "755")


def left(place: Destination) -> list[str]:
    """What there is in the artifact's folder."""
    return sorted(entry.name for entry in Path(place.path).parent.iterdir())


def placed(place: Destination) -> bool:
    status = Path(place.path).stat()
    checksum_file = Path(f"{place.path}.sha256").read_text()
    whole = checksum_file == f"{GOOD.sha256} {status.st_ino} {len(BINARY)} {int(status.st_ctime)}\n"
    return whole and oct(status.st_mode & 0o777) == "0o755" and Path(place.path).read_bytes() == BINARY


def test_an_artifact_with_its_checksum_is_placed_and_stamped(place: Destination) -> None:
    fetch = f"printf %s {shlex.quote(BINARY.decode())} > {place.part(GOOD)}"
    assert shell(fetch_script(GOOD, place, fetch)).returncode == 0
    assert placed(place)
    assert left(place) == ["k3s", "k3s.sha256"]


def test_a_tampered_artifact_leaves_nothing(place: Destination) -> None:
    result = shell(fetch_script(GOOD, place, f"echo tampered > {place.part(GOOD)}"))
    assert result.returncode != 0
    assert "https://mirror.example/k3s does not have the checksum" in result.stderr
    assert left(place) == []


def test_a_failed_fetch_leaves_nothing(place: Destination) -> None:
    assert shell(fetch_script(GOOD, place, f"echo x > {place.part(GOOD)}; false")).returncode != 0
    assert left(place) == []


def received(place: Destination, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    script = receive_script(GOOD, place, len(BINARY))
    return subprocess.run(["sh", "-c", script], input=stdin, capture_output=True, check=False)


def test_an_upload_is_placed_and_one_that_was_cut_goes_on_where_it_ended(place: Destination) -> None:
    cut = received(place, b"0\n" + BINARY[:9])
    assert cut.returncode != 0
    assert b"run it again to go on" in cut.stderr
    part = Path(place.part(GOOD))
    assert part.read_bytes() == BINARY[:9]
    half_dead = part.open("ab")  # the shell of the connection that was cut
    done = received(place, b"9\n" + BINARY[9:])
    half_dead.write(b"late")
    half_dead.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split()[:2] == ["9", hashlib.sha256(BINARY[:9]).hexdigest()]
    assert placed(place)
    assert left(place) == ["k3s", "k3s.sha256"]


def test_an_upload_begins_anew_where_what_is_there_is_something_else(place: Destination) -> None:
    Path(place.path).parent.mkdir()
    Path(place.part(GOOD)).write_bytes(b"something else")
    assert received(place, b"0\n" + BINARY).returncode == 0
    assert placed(place)


def test_a_damaged_upload_leaves_nothing(place: Destination) -> None:
    result = received(place, b"0\n" + BINARY[::-1])
    assert result.returncode != 0
    assert b"does not have the checksum" in result.stderr
    assert left(place) == []


@pytest.mark.parametrize(
    ("there", "offset"), [(b"", 0), (BINARY[:9], 9), (BINARY, len(BINARY)), (b"other", 0), (BINARY + b"x", 0)]
)
def test_what_need_not_be_sent_is_the_files_own_beginning(tmp_path: Path, there: bytes, offset: int) -> None:
    (tmp_path / "k3s").write_bytes(BINARY)
    with (tmp_path / "k3s").open("rb") as file:
        assert upload.resume_offset(file, len(there), hashlib.sha256(there).hexdigest()) == offset


def test_commands_that_go_together_end_with_the_first_that_fails(tmp_path: Path) -> None:
    content = "it's $HOME `id` \\\\ \n  END\n\n"
    commands = [
        (f"cat > {tmp_path}/a", content),
        (f"cd {tmp_path}; value=1; exit 0", ""),
        (f"cat > {tmp_path}/b; echo ${{value:-none}} $(pwd) >> {tmp_path}/b", ""),
        ("echo why >&2; exit 7", "not read\n"),
        (f"touch {tmp_path}/c", ""),
    ]
    done = subprocess.run(["sh"], input=join_script(commands), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "why\n")
    assert (tmp_path / "a").read_text() == content
    assert (tmp_path / "b").read_text() == f"none {Path.cwd()}\n"
    assert not (tmp_path / "c").exists()


def test_commands_that_did_not_all_arrive_do_not_run(tmp_path: Path) -> None:
    whole = join_script([(f"touch {tmp_path}/a", ""), (f"cat > {tmp_path}/b", "one\ntwo\n")])
    for length in range(len(whole) - 1):
        done = subprocess.run(["sh"], input=whole[:length], capture_output=True, text=True, check=False)
        assert list(tmp_path.iterdir()) == [], (length, done.stderr)


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
    common = (Path(__file__).parents[3] / "skerry/facts/common.sh").read_text()
    lines = shell(f"{common}\nfile_states {file.path} {tmp_path}/absent").stdout.splitlines()
    assert file_states(lines) == {file.path: file.state}


def test_scripts_in_one_go_are_told_apart_whatever_their_last_line_ends_with() -> None:
    scripts = ["printf 'no end of line'", "true", "printf 'blank at the end\\n\\n'", "echo whole"]
    said = shell(join_scripts(scripts)).stdout.removesuffix("\n").split("\n")
    assert split_output(said) == [["no end of line"], [], ["blank at the end", ""], ["whole"]]


def test_scripts_in_one_go_share_what_comes_first_and_nothing_else() -> None:
    """One that reads its standard input, ends its shell or sets a variable leaves the others alone."""
    scripts = [f"{COMMON}\nsection a; x=1; cat", "exit 3", "echo ${x:-unset}"]
    assert join_scripts(scripts).count(COMMON) == 1
    done = shell("sh", join_scripts(scripts))
    assert split_output(done.stdout.splitlines()) == [["@a"], [], ["unset"]]
    assert done.returncode == 0


def test_sysctls_of_several_digits_and_fields_are_read_whole() -> None:
    keys = ["kernel.pid_max", "kernel.printk", "net.ipv4.ip_local_port_range"]
    said = shell(f"{COMMON}\nsysctls {' '.join(keys)} no.such.key").stdout.splitlines()
    found = [f"{key} {' '.join(Path('/proc/sys', *key.split('.')).read_text().split())}" for key in keys]
    assert said == found
