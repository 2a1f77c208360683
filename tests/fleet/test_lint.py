"""Lint whole repositories, rendered by the real kustomize: one for each trap and leak, and the scaffold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.fleet import scaffold
from skerry.fleet.lint.__main__ import show
from skerry.fleet.lint.run import lint
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from tests.fleet.conftest import IDENTITY, PLAINTEXT, SECRET

# Each is copied over the one named clean.
REPOSITORIES = Path(__file__).parent / "repositories"
APPS, CLUSTER = "apps/production", "clusters/production"
TRAPS = {
    "circle": [
        ("depends", f"{CLUSTER}/apps.yaml:7: dependsOn is circular: apps -> infrastructure -> apps"),
        ("depends", f"{CLUSTER}/infrastructure.yaml:7: dependsOn is circular: infrastructure -> apps"),
    ],
    "unknown-dependency": [
        ("depends", f"{CLUSTER}/apps.yaml:8: apps depends on infra, which this cluster does not")
    ],
    "no-decryption": [
        ("decryption", f"{CLUSTER}/apps.yaml:1: apps has no decryption, and {APPS}/password.sops.yaml")
    ],
    "no-such-path": [("path", f"{CLUSTER}/apps.yaml:14: apps: there is no folder ./apps/prod;")],
    "root-without-flux-system": [
        ("flux-system", f"{CLUSTER}/kustomization.yaml:1: the cluster's kustomization leaves")
    ],
    "secret-in-flux-system": [
        ("flux-system", f"{CLUSTER}/flux-system/token.sops.yaml:1: an encrypted file in flux-sys")
    ],
    "deprecated-api": [
        ("api", f"{CLUSTER}/apps.yaml:1: Kustomization apps uses kustomize.toolkit.fluxcd.io/v1beta2")
    ],
    "patch-hits-nothing": [
        ("patch", f"{APPS}/kustomization.yaml:10: patch 1 matches nothing: no resource has kind Depl")
    ],
    "other-recipients": [
        ("recipients", f"{APPS}/password.sops.yaml:1: is encrypted for other keys than .sops.yaml")
    ],
    "unknown-field": [
        ("schema", f"{APPS}/deployment.yaml:6: Deployment shop: spec: Additional properties are not al")
    ],
    "refused-name": [
        ("name", "infrastructure/namespace.yaml:4: Namespace has the name 'Shop_1', which Kubernetes ref")
    ],
    "broken-yaml": [("yaml", "infrastructure/namespace.yaml:6: is not YAML: ")],
}
LEAKS = {
    "second-document": f"{APPS}/password.sops.yaml:29: Secret second has stringData.password in plaintext",
    "quoted-kind": f"{APPS}/deployment.yaml:6: Secret leaked has stringData.password in plaintext",
    "comment-after-kind": f"{APPS}/deployment.yaml:6: Secret leaked has stringData.password in plaintext",
    "list": f"{APPS}/deployment.yaml:9: Secret leaked has stringData.password in plaintext",
    "generator-literal": f"{APPS}/kustomization.yaml:10: secretGenerator leaked has password in plaintext",
    "crlf": f"{APPS}/deployment.yaml:6: Secret leaked has stringData.password in plaintext",
    "encrypted-comment": f"{APPS}/deployment.yaml:7: Secret leaked has stringData.password in plaintext",
}


def repository(name: str, root: Path) -> Path:
    shutil.copytree(REPOSITORIES / "clean", root, dirs_exist_ok=True)
    shutil.copytree(REPOSITORIES / name, root, dirs_exist_ok=True)
    return root


def test_every_trap_and_leak_has_a_fixture() -> None:
    named = {"clean", *(f"trap-{name}" for name in TRAPS), *(f"leak-{name}" for name in LEAKS)}
    assert {path.name for path in REPOSITORIES.iterdir()} == named


def test_the_clean_repository_is_clean(tmp_path: Path) -> None:
    report = lint(repository("clean", tmp_path))
    assert (report.findings, report.unknown, report.overlays) == ([], [], 2)


def test_the_scaffold_is_clean_and_kinds_without_schema_are_named(fleet: Path) -> None:
    report = lint(fleet)
    assert report.findings == []
    assert report.overlays == 4
    assert report.unknown == ["cert-manager.io/v1 ClusterIssuer", "monitoring.coreos.com/v1 PodMonitor"]


@pytest.mark.parametrize("name", TRAPS)
def test_each_trap_gives_exactly_its_findings(name: str, tmp_path: Path) -> None:
    report = lint(repository(f"trap-{name}", tmp_path))
    findings = [(finding.rule, str(finding)) for finding in report.findings]
    assert [
        (rule, text[: len(expected)])
        for (rule, text), (_, expected) in zip(findings, TRAPS[name], strict=True)
    ] == TRAPS[name]


@pytest.mark.parametrize("name", LEAKS)
def test_each_leak_that_regex_hooks_miss_is_found(name: str, tmp_path: Path) -> None:
    [finding] = lint(repository(f"leak-{name}", tmp_path)).findings
    assert finding.rule == "leak"
    assert str(finding).startswith(LEAKS[name])


def test_overlays_differ_where_they_should(fleet: Path) -> None:
    from skerry.fleet.lint.render import render

    production, staging = (
        {document.kind: document for document in overlay.documents}
        for overlay in render(fleet, ["apps/production", "apps/staging"])
    )
    assert production["Deployment"].spec["replicas"] == 3
    assert staging["Deployment"].spec["replicas"] == 1
    assert "PodDisruptionBudget" in production
    assert "PodDisruptionBudget" not in staging
    hosts = [overlay["Ingress"].spec["rules"][0]["host"] for overlay in (production, staging)]
    assert hosts == ["nginx.example.org", "nginx.staging.example.org"]
    assert {document.namespace for document in production.values() if document.kind != "Namespace"} == {
        "nginx"
    }


def test_a_plaintext_file_behind_a_generator_is_found_and_an_encrypted_one_is_not(tmp_path: Path) -> None:
    root = repository("clean", tmp_path)
    folder = root / APPS
    shutil.copy(folder / "password.sops.yaml", folder / "inner.sops.yaml")
    text = (folder / "kustomization.yaml").read_text()
    (folder / "kustomization.yaml").write_text(
        f"{text}secretGenerator:\n  - name: file\n    files: [inner.sops.yaml]\n"
    )
    assert lint(root).findings == []
    (folder / "inner.sops.yaml").write_text("password: plain\n")
    assert [str(finding).partition(";")[0] for finding in lint(root).findings] == [
        f"{APPS}/kustomization.yaml:17: secretGenerator reads inner.sops.yaml, which is plaintext"
    ]


def test_a_leak_that_only_rendering_shows_is_found(tmp_path: Path) -> None:
    root = repository("clean", tmp_path)
    (root / APPS / "patch.yaml").write_text("- {op: add, path: /stringData/token, value: plain}\n")
    text = (root / APPS / "kustomization.yaml").read_text()
    (root / APPS / "kustomization.yaml").write_text(
        f"{text}  - path: patch.yaml\n    target: {{kind: Secret}}\n"
    )
    [finding] = lint(root).findings
    assert str(finding).startswith(
        f"{APPS}/kustomization.yaml:1: renders Secret password with stringData.token in plain"
    )


def test_a_crd_in_the_repository_is_its_schema(tmp_path: Path) -> None:
    root = repository("clean", tmp_path)
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    versions = [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]
    names = {"kind": "Boat", "plural": "boats"}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": versions}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.org"},
    }
    # Nothing applies this folder, but the lint reads it.
    (root / "schemas").mkdir()
    (root / "schemas" / "crd.json").write_text(json.dumps({**crd, "spec": spec}))
    (root / "infrastructure" / "boat.yaml").write_text(
        "apiVersion: example.org/v1\nkind: Boat\nmetadata:\n  name: skiff\nspec:\n  size: small\n"
    )
    file = root / "infrastructure" / "kustomization.yaml"
    file.write_text(f"{file.read_text()}  - boat.yaml\n")
    assert [str(finding).partition(" (")[0] for finding in lint(root).findings] == [
        'infrastructure/boat.yaml:6: Boat skiff: spec.size: "small" is not of type "integer"'
    ]


def test_json_and_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean, leaking = lint(repository("clean", tmp_path / "1")), lint(repository("leak-list", tmp_path / "2"))
    assert (show(clean, as_json=True), json.loads(capsys.readouterr().out)["clean"]) == (0, True)
    assert show(leaking, as_json=True) == 3
    printed = json.loads(capsys.readouterr().out)
    assert (printed["clean"], printed["findings"][0]["line"]) == (False, 9)
    with pytest.raises(InputError, match="is not a fleet repository"):
        lint(tmp_path)


def test_the_hook_lints_what_is_staged_and_stops_a_leak(fleet: Path) -> None:
    def commit() -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(fleet), *IDENTITY, "commit", "--message", "x"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    leak = fleet / "apps" / "base" / "nginx" / "secret.yaml"
    leak.write_text(SECRET)
    subprocess.run(["git", "-C", str(fleet), "add", "--all"], check=True)
    leak.write_text("# gone from the work tree, still staged\n")
    stopped = commit()
    assert stopped.returncode != 0
    assert (
        "apps/base/nginx/secret.yaml:4: Secret nginx has stringData.password in plaintext"
        in stopped.stdout + stopped.stderr
    )
    assert PLAINTEXT not in stopped.stdout + stopped.stderr
    leak.unlink()
    (fleet / "note.txt").write_text("fine\n")
    subprocess.run(["git", "-C", str(fleet), "add", "--all"], check=True)
    passed = commit()
    assert passed.returncode == 0, passed.stderr


def test_a_thousand_manifests_take_seconds(tmp_path: Path) -> None:
    root = repository("clean", tmp_path)
    deployment = (root / APPS / "deployment.yaml").read_text()
    for number in range(10):
        folder = root / "apps" / f"part-{number}"
        folder.mkdir()
        names = [f"{index}.yaml" for index in range(100)]
        for index, name in enumerate(names):
            (folder / name).write_text(deployment.replace("name: shop\nspec", f"name: shop-{index}\nspec"))
        (folder / "kustomization.yaml").write_text(
            f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: {json.dumps(names)}\n"
        )
    report = lint(root)
    assert report.findings == []
    assert report.manifests > 1000
    # 3 to 4 s on two idle cores. The machine may be busy.
    assert report.seconds < 30


def test_it_runs_as_a_program_from_anywhere(tmp_path: Path) -> None:
    root = repository("clean", tmp_path / "clean")
    command = [sys.executable, "-m", "skerry.fleet.lint", str(root)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0 problem(s) in ")


def test_scaffold_again_keeps_edits_and_shows_them(tmp_path: Path) -> None:
    root = tmp_path / "fleet"
    scaffold.init(root, "1.36", "2.9.4", "")
    edited, deleted = root / APPS / "nginx" / "deployment.yaml", root / ".gitlab-ci.yml"
    edited.write_text(edited.read_text().replace("replicas: 3", "replicas: 5"))
    deleted.unlink()
    scaffold.add_app(root, "shop", "registry.example.org/shop:1.4.2", 8080)
    scaffold.add_cluster(root, "oslo", "production")
    outcome = scaffold.init(root, "1.35", "2.9.4", "https://git.example.org/skerry.git")
    assert "replicas: 5" in edited.read_text()
    assert not deleted.exists()
    assert sorted(outcome.kept) == [".gitlab-ci.yml", f"{APPS}/nginx/deployment.yaml"]
    assert "-  replicas: 5\n+  replicas: 3\n" in outcome.diff
    assert "README.md" in outcome.written  # it names the Kubernetes version
    assert lint(root).findings == []
