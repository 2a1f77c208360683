"""FactResult ahead: what the run before asked of each host at its beginning is asked as soon as the host is reached.

Meanwhile this run gets ready. Where it then asks the very same, and has changed nothing there, it has its answer
(skerry.facts.batch.use_prefetched); what else it asks is read as ever. Only names of facts and their arguments are
kept, in `.skerry/asked/`, never scripts; an argument is a path or a name, and no secret.
"""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
from paramiko import SSHException
from pyinfra.api import Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host

from skerry.facts.batch import (
    FactQuery,
    FactResult,
    join_scripts,
    queries_before_changes,
    results_by_script,
    split_output,
    use_prefetched,
)
from skerry.facts.script import ScriptFact
from skerry.local.files import replace
from skerry.local.paths import SKERRY
from skerry.operations import run_as_root

FACTS = "skerry.facts."
Kept = dict[str, list[dict[str, Any]]]  # by host


class Foresight:
    """Of the runs of one deploy script with one inventory."""

    def __init__(self, inventory: Path, deploy: Path) -> None:
        self._file = SKERRY / "asked" / f"{inventory.stem}-{deploy.stem}.json"
        self._kept = _kept(self._file)

    def begin(self, hosts: Iterable[Host]) -> None:
        """Have the hosts read what will be asked of them, as far as it is known; does not wait for it."""
        for host in hosts:
            if scripts := list(_scripts(self._kept.get(host.name, []))):
                with ctx_host.use(host):
                    use_prefetched(gevent.spawn(_ahead, host, scripts).get)

    def keep(self, hosts: Iterable[Host]) -> None:
        """Note what this run has asked."""
        new: Kept = {}
        for host in hosts:
            with ctx_host.use(host):
                new[host.name] = [
                    {"fact": _name(each.fact), "arguments": each.arguments}
                    for each in queries_before_changes()
                ]
        if (kept := self._kept | new) != self._kept:
            replace(self._file, json.dumps(kept, indent=1), mode=0o600)


def _kept(file: Path) -> Kept:
    """None where a run has been killed before it noted any, or somebody has edited it."""
    with suppress(OSError, ValueError):
        kept = json.loads(file.read_text())
        if isinstance(kept, dict):
            return {host: questions for host, questions in kept.items() if isinstance(questions, list)}
    return {}


def _name(fact: type[ScriptFact[Any]]) -> str:
    """Module in skerry/facts and class, such as "k3s.K3s"."""
    return f"{fact.__module__.removeprefix(FACTS)}.{fact.__name__}"


def _scripts(kept: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The scripts of those that are still facts with such arguments."""
    for each in kept:
        with suppress(AttributeError, ImportError, KeyError, TypeError, ValueError):
            module, name = each["fact"].split(".")
            fact = getattr(importlib.import_module(FACTS + module), name)
            if issubclass(fact, ScriptFact):
                yield FactQuery(fact, each["arguments"]).script


def _ahead(host: Host, scripts: list[str]) -> Mapping[str, FactResult]:
    """What they say; nothing where the host does not answer: whoever asks again learns why."""
    begun = time.time()
    with ctx_host.use(host), suppress(OSError, EOFError, SSHException, PyinfraError):
        fine, output = run_as_root(host, "sh", _stdin=join_scripts(scripts))
        said = split_output(output.stdout_lines) if fine else []
        if len(said) == len(scripts):
            return results_by_script(scripts, said, begun)
    return {}
