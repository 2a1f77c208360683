"""The script that writes a file on a host, run in a temporary folder: it writes the whole file or nothing."""

from __future__ import annotations

from pathlib import Path

from skerry.model.files import File, write_script
from tests.unit.shell import needs_root, shell

pytestmark = needs_root


def test_a_file_is_written_with_its_mode(tmp_path: Path) -> None:
    file = File(str(tmp_path / "new folder" / "it's.conf"), "a = 1\n", "600")
    assert shell(write_script(file), file.content).returncode == 0
    written = Path(file.path)
    assert written.read_text() == file.content
    assert oct(written.stat().st_mode & 0o7777) == "0o600"
    assert [entry.name for entry in written.parent.iterdir()] == ["it's.conf"]


def test_content_that_arrives_incomplete_changes_nothing(tmp_path: Path) -> None:
    file = File(str(tmp_path / "a.conf"), "first line\nsecond line\n")
    Path(file.path).write_text("old\n")
    result = shell(write_script(file), "first li")
    assert result.returncode != 0
    assert "arrived damaged; nothing was changed" in result.stderr
    assert Path(file.path).read_text() == "old\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.conf"]


def test_a_secret_is_never_readable_by_others_even_beside_a_leftover(tmp_path: Path) -> None:
    """The script does not write into a temporary file that a killed run has left with a wide mode."""
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
