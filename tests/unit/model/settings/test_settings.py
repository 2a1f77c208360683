"""The reference, inventories/group_data/all.py, has every setting, and good values are kept."""

import pytest
from pydantic import ValidationError
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.settings.settings import Settings
from tests.unit.model.settings.parsing import DEFAULTS, parse, refusal

AMOUNTS = {"system": {"cpu": "500m", "memory": "512Mi"}, "kube": {"cpu": "500m", "memory": "512Mi"}}


def test_the_reference_has_every_setting_and_no_other() -> None:
    """Names that begin with "_", and those of the SSH connector, belong to pyinfra."""
    names = {name for name in DEFAULTS if not name.startswith("_") and name not in connector_data_meta}
    assert names == set(Settings.model_fields)


def test_the_reference_parses_and_keeps_its_values() -> None:
    settings = parse()
    assert settings.model_dump() == {name: DEFAULTS[name] for name in Settings.model_fields}


def test_settings_have_no_defaults_of_their_own() -> None:
    assert all(field.is_required() for field in Settings.model_fields.values())


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        parse().max_pods = 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "NO"),
        ("ssh_fingerprint", "SHA256:" + "aB3/+" * 8 + "abc"),
        ("packages_extra", ["htop", "g++", "libstdc++6"]),
        ("ntp_servers", ["ntp.example.org", "192.0.2.1", "2001:db8::1"]),
        ("k3s_cluster_cidr", "10.44.0.0/16"),
        ("k3s_node_ip", "2001:db8::1"),
        ("k3s_api_endpoint", "k3s.example.org:6443"),
        ("k3s_api_endpoint", "[2001:db8::1]:443"),
        ("k3s_tls_sans", ["k3s.example.org", "192.0.2.1"]),
        ("k3s_disable", ["traefik", "metrics-server"]),
        (
            "k3s_node_labels",
            ["disk=ssd", "example.org/zone=a", "empty=", "topology.kubernetes.io/zone=oslo-1"],
        ),
        ("k3s_node_labels", ["node.kubernetes.io/pool=a", "x.node.kubernetes.io/pool=a"]),
        ("k3s_node_taints", ["dedicated=db:NoSchedule", "example.org/gpu:NoExecute"]),
        (
            "k3s_config_extra",
            {"debug": True, "v": 2, "etcd-snapshot-compress": True, "kube-proxy-arg+": ["x=y"]},
        ),
        ("reserve", "auto"),
        ("reserve", AMOUNTS),
        ("snapshot_schedule", "0 0,12 * * MON-FRI"),
        ("snapshot_schedule", "@every 6h"),
        ("snapshot_schedule", ""),
        ("snapshot_s3", {"bucket": "oslo", "secret_key_variable": "OSLO_S3_SECRET"}),
        ("backup_recipients", ["age1" + "q" * 58]),
        ("artifact_mirror", "http://10.0.0.1:8080"),
        ("k3s_flannel_backend", "wireguard-native"),
    ],
)
def test_a_good_value_is_kept(name: str, value: object) -> None:
    assert getattr(parse(**{name: value}), name) == value


def test_the_slash_at_the_end_of_a_mirror_is_removed() -> None:
    assert (
        parse(artifact_mirror="https://mirror.example/k3s/").artifact_mirror == "https://mirror.example/k3s"
    )


@pytest.mark.parametrize(
    ("name", "value", "feature"),
    [
        ("k3s_flannel_backend", "wireguard-native", "wireguard-native"),
        ("k3s_config_extra", {"prefer-bundled-bin": True}, "prefer-bundled-bin"),
        ("k3s_config_extra", {"embedded-registry": True}, "embedded-registry"),
    ],
)
def test_a_feature_that_the_chosen_version_lacks_is_refused(name: str, value: object, feature: str) -> None:
    line = refusal(k3s_version="v1.21.14+k3s1", **{name: value})
    assert line.startswith(
        f"oslo1: setting {name}: K3s v1.21.14+k3s1 does not support {feature!r}, which came with v1."
    )


def test_pyinfras_own_data_is_left_out() -> None:
    assert parse(_sudo=True, ssh_port=2222) == parse()
