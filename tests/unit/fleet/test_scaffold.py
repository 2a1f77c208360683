"""The files that the scaffold writes and keeps, and the input that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from skerry.commands.fleet import repository
from skerry.fleet import metadata, scaffold, upgrades
from skerry.fleet.lint.schemas import Catalogue
from skerry.model.errors import InputError

SHOP = ("shop", "registry.example.org/shop:1.4.2", 8080)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scaffold, "_init_git", lambda root, remote: None)
    scaffold.init(tmp_path / "fleet", "1.36", "2.9.4", "")
    return tmp_path / "fleet"


def listed(root: Path, cluster: str) -> list[str]:
    found: list[str] = yaml.safe_load((root / f"apps/{cluster}/kustomization.yaml").read_text())["resources"]
    return found


def again(root: Path) -> scaffold.Outcome:
    return scaffold.init(root, "1.36", "2.9.4", "")


def test_a_second_run_writes_nothing(root: Path) -> None:
    outcome = again(root)
    assert (outcome.written, outcome.kept, outcome.diff) == ([], [], "")
    assert outcome.unchanged


LINT_CALLS = [".githooks/pre-commit", ".github/workflows/fleet-lint.yaml", ".gitlab-ci.yml"]


def with_old_lint_call(root: Path, path: str) -> str:
    """Give a file the module name of Skerry 0.1, as `fleet-init` wrote it then."""
    old = (root / path).read_text().replace("-m skerry.fleet.lint", "-m fleet.lint")
    fleet = metadata.load(root)
    fleet.files[path] = metadata.sha256(old)
    fleet.save(root)
    (root / path).write_text(old)
    return old


def test_init_again_updates_hook_and_ci_files_of_an_older_skerry_and_names_them(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in LINT_CALLS:
        with_old_lint_call(root, path)
    repository.init(str(root), "", "")
    printed = capsys.readouterr().out
    for path in LINT_CALLS:
        assert "-m skerry.fleet.lint" in (root / path).read_text()
        assert f"written: {path}\n" in printed
    assert (root / LINT_CALLS[0]).stat().st_mode & 0o777 == 0o755


def test_init_again_keeps_an_edited_hook_and_shows_the_new_line(root: Path) -> None:
    hook = LINT_CALLS[0]
    (root / hook).write_text(with_old_lint_call(root, hook) + "# ours\n")
    outcome = again(root)
    assert outcome.kept == [hook]
    assert '+exec .venv/bin/python -m skerry.fleet.lint --staged "$repository"\n' in outcome.diff


def test_every_flux_kustomization_retries_waits_prunes_and_decrypts(root: Path) -> None:
    documents = [
        each
        for file in sorted((root / "clusters").rglob("*.yaml"))
        for each in yaml.safe_load_all(file.read_text())
    ]
    assert len(documents) == 6
    for document in documents:
        assert document["apiVersion"] == "kustomize.toolkit.fluxcd.io/v1"
        spec = document["spec"]
        assert {"interval", "retryInterval", "timeout"} <= set(spec)
        assert (spec["prune"], spec["wait"], spec["decryption"]["provider"]) == (True, True, "sops")
        assert (root / spec["path"]).is_dir()


def test_an_application_is_added_to_each_cluster_once(root: Path) -> None:
    scaffold.add_app(root, *SHOP)
    assert listed(root, "staging") == listed(root, "production") == ["nginx", "shop"]
    assert scaffold.add_app(root, *SHOP).written == []
    assert again(root).kept == []


def test_adding_keeps_comments_and_order_of_an_edited_list(root: Path) -> None:
    file = root / "apps/production/kustomization.yaml"
    file.write_text(file.read_text() + "  # the team's\n  - extra   # ours\ncommonAnnotations: {a: b}\n")
    scaffold.add_app(root, *SHOP)
    assert file.read_text().endswith(
        "  # the team's\n  - extra   # ours\n  - shop\ncommonAnnotations: {a: b}\n"
    )


def test_a_list_that_cannot_be_edited_is_refused_before_anything_is_written(root: Path) -> None:
    file = root / "apps/production/kustomization.yaml"
    file.write_text("kind: Kustomization\nresources: [nginx]\n")
    with pytest.raises(InputError, match="does not edit; add 'shop' to resources"):
        scaffold.add_app(root, *SHOP)
    assert not (root / "apps/base/shop").exists()


def test_the_next_run_completes_one_that_was_killed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scaffold, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            scaffold.add_app(root, *SHOP)
    scaffold.add_app(root, *SHOP)
    assert listed(root, "staging") == ["nginx", "shop"]
    assert (root / "apps/base/shop/deployment.yaml").is_file()


def test_a_new_cluster_runs_every_application(root: Path) -> None:
    scaffold.add_app(root, *SHOP)
    scaffold.add_cluster(root, "oslo", "production")
    assert listed(root, "oslo") == ["nginx", "shop"]
    assert metadata.load(root).clusters["oslo"].like == "production"


@pytest.mark.parametrize("name", ["Shop", "a_b", "-a", "a" * 64, "", "a.b"])
def test_names_that_kubernetes_would_refuse(root: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not a name that Kubernetes accepts"):
        scaffold.add_app(root, name, "image:1", 80)
    with pytest.raises(InputError, match="is not a name that Kubernetes accepts"):
        scaffold.add_cluster(root, name, "staging")


def test_taken_names_and_folders_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        scaffold.add_app(root, "nginx", "another:1", 80)
    with pytest.raises(InputError, match="exists already"):
        scaffold.add_cluster(root, "base", "staging")
    with pytest.raises(InputError, match="is not an overlay"):
        scaffold.add_cluster(root, "oslo", "test")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "code.py").touch()
    with pytest.raises(InputError, match="holds files that are not Skerry's"):
        scaffold.init(tmp_path / "full", "1.36", "2.9.4", "")


def test_damaged_metadata_is_one_line(root: Path) -> None:
    (root / metadata.FILE).write_text("name: x\n")
    with pytest.raises(InputError, match="is damaged; restore it from Git"):
        again(root)


def test_upgrade_plans_have_the_inventorys_values(root: Path) -> None:
    wish = metadata.Upgrades("v1.36.3+k3s1", 2, 600, "Sun 22:30")
    scaffold.add_upgrades(root, "production", wish)
    folder = root / "upgrades" / "production"
    plans = list(yaml.safe_load_all((folder / "plans.yaml").read_text()))
    assert [(each["metadata"]["name"], each["spec"]["version"]) for each in plans] == [
        ("k3s-servers", "v1.36.3+k3s1"),
        ("k3s-agents", "v1.36.3+k3s1"),
    ]
    assert [each["spec"]["concurrency"] for each in plans] == [1, 2]
    assert all(each["spec"]["drain"]["timeout"] == "600s" for each in plans)
    assert "disableEviction" not in (folder / "plans.yaml").read_text()  # budgets count
    *_, release = yaml.safe_load_all((folder / "kured.yaml").read_text())
    window = release["spec"]["values"]["configuration"]
    assert (window["rebootDays"], window["startTime"], window["endTime"]) == (["sun"], "22:30", "23:59")
    assert again(root).written == []
    assert not (root / "upgrades" / "staging").exists()
    newer = metadata.Upgrades("v1.36.4+k3s1", 2, 600, "daily 03:00")
    assert scaffold.add_upgrades(root, "production", newer).kept == []
    assert "v1.36.4+k3s1" in (folder / "plans.yaml").read_text()


def test_the_lint_accepts_the_plans_and_refuses_what_the_controller_would_refuse(root: Path) -> None:
    scaffold.add_upgrades(root, "production", metadata.Upgrades("v1.36.3+k3s1", 2, 600, "Sun 22:30"))
    plans = root / "upgrades" / "production" / "plans.yaml"
    catalogue = Catalogue("1.36", "2.9.4", [])
    for plan in yaml.safe_load_all(plans.read_text()):
        validator = catalogue.validator(plan["apiVersion"], plan["kind"])
        validator.validate(plan)
        for wrong in ({"drain": {"timeout": ["600s"]}}, {"versions": "v1"}, {"concurrency": "two"}):
            assert not validator.is_valid({**plan, "spec": {**plan["spec"], **wrong}})


def test_upgrades_need_a_known_cluster_and_a_window(root: Path) -> None:
    wish = metadata.Upgrades("v1.36.3+k3s1", 1, 600, "")
    with pytest.raises(InputError, match="has no cluster 'oslo'; choose production or staging"):
        scaffold.add_upgrades(root, "oslo", wish)
    with pytest.raises(InputError, match="reboot_window is empty"):
        upgrades.check(wish)


def test_metadata_without_upgrades_is_read(root: Path) -> None:
    file = root / metadata.FILE
    file.write_text(file.read_text().replace("upgrades: {}\n", ""))
    assert metadata.load(root).upgrades == {}
