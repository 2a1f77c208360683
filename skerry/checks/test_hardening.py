"""Every control that the settings ask for holds. The ids are those that `invoke audit` shows."""

from datetime import date
from typing import Any

import pytest

from skerry.checks.readings import faults
from skerry.model.hardening import catalogue
from skerry.model.hardening.catalogue import IDS
from skerry.model.hardening.host_context import HostContext
from skerry.model.settings.settings import Settings


@pytest.fixture(scope="session")
def controls(host: Any, host_context: HostContext) -> dict[str, Any]:
    major, minor = host.run("ssh -V").stderr.partition("OpenSSH_")[2].split("p")[0].split(".")[:2]
    return {control.id: control for control in catalogue.controls(host_context, (int(major), int(minor)))}


@pytest.fixture(scope="session")
def has_own_kernel(host: Any) -> bool:
    return bool(host.run("systemd-detect-virt --container").stdout.strip() == "none")


@pytest.mark.parametrize("id", sorted(IDS))
def test_control(
    id: str,
    host: Any,
    controls: dict[str, Any],
    settings: Settings,
    has_own_kernel: bool,
    host_context: HostContext,
) -> None:
    if not settings.harden:
        pytest.skip("harden = False")
    if waiver := catalogue.waivers(settings).get(id):
        assert date.today() <= waiver.until, (
            f"the exception has expired: {waiver.reason} (until {waiver.until})"
        )
        pytest.skip(f"accepted risk: {waiver.reason} (until {waiver.until})")
    if any(check.kind == "k3s" for check in controls[id].checks) and host.run("test -d /etc/rancher/k3s").rc:
        pytest.skip("K3s is not installed")
    if not controls[id].checks:
        pytest.skip("the settings ask for nothing here: see k3s_profile")
    assert faults(host, controls[id], has_own_kernel, host_context) == []


def test_no_change_waits_to_be_proven(host: Any) -> None:
    assert not host.file("/var/lib/skerry/guard").exists
