"""The hand-off: real Git over real SSH, a real tunnel; flux and kubectl are stand-ins (tests/doubles)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.commands.fleet import fleet_remote, flux, flux_wait, handoff
from skerry.commands.hosts import up
from skerry.commands.stages import Stage
from skerry.fleet import forges, secrets
from skerry.fleet.lint.run import LintReport, lint
from skerry.local.paths import PROJECT
from skerry.model.errors import InputError
from skerry.remote.inventory import Inventory
from tests.fleet.conftest import PLAINTEXT, SECRET, Server, git, push, with_settings

LINTED: dict[str, LintReport] = {}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lint a tree only once, by its Git hash, and poll often."""

    def lint_once(copy: Path) -> LintReport:
        tree = git(copy, "rev-parse", "HEAD^{tree}")
        if tree not in LINTED:
            LINTED[tree] = lint(copy)
        return LINTED[tree]

    monkeypatch.setattr(flux_wait, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(fleet_remote, "lint", lint_once)


def hand_over(inventory: Inventory, adopt: bool = False) -> handoff.Handoff:
    return handoff.hand_over(inventory, adopt, log=lambda line: None)


def nothing_happened(server: Server) -> bool:
    return server.state == {} and server.bootstraps() == []


def test_a_cluster_follows_its_repository_and_a_second_run_changes_nothing(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    first = hand_over(inventory)
    assert first.changed
    assert first.commit == git(server.repository, "rev-parse", "main")
    assert {state.name for state in first.states} == {
        "flux-system",
        "infra-controllers",
        "infra-configs",
        "apps",
    }
    state, calls = server.state, len(server.bootstraps())
    second = hand_over(inventory)
    assert not second.changed
    assert (server.state, len(server.bootstraps()), second.commit) == (state, calls, first.commit)


def test_a_deploy_hands_over_and_changes_nothing_the_second_time(
    pushed: Path, inventory: Inventory, server: Server, tmp_path: Path
) -> None:
    """deploy/flux.py runs the last phase of deploy/k3s.py. A failure is one line."""
    environment = {**os.environ, "SKERRY_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "skerry.runner.engine", "run", str(inventory.path), "deploy/flux.py"]

    def run(**more: str) -> tuple[int, str]:
        done = subprocess.run(
            command, cwd=PROJECT, env=environment | more, capture_output=True, text=True, check=False
        )
        journal = next((tmp_path / "home" / "runs" / "latest").glob("journal.jsonl")).read_text()
        preflight, end = [line for line in map(json.loads, journal.splitlines()) if line["event"] == "end"]
        assert preflight["operation"] == "Preflight | Look at every host"
        assert end["operation"] == "Flux | Hand the cluster over"
        return done.returncode, f"{end['result']}\n{done.stdout}{done.stderr}"

    code, output = run(SKERRY_FLUX_FAIL="✗ remote: error: GH006: Protected branch update failed")
    assert (code, output.splitlines()[0]) == (1, "failed")
    assert "let its owner push to that branch" in output
    assert "Traceback" not in output
    code, output = run()
    assert (code, output.splitlines()[0]) == (0, "changed"), output
    state = server.state
    code, output = run()
    assert (code, output.splitlines()[0]) == (0, "unchanged"), output
    assert server.state == state


def test_a_host_key_that_contradicts_known_hosts_is_refused(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker is between the cluster and its repository, but not between this machine and it."""
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1uLg6lYGc7vTPM6hgm5GzqCyCnVTIGmJRQg0M3yZBl"
    monkeypatch.setenv("SKERRY_FLUX_SCANNED", f"[127.0.0.1]:{server.port} {other}\n")
    with pytest.raises(RuntimeError, match="than the known_hosts files here hold"):
        hand_over(inventory)
    with pytest.raises(RuntimeError, match="rotate-deploy-key"):
        hand_over(inventory)


def test_flux_trusts_the_known_host_keys_instead_of_the_one_it_scanned(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    """known_hosts has an Ed25519 key and Flux has scanned the ECDSA key, so that they cannot be compared."""

    def trusted() -> str:
        data = server.state["secret/flux-system/flux-system"]["data"]
        assert set(data) == {"identity", "identity.pub", "known_hosts"}
        return base64.b64decode(data["known_hosts"]).decode()

    hand_over(inventory)
    assert trusted() == server.known_hosts.read_text()
    flux.rotate_deploy_key(inventory)
    assert trusted() == server.known_hosts.read_text()


def test_namespace_and_age_key_exist_before_flux_is_called(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKERRY_FLUX_FAIL", "✗ remote: error: GH006: Protected branch update failed")
    with pytest.raises(RuntimeError, match="let its owner push to that branch"):
        hand_over(inventory)
    assert set(server.state) == {"namespace//flux-system", "secret/flux-system/sops-age"}
    monkeypatch.delenv("SKERRY_FLUX_FAIL")
    assert hand_over(inventory).changed


def test_a_bootstrap_that_was_interrupted_after_its_push_continues(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    hand_over(inventory)
    remaining = {
        name: item for name, item in server.state.items() if name.endswith(("//flux-system", "sops-age"))
    }
    server.set_state(remaining)
    assert hand_over(inventory).changed


def test_the_age_key_travels_on_standard_input_alone(
    pushed: Path, inventory: Inventory, server: Server, tmp_path: Path
) -> None:
    hand_over(inventory)
    private = (tmp_path / "keys" / "fleet" / "production.agekey").read_text().splitlines()[-1]
    assert private.startswith("AGE-SECRET-KEY-1")
    recorded = (server.folder / "kubectl.jsonl").read_text() + (server.folder / "calls.jsonl").read_text()
    assert private not in recorded
    assert "sops-age" in recorded


def test_no_token_in_argv_output_or_files(
    pushed: Path,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    inventory: Inventory,
) -> None:
    token = "ghp_0123456789abcdefghij"
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "file://{server.repository}"]\n\tinsteadOf = https://github.com/org/fleet.git\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("SKERRY_FLUX_REMOTE", f"file://{server.repository}")
    monkeypatch.setenv("GITHUB_TOKEN", token)
    requests: list[str] = []

    def answer(path: str) -> tuple[int, object]:
        requests.append(path)
        return 200, {"permissions": {"admin": True}}

    def client(target: object, given: str) -> forges.Get:
        assert given == token
        return answer

    monkeypatch.setattr(forges, "client", client)
    inventory = with_settings(
        inventory, flux_forge="github", flux_repository="org/fleet", flux_private_key=""
    )
    handoff.hand_over(inventory)
    [call] = server.bootstraps()
    assert call["environment"]["GITHUB_TOKEN"] == token
    assert token not in json.dumps([call["argv"], call["stdin"]])
    assert requests == ["repos/org/fleet", "repos/org/fleet/branches/main"]
    out = capsys.readouterr()
    assert token not in out.out + out.err
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "calls.jsonl"]
    assert [file for file in written if token.encode() in file.read_bytes()] == []


def test_an_unset_token_is_one_line_and_nothing_happens(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    inventory = with_settings(
        inventory, flux_forge="gitlab", flux_repository="org/fleet", flux_private_key=""
    )
    with pytest.raises(InputError, match="GITLAB_TOKEN is not set"):
        hand_over(inventory)
    assert nothing_happened(server)


def refuse(inventory: Inventory, server: Server, why: str) -> None:
    before = git(server.repository, "rev-parse", "--verify", "--quiet", "main")
    with pytest.raises(InputError, match=why) as refusal:
        hand_over(inventory)
    assert "\n" not in str(refusal.value)
    assert nothing_happened(server)
    assert git(server.repository, "rev-parse", "main") == before


def test_an_unreachable_remote(pushed: Path, inventory: Inventory, server: Server) -> None:
    gone = with_settings(inventory, flux_repository=f"{server.url}-gone")
    refuse(gone, server, "the Git remote: .*; see flux_repository")


def test_a_branch_that_does_not_exist(pushed: Path, inventory: Inventory, server: Server) -> None:
    refuse(with_settings(inventory, flux_branch="other"), server, "there is no branch other")


def test_a_key_that_may_not_push(pushed: Path, inventory: Inventory, server: Server) -> None:
    authorized = server.folder / "authorized_keys"
    # The connection to the cluster uses the same key, so only pushing is refused.
    refusing = "case $SSH_ORIGINAL_COMMAND in git-receive*) echo read-only >&2; exit 1;; esac"
    forced = f'{refusing}; exec sh -c \\"$SSH_ORIGINAL_COMMAND\\"'
    authorized.write_text(f'command="{forced}" {authorized.read_text()}')
    refuse(inventory, server, "may not push to main")


def test_a_missing_folder(pushed: Path, inventory: Inventory, server: Server) -> None:
    refuse(
        with_settings(inventory, flux_path="clusters/bergen"),
        server,
        "clusters/bergen is not on branch main",
    )


def test_a_folder_that_another_cluster_follows(pushed: Path, inventory: Inventory, server: Server) -> None:
    hand_over(inventory)
    server.set_state({})
    (server.folder / "calls.jsonl").unlink()
    refuse(inventory, server, "followed by another cluster")
    assert hand_over(inventory, adopt=True).changed


def test_a_cluster_that_follows_another_folder(pushed: Path, inventory: Inventory, server: Server) -> None:
    hand_over(inventory)
    other = with_settings(inventory, flux_path="clusters/staging")
    with pytest.raises(InputError, match="the cluster follows clusters/production on main"):
        hand_over(other)
    assert len(server.bootstraps()) == 1


def test_a_cluster_whose_version_differs_from_the_inventory(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    refuse(
        with_settings(inventory, k3s_version="v1.35.1+k3s1"),
        server,
        "runs v1.36.3.k3s1, the inventory says",
    )


def test_a_flux_that_does_not_support_this_kubernetes(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKERRY_FLUX_VERSION", "v2.7.0")
    refuse(
        inventory, server, r"Flux 2.7.0 supports Kubernetes 1.32 to 1.34, the cluster runs 1.36; use Flux 2.9"
    )


def test_a_key_of_another_repository(
    pushed: Path, inventory: Inventory, server: Server, tmp_path: Path
) -> None:
    keys = tmp_path / "keys" / "fleet"
    (keys / "production.agekey").write_text((keys / "staging.agekey").read_text())
    refuse(inventory, server, "the key of production is not in .sops.yaml")


def test_a_repository_with_lint_errors_is_not_handed_over(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pushed / "apps" / "base" / "nginx" / "secret.yaml").write_text(SECRET)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    push(pushed)
    monkeypatch.delenv("GIT_SSH_COMMAND")
    refuse(
        inventory, server, "apps/base/nginx/secret.yaml:4: Secret nginx has stringData.password in plaintext"
    )


def test_an_object_that_does_not_become_ready_is_reported_with_a_remedy(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    hand_over(inventory)
    state = server.state
    apps = state["kustomization/flux-system/apps"]
    apps["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "message": 'secrets "sops-age" not found'}
    ]
    server.set_state(state)
    with pytest.raises(
        RuntimeError, match=r"Kustomization flux-system/apps: .*not found; run `invoke flux-bootstrap` again"
    ):
        hand_over(with_settings(inventory, flux_timeout_seconds=1))
    assert flux.status(inventory, as_json=True) == 3


def test_controllers_that_do_not_run_are_reported_as_the_cause(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flux_timeout_seconds limits the wait of flux and ours together."""
    monkeypatch.setenv("SKERRY_FLUX_UNHEALTHY", "yes")
    with pytest.raises(RuntimeError) as failure:
        hand_over(with_settings(inventory, flux_timeout_seconds=1))
    first, *others = str(failure.value).splitlines()
    assert first == "Deployment flux-system/source-controller: is not available; see its pods"
    assert "GitRepository flux-system/flux-system: has not reported yet; see `flux logs`" in others
    assert "deadline" not in str(failure.value)


def test_a_suspended_object_ends_the_wait(pushed: Path, inventory: Inventory, server: Server) -> None:
    hand_over(inventory)
    flux.switch(inventory, suspended=True)
    with pytest.raises(
        RuntimeError, match="Kustomization flux-system/apps: is suspended; run `invoke flux-resume`"
    ):
        hand_over(with_settings(inventory, flux_timeout_seconds=600))


def test_only_objects_that_lag_are_asked_to_reconcile(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    hand_over(inventory)
    state = server.state
    apps = state["kustomization/flux-system/apps"]
    sops = "cannot get sops data key: Failed to get it. Group 0: FAILED age1x: FAILED - | [noGrp] [/x]"
    apps["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": sops}]
    server.set_state(state)
    with pytest.raises(
        RuntimeError, match=r"apps: cannot get sops data key: Failed to get it\.; .*flux-bootstrap"
    ):
        hand_over(with_settings(inventory, flux_timeout_seconds=1))
    requested = {
        name
        for name, item in server.state.items()
        if "reconcile.fluxcd.io/requestedAt" in item["metadata"].get("annotations", {})
    }
    assert requested == {"kustomization/flux-system/apps"}


def test_brackets_in_messages_of_flux_are_not_markup(
    pushed: Path, inventory: Inventory, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """kustomize-controller names a Secret 'Secret.v1.[noGrp]/nginx'."""
    hand_over(inventory)
    state = server.state
    message = "'Secret.v1.[noGrp]/x' [/x]"
    state["kustomization/flux-system/apps"]["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "message": message}
    ]
    server.set_state(state)
    assert flux.status(inventory, as_json=False) == 3
    output = capsys.readouterr().out
    assert "[noGrp]" in output
    assert "[/x]" in output


def test_suspend_resume_and_uninstall(
    pushed: Path, inventory: Inventory, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_over(inventory)
    assert flux.status(inventory, as_json=False) == 0
    flux.switch(inventory, suspended=True)
    assert {
        item["spec"].get("suspend") for name, item in server.state.items() if name.startswith("kustomization")
    } == {True}
    assert flux.status(inventory, as_json=False) == 3
    flux.switch(inventory, suspended=False)
    assert flux.status(inventory, as_json=False) == 0
    with pytest.raises(InputError, match="confirm at a terminal"):
        flux.uninstall(inventory, yes=False)
    flux.uninstall(inventory, yes=True)
    assert server.state == {}
    assert "flux-bootstrap" in (output := capsys.readouterr().out)
    assert output.endswith("--adopt, or nothing\n")
    assert hand_over(inventory, adopt=True).changed


def test_a_removal_that_does_not_end_is_an_error(
    pushed: Path, inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flux uninstall requests the removal of its namespace, prints that it has finished, and exits with 0."""
    hand_over(inventory)
    monkeypatch.setenv("SKERRY_FLUX_TERMINATING", "yes")
    with pytest.raises(RuntimeError, match=r"kubectl wait: .*timed out"):
        flux.uninstall(inventory, yes=True)


def test_rotating_the_deploy_key_deletes_the_old_one_first(
    pushed: Path, inventory: Inventory, server: Server
) -> None:
    hand_over(inventory)
    flux.rotate_deploy_key(inventory)
    assert len(server.bootstraps()) == 2
    assert '"delete", "secret", "flux-system"' in (server.folder / "kubectl.jsonl").read_text()


def test_another_key_in_the_settings_reaches_the_cluster(
    pushed: Path, inventory: Inventory, server: Server, tmp_path: Path
) -> None:
    hand_over(inventory)
    key = tmp_path / "new"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(key.with_suffix(".pub").read_text())
    renewed = with_settings(inventory, flux_private_key=str(key))
    assert hand_over(renewed).changed
    identity = server.state["secret/flux-system/flux-system"]["data"]["identity"]
    assert base64.b64decode(identity) == key.read_bytes()
    assert not hand_over(renewed).changed


def test_the_preflights_clone_leaves_no_plaintext(pushed: Path, inventory: Inventory, tmp_path: Path) -> None:
    hand_over(inventory)
    secrets.check(pushed)
    files = [
        file for file in tmp_path.rglob("*") if file.is_file() and PLAINTEXT.encode() in file.read_bytes()
    ]
    assert files == []


def test_invoke_up_checks_the_hand_offs_prerequisites_before_it_touches_a_host(
    inventory: Inventory, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runner's process gets the token in its environment."""
    passed: list[dict[str, str]] = []

    def deploy(path: str, script: str, data: object, secrets: dict[str, str]) -> tuple[int, list[Stage]]:
        passed.append(secrets)
        return 0, []

    def run_up(loaded: Inventory, script: str = "deploy/k3s.py") -> dict[str, str]:
        monkeypatch.setattr(up, "load", lambda path: loaded)
        assert up.up("harbour.py", script, check=False) == (0, [])
        return passed.pop()

    monkeypatch.setattr(up, "deploy", deploy)
    keyless = with_settings(inventory, flux_private_key="/nowhere")
    forge = with_settings(inventory, flux_forge="github", flux_repository="skerry/fleet")
    assert run_up(inventory) == {}
    assert run_up(with_settings(forge, flux_forge="none")) == {}
    assert run_up(keyless, "deploy/prepare.py") == {}
    for refused, why in ((keyless, "there is no file /nowhere"), (forge, "GITHUB_TOKEN is not set")):
        with pytest.raises(InputError, match=why):
            run_up(refused)
    assert passed == []
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
    assert run_up(forge) == {"GITHUB_TOKEN": "s3cret"}
