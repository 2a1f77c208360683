"""Settings: the reference parses, and each mistake is told in one line that says where and how to mend it."""

import runpy
from pathlib import Path

import pytest
from pydantic import ValidationError
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.errors import InputError
from skerry.model.settings.settings import Settings, parse_settings

REFERENCE = Path(__file__).parents[4] / "inventories" / "group_data" / "all.py"
DEFAULTS: dict[str, object] = {
    name: value for name, value in runpy.run_path(str(REFERENCE)).items() if not name.startswith("__")
}
SHOWN = "inventories/group_data/all.py shows how to write it"
AMOUNTS = {"system": {"cpu": "500m", "memory": "512Mi"}, "kube": {"cpu": "500m", "memory": "512Mi"}}


def parse(**changes: object) -> Settings:
    return parse_settings("oslo1", {**DEFAULTS, **changes}, ignored=connector_data_meta)


def refusal(**changes: object) -> str:
    with pytest.raises(InputError) as caught:
        parse(**changes)
    return str(caught.value)


def test_the_reference_names_every_setting_and_no_other() -> None:
    """Names with "_" and the connector's are pyinfra's own."""
    named = {name for name in DEFAULTS if not name.startswith("_") and name not in connector_data_meta}
    assert named == set(Settings.model_fields)


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


