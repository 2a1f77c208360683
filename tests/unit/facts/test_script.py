"""Shell functions that all facts share, and scripts of several facts sent as one."""

from __future__ import annotations

from pathlib import Path

from skerry.facts.batch import join_scripts, split_output
from skerry.facts.script import COMMON, file_states
from skerry.model.files import File
from tests.unit.shell import needs_root, shell

pytestmark = needs_root


def test_file_states_have_mode_owner_and_checksum(tmp_path: Path) -> None:
    file = File(str(tmp_path / "a"), "x\n", "644")
    Path(file.path).write_text(file.content)
    Path(file.path).chmod(0o644)
    common = (Path(__file__).parents[3] / "skerry/facts/common.sh").read_text()
    lines = shell(f"{common}\nfile_states {file.path} {tmp_path}/absent").stdout.splitlines()
    assert file_states(lines) == {file.path: file.state}


def test_outputs_of_joined_scripts_are_separated_whatever_they_end_with() -> None:
    scripts = ["printf 'no end of line'", "true", "printf 'blank at the end\\n\\n'", "echo whole"]
    output = shell(join_scripts(scripts)).stdout.removesuffix("\n").split("\n")
    assert split_output(output) == [["no end of line"], [], ["blank at the end", ""], ["whole"]]


def test_joined_scripts_share_the_common_functions_and_nothing_else() -> None:
    """A script that reads standard input, exits or sets a variable does not affect the others."""
    scripts = [f"{COMMON}\nsection a; x=1; cat", "exit 3", "echo ${x:-unset}"]
    assert join_scripts(scripts).count(COMMON) == 1
    done = shell("sh", join_scripts(scripts))
    assert split_output(done.stdout.splitlines()) == [["@a"], [], ["unset"]]
    assert done.returncode == 0


def test_sysctls_with_several_fields_are_read_completely() -> None:
    keys = ["kernel.pid_max", "kernel.printk", "net.ipv4.ip_local_port_range"]
    output = shell(f"{COMMON}\nsysctls {' '.join(keys)} no.such.key").stdout.splitlines()
    expected = [f"{key} {' '.join(Path('/proc/sys', *key.split('.')).read_text().split())}" for key in keys]
    assert output == expected
