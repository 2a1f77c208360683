"""Readings of a host are shared until something changes there, never longer; with the pyinfra that is installed.

Each run is pyinfra's own, on this machine instead of a host. A release that works in another way than
skerry/facts/batch.py says fails here.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[3]

DEPLOY = """
from pathlib import Path
from pyinfra.api import StringCommand
from skerry.facts.script import ScriptFact
from skerry.facts.batch import BatchedFact
from skerry.operations import operation

HERE = Path({here!r})

class Value(ScriptFact[str]):
    '''A file's content. Notes the shell that read it.'''
    def command(self, path: str) -> str:
        return f"echo {{path}} $$ >> {{HERE}}/reads; cat {{HERE}}/{{path}}"
    def process(self, output):
        return "".join(output)

@operation
def put(found, value, script="echo {{value}} > {{file}}"):
    with (HERE / "seen").open("a") as file:
        file.write(f"{{found.current()}} {{found.at_start()}}\\n")
    if found.current() != value:
        yield StringCommand(script.format(value=value, file=HERE / "a"))

a, b, c = (BatchedFact(Value, path=name) for name in "abc")
"""


@dataclass(frozen=True)
class Run:
    """What an operation was shown, "now as-found", for each time one was evaluated; and the files in each reading."""

    done: subprocess.CompletedProcess[str]
    seen: list[str]
    readings: list[str]


def run(here: Path, operations: str, answer: str = "") -> Run:
    """Run operations on files a, b and c, which hold their names. `answer`: of the person pyinfra asks."""
    for name in "abc":
        (here / name).write_text(name)
    for name in ("seen", "reads"):
        (here / name).write_text("")
    script = here / "walk.py"
    script.write_text(DEPLOY.format(here=str(here)) + operations)
    command = [
        str(Path(sys.executable).parent / "pyinfra"),
        *([] if answer else ["-y"]),
        "@local",
        str(script),
    ]
    done = subprocess.run(command, cwd=PROJECT, input=answer, capture_output=True, text=True, check=False)
    readings: dict[str, str] = {}
    for line in (here / "reads").read_text().splitlines():
        name, shell = line.split()
        readings[shell] = readings.get(shell, "") + name
    together = ["".join(sorted(names)) for names in readings.values()]  # they are read side by side
    return Run(done, (here / "seen").read_text().splitlines(), together)


def test_a_run_that_changes_nothing_reads_everything_once(tmp_path: Path) -> None:
    found = run(tmp_path, "put(a, 'a'); put(b, 'b'); put(a, 'a'); put(c, 'c')")
    assert found.done.returncode == 0, found.done.stderr
    assert found.readings == ["abc"]
    assert found.seen == ["a a", "b b", "a a", "c c"]


def test_the_next_operation_sees_what_one_has_done(tmp_path: Path) -> None:
    """The second changes a; c is read anew, too, although nothing changed it: nobody can know."""
    found = run(tmp_path, "put(a, 'a'); put(a, 'new'); put(a, 'new'); put(c, 'c'); put(a, 'new')")
    assert found.done.returncode == 0, found.done.stderr
    assert found.seen == ["a a", "a a", "new a", "c c", "new a"]
    assert found.readings == ["abc", "a", "c"]


def test_the_next_operation_sees_what_a_failed_one_has_done(tmp_path: Path) -> None:
    broken = "put(a, 'half', script='echo {value} > {file}; false', _ignore_errors=True)"
    found = run(tmp_path, f"{broken}; put(a, 'half')")
    assert found.done.returncode == 0, found.done.stderr
    assert found.seen == ["a a", "half a"]


def test_what_was_read_before_a_person_was_asked_does_not_count(tmp_path: Path) -> None:
    found = run(tmp_path, "put(a, 'new'); put(b, 'b')", answer="\n")
    assert found.done.returncode == 0, found.done.stderr
    assert found.readings == ["abc", "abc", "b"]


def test_a_reading_that_was_cut_short_ends_the_run_before_anything_is_decided(tmp_path: Path) -> None:
    found = run(tmp_path, "put(BatchedFact(Value, path='c; kill $$'), 'x')")
    assert found.done.returncode != 0
    assert found.seen == []


def test_a_host_that_cannot_be_read_any_more_fails_its_operation_and_not_the_run(tmp_path: Path) -> None:
    """Errors of that operation are ignored here, so that what follows it shows that the run goes on."""
    cut = f"BatchedFact(Value, path='b; [ $(cat {tmp_path}/a) = a ] || kill $$')"
    found = run(tmp_path, f"put(a, 'new'); put({cut}, 'x', _ignore_errors=True); put(c, 'end')")
    assert found.done.returncode == 0, found.done.stderr
    assert "Traceback" not in found.done.stdout + found.done.stderr
    assert (tmp_path / "a").read_text() == "end\n"
    assert found.seen == ["a a", "c c"]


AHEAD = """
from skerry.facts.batch import FactResult, use_prefetched
use_prefetched(lambda: {{a._query.script: FactResult(["{said}"], 0, 0), "echo other": FactResult(["x"], 0, 0)}})
"""


def test_what_was_read_ahead_is_not_read_again_until_something_changes(tmp_path: Path) -> None:
    """Told apart by saying something else than the file holds."""
    found = run(tmp_path, AHEAD.format(said="ahead") + "put(a, 'ahead'); put(b, 'new'); put(a, 'ahead')")
    assert found.done.returncode == 0, found.done.stderr
    assert found.seen == ["ahead ahead", "b b", "new ahead"]
    assert found.readings == ["bc", "a"]


def test_what_was_read_ahead_of_a_persons_answer_does_not_count(tmp_path: Path) -> None:
    found = run(tmp_path, AHEAD.format(said="ahead") + "put(a, 'a')", answer="\n")
    assert found.done.returncode == 0, found.done.stderr
    assert found.readings == ["bc", "abc"]
    assert found.seen[-1] == "a a"
