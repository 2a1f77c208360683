"""Facts of a host are read together, and read again after a change, with the installed pyinfra.

Each run is a run of pyinfra on this machine. A pyinfra release whose internals differ from what skerry/facts/batch.py
assumes fails these tests.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from skerry.local.paths import PROJECT

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
def put(fact, value, script="echo {{value}} > {{file}}"):
    with (HERE / "seen").open("a") as file:
        file.write(f"{{fact.current()}} {{fact.at_start()}}\\n")
    if fact.current() != value:
        yield StringCommand(script.format(value=value, file=HERE / "a"))

a, b, c = (BatchedFact(Value, path=name) for name in "abc")
"""


@dataclass(frozen=True)
class Run:
    """A finished run.

    `seen` has "current at-start" for each evaluation of an operation, `readings` the files in each joined reading.
    """

    done: subprocess.CompletedProcess[str]
    seen: list[str]
    readings: list[str]


def run(folder: Path, operations: str, answer: str = "") -> Run:
    """Run operations on the files a, b and c, which contain their names. `answer` is typed at pyinfra's prompt."""
    for name in "abc":
        (folder / name).write_text(name)
    for name in ("seen", "reads"):
        (folder / name).write_text("")
    script = folder / "walk.py"
    script.write_text(DEPLOY.format(here=str(folder)) + operations)
    command = [
        str(Path(sys.executable).parent / "pyinfra"),
        *([] if answer else ["-y"]),
        "@local",
        str(script),
    ]
    done = subprocess.run(command, cwd=PROJECT, input=answer, capture_output=True, text=True, check=False)
    readings: dict[str, str] = {}
    for line in (folder / "reads").read_text().splitlines():
        name, shell = line.split()
        readings[shell] = readings.get(shell, "") + name
    together = ["".join(sorted(names)) for names in readings.values()]  # they are read in parallel
    return Run(done, (folder / "seen").read_text().splitlines(), together)


def test_a_run_that_changes_nothing_reads_everything_once(tmp_path: Path) -> None:
    result = run(tmp_path, "put(a, 'a'); put(b, 'b'); put(a, 'a'); put(c, 'c')")
    assert result.done.returncode == 0, result.done.stderr
    assert result.readings == ["abc"]
    assert result.seen == ["a a", "b b", "a a", "c c"]


def test_the_next_operation_sees_the_changes_of_an_operation(tmp_path: Path) -> None:
    """The second operation changes a. c is read again, too, because an operation may change anything."""
    result = run(tmp_path, "put(a, 'a'); put(a, 'new'); put(a, 'new'); put(c, 'c'); put(a, 'new')")
    assert result.done.returncode == 0, result.done.stderr
    assert result.seen == ["a a", "a a", "new a", "c c", "new a"]
    assert result.readings == ["abc", "a", "c"]


def test_the_next_operation_sees_the_changes_of_a_failed_operation(tmp_path: Path) -> None:
    broken = "put(a, 'half', script='echo {value} > {file}; false', _ignore_errors=True)"
    result = run(tmp_path, f"{broken}; put(a, 'half')")
    assert result.done.returncode == 0, result.done.stderr
    assert result.seen == ["a a", "half a"]


def test_facts_from_before_a_prompt_are_read_again(tmp_path: Path) -> None:
    result = run(tmp_path, "put(a, 'new'); put(b, 'b')", answer="\n")
    assert result.done.returncode == 0, result.done.stderr
    assert result.readings == ["abc", "abc", "b"]


def test_an_incomplete_reading_ends_the_run_before_any_decision(tmp_path: Path) -> None:
    result = run(tmp_path, "put(BatchedFact(Value, path='c; kill $$'), 'x')")
    assert result.done.returncode != 0
    assert result.seen == []


def test_a_failed_reading_fails_its_operation_but_not_the_run(tmp_path: Path) -> None:
    """The operation ignores errors, so that the next one shows that the run continues."""
    cut = f"BatchedFact(Value, path='b; [ $(cat {tmp_path}/a) = a ] || kill $$')"
    result = run(tmp_path, f"put(a, 'new'); put({cut}, 'x', _ignore_errors=True); put(c, 'end')")
    assert result.done.returncode == 0, result.done.stderr
    assert "Traceback" not in result.done.stdout + result.done.stderr
    assert (tmp_path / "a").read_text() == "end\n"
    assert result.seen == ["a a", "c c"]


PREFETCHED = """
from skerry.facts.batch import FactResult, use_prefetched
use_prefetched(lambda: {{a._query.script: FactResult(["{output}"], 0, 0), "echo other": FactResult(["x"], 0, 0)}})
"""


def test_prefetched_facts_are_not_read_again_until_a_change(tmp_path: Path) -> None:
    """The prefetched content differs from the file's, which shows which one was used."""
    result = run(
        tmp_path, PREFETCHED.format(output="ahead") + "put(a, 'ahead'); put(b, 'new'); put(a, 'ahead')"
    )
    assert result.done.returncode == 0, result.done.stderr
    assert result.seen == ["ahead ahead", "b b", "new ahead"]
    assert result.readings == ["bc", "a"]


def test_facts_prefetched_before_a_prompt_are_read_again(tmp_path: Path) -> None:
    result = run(tmp_path, PREFETCHED.format(output="ahead") + "put(a, 'a')", answer="\n")
    assert result.done.returncode == 0, result.done.stderr
    assert result.readings == ["bc", "abc"]
    assert result.seen[-1] == "a a"
