"""Tables that are written by hand name what is in the code: variables, paths, phases, scripts, exit codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from skerry.commands.dev.reference import collection, controls_page, hardening_files_page, tasks_page
from skerry.local import exit_codes, paths
from skerry.local.paths import PROJECT
from skerry.model.hardening import catalogue
from skerry.model.settings.settings import Settings
from tests.documents import PAGES

REFERENCE = PROJECT / "docs" / "reference"
CODE = ("skerry", "deploy", "inventories")
# Variables of the interpreter, the shell and programs that Skerry starts, which are only passed on or set for them.
PASSED_ON = {"ETCDCTL_API", "PATH", "SKERRY_URL"}
# Words in prose that look like settings and are none: pyinfra's connection data, keys of a setting, names of files.
NO_SETTINGS = {
    *("ssh_hostname", "ssh_key", "ssh_port", "ssh_user", "access_key_variable", "secret_key_variable"),
    *("authorized_keys", "authorized_keys2", "known_hosts"),
}
SUFFIXES = {".conf", ".py", ".service", ".sh", ".timer", ".yaml"}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in (PROJECT / folder).rglob("*") if path.suffix in SUFFIXES)


def shown(page: str) -> set[str]:
    """What a page of the reference shows as code."""
    return set(re.findall(r"`([^`\n]+)`", (REFERENCE / page).read_text()))


def read_variables(path: Path) -> Iterator[str]:
    """The names that a Python file looks up in os.environ."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("os.environ"):
            yield from (str(name.value) for name in ast.walk(node.slice) if isinstance(name, ast.Constant))
        if isinstance(node, ast.Call) and re.search(r"os\.(environ\.get|getenv)$", ast.unparse(node.func)):
            yield from (str(name.value) for name in ast.walk(node.args[0]) if isinstance(name, ast.Constant))


def test_every_environment_variable_is_documented() -> None:
    documented = shown("environment.md")
    python = [path for path in sources(*CODE) if path.suffix == ".py"]
    looked_up = {name for path in python for name in read_variables(path)}
    text = "\n".join(path.read_text() for path in [*sources(*CODE), PROJECT / "Vagrantfile"])
    named = set(re.findall(r"\bSKERRY_[A-Z0-9_]*[A-Z0-9]\b", text))
    assert (looked_up | named) - PASSED_ON <= documented
    own = {name for name in documented if re.fullmatch(r"SKERRY_[A-Z0-9_]*[A-Z0-9]", name)}
    assert own <= named, "documented, but read nowhere"


def test_every_path_of_ours_on_hosts_is_documented() -> None:
    """Every absolute path that has "skerry" in it, and every one below K3s's own folders in /etc and /usr/local."""
    documented = shown("files.md") | set(re.findall(r"`([^`]+)`", hardening_files_page()))
    known = tuple(path.partition("<")[0].rstrip("/") for path in documented if path.startswith("/"))
    pattern = re.compile(
        r"(?<![\w.}$])(/(?:etc|run|usr/local|var/lib)/[\w./-]*(?:skerry|rancher/k3s|local/lib/k3s)[\w./-]*)"
    )
    found = {
        match for path in sources("skerry") for match in pattern.findall(path.read_text()) if not apart(path)
    }
    assert len(found) > 30
    bare = {"/etc/rancher/k3s", "/etc/skerry", "/run/lock/skerry-", "/usr/local/lib/k3s", "/var/lib/skerry"}
    missing = {path for path in found if not path.rstrip("/").startswith(known)} - bare
    assert not {path for path in missing if path.rstrip("/") not in bare}, "document these in files.md"


def apart(path: Path) -> bool:
    """Whether a source is about lab hosts, the fleet repository or the speed of runs, not about hosts of users."""
    return bool({"lab", "fleet", "speed", "dev"} & set(path.parts))


def test_every_folder_kept_here_is_documented() -> None:
    kept = {
        path.name for path in vars(paths).values() if isinstance(path, Path) and path.parent == paths.SKERRY
    }
    documented = {name.split("/")[1] for name in shown("files.md") if name.startswith(".skerry/")} - {""}
    assert kept
    assert kept <= documented
    assert documented - kept <= {"asked"}  # skerry/runner/prefetch.py's own


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", (REFERENCE / "exit-codes.md").read_text(), re.MULTILINE)
    assert {int(code) for code in rows} == {
        code for code in vars(exit_codes).values() if isinstance(code, int)
    }


def test_every_phase_and_script_is_documented() -> None:
    page = (REFERENCE / "deploys.md").read_text()
    for script in (PROJECT / "deploy").glob("*.py"):
        assert f"| `deploy/{script.name}` |" in page
        for phase in re.findall(r"^from skerry\.phases\.(\w+) import", script.read_text(), re.MULTILINE):
            assert phase in page


def test_paths_of_the_project_exist() -> None:
    """Files and folders of the project that prose names, on any page."""
    pattern = re.compile(r"`((?:skerry|tests|deploy|inventories|docs)/[\w./-]*)`")
    created = (
        "inventories/bergen.py",
        "inventories/group_data/bergen.py",
        "inventories/known_hosts",
        "docs/_build",
    )
    optional = ("inventories/group_data/servers.py",)
    for page in [*PAGES, PROJECT / "tests" / "README.md"]:
        for path in pattern.findall(page.read_text()):
            if path.startswith(created) or path in optional or "NAME" in path or "TOPIC" in path:
                continue
            assert (PROJECT / path).exists(), f"{page.relative_to(PROJECT)}: {path}"


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 150


def test_every_task_and_control_is_in_the_reference() -> None:
    assert set(re.findall(r"^### (\S+)$", tasks_page(), re.MULTILINE)) == set(collection().tasks)
    assert set(re.findall(r"^### (\w+-\d+) ", controls_page(), re.MULTILINE)) == catalogue.IDS


def test_settings_and_tasks_that_prose_names_exist() -> None:
    """Inline code that looks like a setting, alone or with its value, and inline `invoke TASK`."""
    settings, tasks = (
        {*Settings.model_fields, *NO_SETTINGS},
        {*collection().tasks, "--list", "--help", "TASK"},
    )
    for page in [*PAGES, PROJECT / "tests" / "README.md"]:
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        where = page.relative_to(PROJECT)
        for name in re.findall(r"`((?!test_)[a-z0-9]+_[a-z0-9_]+)(?: = [^`]+)?`", text):
            assert name in settings, f"{where}: {name}"
        for name in re.findall(r"`invoke ([^ `]+)", text):
            assert name in tasks, f"{where}: invoke {name}"
