"""Pages of docs/reference that are generated from the code, as Markdown."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from invoke import Collection
from invoke.loader import FilesystemLoader
from invoke.parser import Argument
from invoke.tasks import Task as InvokeTask

from skerry.commands.dev.settings_reference import settings_reference
from skerry.local.files import replace
from skerry.local.paths import PROJECT
from skerry.model.hardening.catalogue import controls
from skerry.model.hardening.control import Check, Control
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings, parse_settings

Task: TypeAlias = InvokeTask[Any]
Row: TypeAlias = tuple[str, ...]

# Order and titles of the chapters of the task page; the keys are the modules of skerry/tasks.
TOPICS = {
    "hosts": "Hosts",
    "cluster": "Clusters",
    "disk": "Disks",
    "fleet": "Fleet and Flux",
    "lab": "Lab",
    "dev": "First try and development",
}
# Order and titles of the chapters of the control page; the keys begin a control's id.
AREAS = {"SSH": "SSH", "FW": "Firewall", "KRN": "Kernel", "SYS": "System", "K3S": "K3s"}


def write(folder: Path) -> None:
    """Write the generated pages that have changed into `folder`."""
    pages = {
        "settings": settings_reference(),
        "tasks": tasks_page(),
        "controls": controls_page(),
        "hardening-files": hardening_files_page(),
    }
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.is_file() or path.read_text() != text:
            replace(path, text)


def version() -> str:
    """The version in pyproject.toml."""
    match = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.MULTILINE)
    assert match
    return match[1]


def collection() -> Collection:
    """Every task, as `invoke` finds them in tasks.py."""
    module, _ = FilesystemLoader(start=str(PROJECT)).load("tasks")
    return Collection.from_module(module)


def default_settings() -> Settings:
    """The settings of inventories/group_data/all.py."""
    values = runpy.run_path(str(PROJECT / "inventories" / "group_data" / "all.py"))
    named = {name: value for name, value in values.items() if name in Settings.model_fields}
    return parse_settings("default", named)


def tasks_page() -> str:
    """Returns the page of tasks by topic: each with its command line, its first docstring line and its arguments."""
    tasks = collection().tasks
    chapters = []
    for topic, title in TOPICS.items():
        members = [name for name in sorted(tasks) if _topic(tasks[name]) == topic]
        chapters.append("\n".join([f"## {title}", "", *(_task(name, tasks[name]) for name in members)]))
    return "\n".join(chapters)


def _topic(task: Task) -> str:
    """The module of skerry/tasks that defines a task."""
    return str(task.body.__module__).rpartition(".")[2]


def _task(name: str, task: Task) -> str:
    arguments = task.get_arguments()
    positional = [_metavariable(argument) for argument in arguments if argument.positional]
    summary = (task.__doc__ or "").strip().splitlines()[0]
    lines = [f"(task-{name})=", f"### {name}", "", "```text", " ".join(["invoke", name, *positional]), "```"]
    lines += ["", f"{summary}", ""]
    if arguments:
        lines += _table(("argument", "default", "meaning"), map(_argument, arguments))
    return "\n".join([*lines, ""])


def _metavariable(argument: Argument) -> str:
    return str(argument.name).replace("_", "-").upper()


def _argument(argument: Argument) -> Row:
    name, meaning = str(argument.name).replace("_", "-"), argument.help or ""
    if argument.positional:
        return f"`{_metavariable(argument)}`", "required", meaning
    if argument.kind is bool:
        return (
            f"`--{name}`, `--no-{name}`" if argument.default else f"`--{name}`",
            _on_or_off(argument),
            meaning,
        )
    default = f"`{argument.default}`" if argument.default not in ("", None) else ""
    return f"`--{name} {_metavariable(argument)}`", default, meaning


def _on_or_off(argument: Argument) -> str:
    return "on" if argument.default else "off"


def controls_page() -> str:
    """Returns the page of hardening controls: sources, GDPR article, what is checked, and why K3s works with each."""
    return "\n".join(
        "\n".join(
            [f"## {title}", "", *(_control(each) for each in catalogue() if each.id.startswith(f"{area}-"))]
        )
        for area, title in AREAS.items()
    )


def catalogue() -> list[Control]:
    """Returns the controls of a server with default settings and k3s_profile = "cis", with which all apply."""
    settings = default_settings().model_copy(update={"k3s_profile": "cis"})
    return controls(HostContext("server", settings, 0, ()))


def _control(control: Control) -> str:
    sections = [("CIS Ubuntu 20.04", control.ubuntu), ("CIS Debian 11", control.debian)]
    cited = [control.source, *(f"{benchmark}: {numbers}" for benchmark, numbers in sections if numbers)]
    checks = [_checks(kind, list(group)) for kind, group in groupby(control.checks, lambda check: check.kind)]
    return "\n".join([
        f"(control-{control.id.lower()})=",
        f"### {control.id} {control.title}",
        "",
        f"- Sources: {'; '.join(cited)}",
        f"- GDPR: article {control.gdpr_article}",
        f"- Why K3s works with it: {control.k3s_compatibility}",
        f"- Checks: {'; '.join(checks) or 'none with the default settings'}",
        "",
    ])  # fmt: skip


def _checks(kind: str, checks: list[Check]) -> str:
    """The checks of one kind: "sysctl `kernel.sysrq` = `0`", "unit `auditd` active"."""
    if kind in ("unit", "module", "package"):
        states = groupby(checks, lambda check: check.expected)
        return "; ".join(
            f"{kind} {', '.join(f'`{check.key}`' for check in group)} {state}" for state, group in states
        )
    if kind == "file":
        return f"file {', '.join(f'`{check.key}`' for check in checks)} as Skerry writes it"
    return f"{kind} {', '.join(f'`{check.key}` = `{check.expected}`' for check in checks)}"


def hardening_files_page() -> str:
    """Returns the page of files that hardening writes to hosts, each with the controls that require it."""
    wanted: dict[str, list[str]] = {}
    for control in catalogue():
        for check in control.checks:
            if check.kind == "file":
                wanted.setdefault(check.key, []).append(f"[{control.id}](#control-{control.id.lower()})")
    rows = ((f"`{path}`", ", ".join(ids)) for path, ids in sorted(wanted.items()))
    return "\n".join([*_table(("path", "controls"), rows), ""])


def _table(head: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A Markdown table, line by line."""
    for row in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
