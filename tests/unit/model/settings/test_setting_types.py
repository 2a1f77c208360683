"""A wrong value is refused in one line that says where it is and how to write it."""

import pytest

from skerry.model.errors import InputError
from tests.unit.conftest import MakeSettings
from tests.unit.model.settings.parsing import parse, refusal

SHOWN = "inventories/group_data/all.py shows how to write it"


AMOUNTS = {"system": {"cpu": "500m", "memory": "512Mi"}, "kube": {"cpu": "500m", "memory": "512Mi"}}


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
def test_a_bad_item_of_a_list_is_named_by_its_index(name: str, value: object, problem: str) -> None:
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
def test_an_extra_key_of_ours_or_unknown_to_k3s_is_refused(key: str, value: object, problem: str) -> None:
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
def test_a_bad_eviction_threshold_is_named_by_its_signal(signal: str, value: str, problem: str) -> None:
    thresholds = {**parse().eviction_hard, signal: value}
    assert refusal(eviction_hard=thresholds) == f"oslo1: setting eviction_hard: {problem}"


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
def test_settings_that_may_be_secret_are_refused_without_showing_them(
    name: str, value: object, words: str
) -> None:
    line = refusal(**{name: value})
    assert words in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"harden_exceptions": {"SSH-1": {"reason": "a", "until": "2026-01-01"}}},
            "is not the id of a control",
        ),
        ({"harden_exceptions": {"SSH-01": {"reason": "", "until": "2026-01-01"}}}, "needs a reason"),
        ({"harden_exceptions": {"SSH-01": {"reason": "a", "until": "soon"}}}, "not a date"),
        ({"users": {"Ada": {"keys": []}}}, "is not a user name"),
        ({"users": {"ada": {"keys": ["PRIVATE"]}}}, "is not a public key"),
        ({"sshd_extra": {"Match": "user a"}}, "other than Match"),
        ({"sshd_extra": {"Port": "1\nPermitRootLogin yes"}}, "one line"),
        ({"firewall_ssh_from": ["192.0.2.1/24"]}, "is an address inside a network"),
        ({"firewall_open": ["443"]}, "is not a port to open"),
        ({"firewall_open": ["tcp/9-2"]}, "is not a port to open"),
        ({"reboot_window": "Sunday"}, "is not a window"),
        ({"rollback_seconds": 1}, "at least 10"),
    ],
)
def test_a_bad_hardening_setting_is_one_line(
    changes: dict[str, object], words: str, make_settings: MakeSettings
) -> None:
    with pytest.raises(InputError, match=words) as refusal_info:
        make_settings(**changes)
    assert str(refusal_info.value).count("\n") == 0
