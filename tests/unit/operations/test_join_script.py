"""Several commands sent to a host as one script."""

from __future__ import annotations

import subprocess
from pathlib import Path

from skerry.operations import join_script


def test_the_first_command_that_fails_ends_the_script(tmp_path: Path) -> None:
    content = "it's $HOME `id` \\\\ \n  END\n\n"
    commands = [
        (f"cat > {tmp_path}/a", content),
        (f"cd {tmp_path}; value=1; exit 0", ""),
        (f"cat > {tmp_path}/b; echo ${{value:-none}} $(pwd) >> {tmp_path}/b", ""),
        ("echo reason >&2; exit 7", "not read\n"),
        (f"touch {tmp_path}/c", ""),
    ]
    done = subprocess.run(["sh"], input=join_script(commands), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "reason\n")
    assert (tmp_path / "a").read_text() == content
    assert (tmp_path / "b").read_text() == f"none {Path.cwd()}\n"
    assert not (tmp_path / "c").exists()


def test_a_script_that_arrives_incomplete_runs_no_command(tmp_path: Path) -> None:
    whole = join_script([(f"touch {tmp_path}/a", ""), (f"cat > {tmp_path}/b", "one\ntwo\n")])
    for length in range(len(whole) - 1):
        done = subprocess.run(["sh"], input=whole[:length], capture_output=True, text=True, check=False)
        assert list(tmp_path.iterdir()) == [], (length, done.stderr)