def test_a_mirror_needs_no_slash_at_its_end() -> None:
    assert (
        parse(artifact_mirror="https://mirror.example/k3s/").artifact_mirror == "https://mirror.example/k3s"
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("max_pods", "512", f"must be a whole number, is '512'; {SHOWN}"),
        ("max_pods", 110.0, f"must be a whole number, is 110.0; {SHOWN}"),
        ("max_pods", True, f"must be a whole number, is True; {SHOWN}"),
        ("max_pods", 0, "must be at least 1, is 0; raise it"),
        ("clock_sync_required", "yes", f"must be True or False, is 'yes'; {SHOWN}"),
        ("clock_sync_required", 1, f"must be True or False, is 1; {SHOWN}"),
        ("region", 5, f"must be a string, is 5; {SHOWN}"),
        ("region", None, f"must be a string, is None; {SHOWN}"),
        ("k3s_disable", "traefik", f"must be a list, is 'traefik'; {SHOWN}"),
        ("eviction_hard", "100Mi", f"must be a mapping, is '100Mi'; {SHOWN}"),
        (
            "time_sync",
            "ntpd",
            "must be 'systemd-timesyncd', 'chrony' or 'none', is 'ntpd'; choose one of them",
        ),
        ("cgroup_v1", "keep", "must be 'switch' or 'refuse', is 'keep'; choose one of them"),
        (
            "country",
            "UK",
            "'UK' is not a country code; write two letters of ISO 3166-1 such as 'NO', or ''",
        ),
        (
            "ssh_fingerprint",
            "SHA256:abc",
            "'SHA256:abc' is not a fingerprint; write what `ssh-keygen -lf KEY.pub` shows, 'SHA256:...'",
        ),
        ("k3s_version", "v1.36.3", "'v1.36.3' is not a K3s version; write it as 'v1.36.3+k3s1'"),
        (
            "k3s_version",
            "v1.99.0+k3s1",
            "K3s v1.99.0+k3s1 is outside the known Kubernetes versions 1.21 to 1.37; choose one of these, or read "
            "its release "
            "notes and extend the range in skerry/model/k3s/versions.py",
        ),
        ("k3s_cluster_cidr", "10.42.0.0", "'10.42.0.0' has no prefix length; write it as '10.42.0.0/16'"),
        (
            "k3s_cluster_cidr",
            "10.42.0.1/16",
            "'10.42.0.1/16' is an address inside a network; write the network, '10.42.0.0/16'",
        ),
        ("k3s_cluster_cidr", "ten", "'ten' is not a network; write it as '10.42.0.0/16'"),
        (
            "k3s_service_cidr",
            "10.42.128.0/17",
            "'10.42.128.0/17' overlaps k3s_cluster_cidr '10.42.0.0/16'; choose another network",
        ),
        (
            "k3s_service_cidr",
            "fd00::/108",
            "'fd00::/108' and k3s_cluster_cidr '10.42.0.0/16' are not both IPv4 or both IPv6; use one family",
        ),
        (
            "k3s_node_ip",
            "oslo1",
            "'oslo1' is not an IP address; write one, or '' for that of the default route",
        ),
        (
            "k3s_api_endpoint",
            "https://k3s.example.org",
            "'https://k3s.example.org' is not an endpoint; write it as 'k3s.example.org:6443', or ''",
        ),
        (
            "k3s_api_endpoint",
            "k3s.example.org:65536",
            "'k3s.example.org:65536' is not an endpoint; write it as 'k3s.example.org:6443', or ''",
        ),
        (
            "k3s_api_endpoint",
            "a b:6443",
            "'a b' is neither a host name nor an address; write it without scheme and port",
        ),
        ("artifact_folder", " ", "is empty; write a path, relative to the project"),
        (
            "artifact_mirror",
            "ftp://mirror.example",
            "'ftp://mirror.example' is not a mirror; write it as 'https://mirror.example/k3s', or ''",
        ),
        (
            "artifact_mirror",
            "https://me:secret@mirror.example",
            "may not contain '@', '?' or '#'; write it as 'https://mirror.example/k3s'",
        ),
        (
            "reserve",
            "automatic",
            "'automatic' is not a reservation; write 'recipe', 'auto' or amounts for system and kube",
        ),
        ("reserve", 5, "5 is not a reservation; write 'recipe', 'auto' or amounts for system and kube"),
        ("reserve", {"system": AMOUNTS["system"]}, "'kube' is missing; give 'system' and 'kube'"),
        ("reserve", {**AMOUNTS, "kub": {}}, "'kub' is unknown; give 'system' and 'kube'"),
        ("reserve", {**AMOUNTS, "kube": "500m"}, "'kube' is '500m'; give it 'cpu' and 'memory'"),
        ("reserve", {**AMOUNTS, "kube": {"cpu": "1"}}, "kube 'memory' is missing; give 'cpu' and 'memory'"),
        (
            "reserve",
            {**AMOUNTS, "kube": {"cpu": 1, "memory": "1Gi"}},
            "kube 'cpu' is 1; write it in quotes, such as '500m' or '512Mi'",
        ),
        (
            "reserve",
            {**AMOUNTS, "kube": {"cpu": "1", "memory": "512"}},
            "kube memory '512' has no unit; write '512Mi'",
        ),
    ],
)
def test_a_bad_value_is_one_line(name: str, value: object, problem: str) -> None:
    assert refusal(**{name: value}) == f"oslo1: setting {name}: {problem}"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("packages_extra", 5, f"must be a string, is 5; {SHOWN}"),
        ("packages_extra", "Htop", "'Htop' is not a package name; write it as `apt-cache search` shows it"),
        (
            "ntp_servers",
            "ntp.example.org:123",
            "'ntp.example.org:123' is neither a host name nor an address; write it without scheme and port",
        ),
        (
            "k3s_disable",
            "traefik,servicelb",
            "'traefik,servicelb' is not the name of a component; write one name for each, such as 'traefik'",
        ),
        (
            "k3s_node_labels",
            "disk",
            "'disk' is not a label; write it as 'key=value' or 'example.org/key=value'",
        ),
        (
            "k3s_node_labels",
            "/disk=ssd",
            "'/disk=ssd' is not a label; write it as 'key=value' or 'example.org/key=value'",
        ),
        (
            "k3s_node_labels",
            "node-role.kubernetes.io/worker=true",
            "'node-role.kubernetes.io/worker=true': a kubelet may not set "
            "'node-role.kubernetes.io/worker' "
            "on its own node and would not start; use a key of your own, or `kubectl label` once the node has joined",
        ),
        (
            "k3s_node_taints",
            "dedicated=db",
            "'dedicated=db' is not a taint; write it as 'key=value:NoSchedule'",
        ),
        (
            "k3s_node_taints",
            "dedicated=db:Never",
            "'dedicated=db:Never' has no known effect; end it with ':' and one of NoSchedule, "
            "PreferNoSchedule, "
            "NoExecute",
        ),
    ],
)
def test_a_bad_item_of_a_list_is_named_by_its_place(name: str, value: object, problem: str) -> None:
    assert refusal(**{name: [value]}) == f"oslo1: setting {name}[0]: {problem}"


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        (
            "disable",
            ["traefik"],
            "'disable' may not be set here: other settings decide it; remove it",
        ),
        (
            "tls-san+",
            ["x"],
            "'tls-san+' may not be set here: other settings decide it; remove it",
        ),
        (
            "token",
            "secret",
            "'token' may not be set here: Skerry manages the tokens in files that only root can read; remove it",
        ),
        ("t", "x", "'t' is not a key of K3s; write it as `k3s server --help` shows it, without '--'"),
        (
            "--debug",
            True,
            "'--debug' is not a key of K3s; write it as `k3s server --help` shows it, without '--'",
        ),
        (
            "kubelet_arg",
            [],
            "'kubelet_arg' is not a key of K3s; write it as `k3s server --help` shows it, without '--'",
        ),
        ("debug", None, "'debug' is None; write a string, a number, True, False or a list"),
        ("debug", {"a": 1}, "'debug' is {'a': 1}; write a string, a number, True, False or a list"),
    ],
)
def test_an_extra_key_that_is_ours_or_no_flag_is_refused(key: str, value: object, problem: str) -> None:
    assert refusal(k3s_config_extra={key: value}) == f"oslo1: setting k3s_config_extra: {problem}"


