"""Prefetch: right after connecting, read the facts that the previous run read first, while this run still imports.

The facts are served by skerry.facts.batch until an operation changes the host. `.skerry/asked/` keeps names of facts
and their arguments, which are paths and names, never scripts or secrets. What it gains, and why it stays:
docs/explanation/decisions/010-prefetch.md.
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
Queries = dict[str, list[dict[str, Any]]]
"""Facts and their arguments by host, in the form of the saved file."""


class Prefetch:
    """The prefetch list of one inventory and deploy script."""

    def __init__(self, inventory: Path, deploy: Path) -> None:
        self._file = SKERRY / "asked" / f"{inventory.stem}-{deploy.stem}.json"
        self._queries = _load(self._file)

    def begin(self, hosts: Iterable[Host]) -> None:
        """Start reading the listed facts of these hosts. Does not wait for the results."""
        for host in hosts:
            if scripts := list(_scripts(self._queries.get(host.name, []))):
                with ctx_host.use(host):
                    use_prefetched(gevent.spawn(_read, host, scripts).get)

    def save(self, hosts: Iterable[Host]) -> None:
        """Save the list for the next run: what this run has read from these hosts so far."""
        new: Queries = {}
        for host in hosts:
            with ctx_host.use(host):
                new[host.name] = [
                    {"fact": _fact_name(query.fact), "arguments": query.arguments}
                    for query in queries_before_changes()
                ]
        if (queries := self._queries | new) != self._queries:
            replace(self._file, json.dumps(queries, indent=1), mode=0o600)


def _load(file: Path) -> Queries:
    """Returns the saved list; {} if the file is missing or malformed."""
    with suppress(OSError, ValueError):
        queries = json.loads(file.read_text())
        if isinstance(queries, dict):
            return {host: listed for host, listed in queries.items() if isinstance(listed, list)}
    return {}


def _fact_name(fact: type[ScriptFact[Any]]) -> str:
    """Returns the module in skerry/facts and the class: "k3s.K3s"."""
    return f"{fact.__module__.removeprefix(FACTS)}.{fact.__name__}"


def _scripts(queries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Returns the scripts of these queries, without queries whose fact or arguments this release does not know."""
    for query in queries:
        with suppress(AttributeError, ImportError, KeyError, TypeError, ValueError):
            module, name = query["fact"].split(".")
            fact = getattr(importlib.import_module(FACTS + module), name)
            if issubclass(fact, ScriptFact):
                yield FactQuery(fact, query["arguments"]).script


def _read(host: Host, scripts: list[str]) -> Mapping[str, FactResult]:
    """Returns the results by script; {} if the host does not answer, which the phase that reads a fact then reports."""
    begun = time.time()
    with ctx_host.use(host), suppress(OSError, EOFError, SSHException, PyinfraError):
        succeeded, output = run_as_root(host, "sh", _stdin=join_scripts(scripts))
        outputs = split_output(output.stdout_lines) if succeeded else []
        if len(outputs) == len(scripts):
            return results_by_script(scripts, outputs, begun)
    return {}
