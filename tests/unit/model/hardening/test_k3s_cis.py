"""K3s's CIS profile by version and role."""

from __future__ import annotations

import pytest
import yaml

from skerry.model.hardening import k3s_cis
from skerry.model.k3s.config import compose
from skerry.model.k3s.reservations import reservations
from tests.unit.conftest import MakeSettings


@pytest.mark.parametrize(
    ("version", "plugins", "expiry", "threshold"),
    [
        ("v1.24.17+k3s1", "NodeRestriction,PodSecurityPolicy,EventRateLimit", False, "10"),
        ("v1.28.15+k3s1", "NodeRestriction,EventRateLimit", False, "10"),
        ("v1.36.3+k3s1", "NodeRestriction,EventRateLimit", True, "100"),
    ],
)
def test_the_profile_follows_the_hardening_guide_by_version(
    version: str, plugins: str, expiry: bool, threshold: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(k3s_version=version, k3s_profile="cis")
    keys = k3s_cis.keys(settings, "server")
    api = keys["kube-apiserver-arg"]
    assert isinstance(api, list)
    assert f"enable-admission-plugins={plugins}" in api
    assert ("service-account-extend-token-expiration=false" in api) == expiry
    assert keys["kube-controller-manager-arg"] == [f"terminated-pod-gc-threshold={threshold}"]
    files = {file.path: file for file in k3s_cis.files(settings, "server")}
    kinds = [document["kind"] for document in yaml.safe_load_all(files[k3s_cis.POLICIES].content)]
    assert ("PodSecurityPolicy" in kinds) == ("PodSecurityPolicy" in plugins)
    admission = yaml.safe_load(files[k3s_cis.ADMISSION].content)
    plugin_names = [plugin["name"] for plugin in admission["plugins"]]
    assert plugin_names == (
        ["EventRateLimit"] if "PodSecurityPolicy" in plugins else ["PodSecurity", "EventRateLimit"]
    )


def test_an_agent_gets_only_the_kubelets_part(make_settings: MakeSettings) -> None:
    settings = make_settings(k3s_profile="cis")
    assert set(k3s_cis.keys(settings, "agent")) == {"protect-kernel-defaults", "kubelet-arg"}
    assert k3s_cis.files(settings, "agent") == []


def test_the_profiles_arguments_are_merged_with_ours_and_the_users(make_settings: MakeSettings) -> None:
    exceptions = {"K3S-02": {"reason": "a lab", "until": "2099-01-01"}}
    extra = {"kube-apiserver-arg": ["v=4"]}
    settings = make_settings(
        k3s_profile="cis",
        k3s_config_extra=extra,
        harden_exceptions=exceptions,
        k3s_protect_kernel_defaults=False,
    )
    reserved = reservations("recipe", role="server", cores=2, memory_bytes=2**32, max_pods=110)
    config = compose(settings, role="server", reservations=reserved, token_file="/t")
    kubelet, api = config["kubelet-arg"], config["kube-apiserver-arg"]
    assert isinstance(kubelet, list)
    assert isinstance(api, list)
    assert [argument for argument in kubelet if argument.startswith("max-pods")]
    assert "pod-max-pids=4096" in kubelet
    assert api[-1] == "v=4"
    assert "protect-kernel-defaults" not in config


def test_the_plain_profile_adds_nothing(make_settings: MakeSettings) -> None:
    assert k3s_cis.keys(make_settings(), "server") == {}
    assert k3s_cis.files(make_settings(), "server") == []