@pytest.mark.parametrize(
    ("signal", "value", "problem"),
    [
        (
            "memory.free",
            "1Gi",
            "'memory.free' is not an eviction signal; the signals are memory.available, "
            "nodefs.available, "
            "nodefs.inodesFree, imagefs.available, imagefs.inodesFree, pid.available",
        ),
        ("memory.available", "100", "'memory.available': memory '100' has no unit; write '100Mi'"),
        (
            "memory.available",
            "0Mi",
            "'memory.available' is '0Mi', which the kubelet refuses; write '0%' for never",
        ),
        (
            "nodefs.available",
            "101%",
            "'nodefs.available' is '101%'; write a percentage from '0%' to '100%'",
        ),
        ("pid.available", "5Mi", "'pid.available' is '5Mi'; write a number such as '1000', or '5%'"),
    ],
)
def test_a_bad_threshold_is_named_by_its_signal(signal: str, value: str, problem: str) -> None:
    thresholds = {**parse().eviction_hard, signal: value}
    assert refusal(eviction_hard=thresholds) == f"oslo1: setting eviction_hard: {problem}"


@pytest.mark.parametrize(
    ("name", "value", "feature"),
    [
        ("k3s_flannel_backend", "wireguard-native", "wireguard-native"),
        ("k3s_config_extra", {"prefer-bundled-bin": True}, "prefer-bundled-bin"),
        ("k3s_config_extra", {"embedded-registry": True}, "embedded-registry"),
    ],
)
def test_what_came_after_the_chosen_version_is_refused(name: str, value: object, feature: str) -> None:
    line = refusal(k3s_version="v1.21.14+k3s1", **{name: value})
    assert line.startswith(
        f"oslo1: setting {name}: K3s v1.21.14+k3s1 does not support {feature!r}, which came with v1."
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("k3s_verison", "is unknown; did you mean k3s_version?"),
        ("ssh_usr", "is unknown; did you mean ssh_user?"),
        ("sudo", "is unknown; did you mean _sudo?"),
        ("colour", "is unknown; inventories/group_data/all.py lists all settings"),
    ],
)
def test_an_unknown_name_gets_the_nearest_suggested(name: str, problem: str) -> None:
    assert refusal(**{name: "x"}) == f"oslo1: setting {name}: {problem}"


def test_a_missing_setting_points_to_the_reference() -> None:
    data = {name: value for name, value in DEFAULTS.items() if name != "max_pods"}
    with pytest.raises(InputError) as caught:
        parse_settings("oslo1", data, ignored=connector_data_meta)
    assert str(caught.value) == (
        "oslo1: setting max_pods: is missing; inventories/group_data/all.py has its default"
    )


def test_all_problems_are_told_at_once_unknown_names_first() -> None:
    lines = refusal(max_pods="512", k3s_datastore="mysql", ssh_usr="me").splitlines()
    assert lines == [
        "oslo1: setting ssh_usr: is unknown; did you mean ssh_user?",
        "oslo1: setting k3s_datastore: must be 'etcd' or 'sqlite', is 'mysql'; choose one of them",
        f"oslo1: setting max_pods: must be a whole number, is '512'; {SHOWN}",
    ]


def test_a_problem_stays_one_short_line_whatever_the_value() -> None:
    line = refusal(max_pods="many\n" * 1000)
    assert len(line.splitlines()) == 1
    assert len(line) < 200


def test_pyinfras_own_data_is_left_out() -> None:
    assert parse(_sudo=True, ssh_port=2222) == parse()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("snapshot_schedule", "12:00", "'12:00' is not a schedule; write it as '0 */12 * * *'"),
        ("snapshot_s3", {"folder": "k3s"}, "names no bucket"),
        ("snapshot_s3", {"bucket": "b", "secret_key": "s3cr3t"}, "does not know 'secret_key'"),
        ("snapshot_s3", {"bucket": "b", "secret_key_variable": "s3cr3t/x"}, "is not the name of a variable"),
        ("backup_recipients", ["AGE-SECRET-KEY-1s3cr3t"], "is not an age recipient"),
        ("upgrade_batch_percent", 0, "must be at least 1"),
    ],
)
def test_backups_settings_are_refused_without_repeating_what_may_be_secret(
    name: str, value: object, words: str
) -> None:
    line = refusal(**{name: value})
    assert words in line
    assert "s3cr3t" not in line
