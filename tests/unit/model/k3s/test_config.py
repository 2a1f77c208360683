"""K3s's config.yaml: which node gets which keys, and text that reads back as it was."""

import runpy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.errors import InputError
from skerry.model.k3s.config import compose, from_yaml, to_yaml
from skerry.model.k3s.config_keys import COMPOSED, SERVER_ONLY
from skerry.model.k3s.reservations import RECIPE
from skerry.model.k3s.snapshots import CREDENTIALS, credentials
from skerry.model.role import Role
from skerry.model.settings.settings import Settings, parse_settings

REFERENCE = Path(__file__).parents[4] / "inventories" / "group_data" / "all.py"
DEFAULTS: dict[str, object] = {
    name: value for name, value in runpy.run_path(str(REFERENCE)).items() if not name.startswith("__")
}
TOKEN = "/etc/rancher/k3s/token"
AGENT_TOKEN = "/etc/rancher/k3s/agent-token"
URL = "https://192.0.2.1:6443"
KUBELET = [
    "system-reserved=cpu=500m,memory=512Mi",
    "kube-reserved=cpu=500m,memory=512Mi",
    "eviction-hard=memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,"
    "imagefs.inodesFree<5%,pid.available<5%",
    "max-pods=110",
]
FULL = {
    "k3s_node_ip": "192.0.2.7",
    "k3s_tls_sans": ["k3s.example.org"],
    "k3s_disable": ["traefik"],
    "k3s_node_labels": ["disk=ssd"],
    "k3s_node_taints": ["dedicated=db:NoSchedule"],
    "k3s_config_extra": {"vmodule": "x=1", "debug": True, "etcd-snapshot-compress": True},
    "snapshot_s3": {"bucket": "oslo", "endpoint": "s3.example.org", "region": "eu-north-1", "folder": "k3s"},
}


def settings(**changes: object) -> Settings:
    return parse_settings("host", {**DEFAULTS, **changes}, ignored=connector_data_meta)


def server(**changes: object) -> dict[str, object]:
    return compose(
        settings(**changes),
        role="server",
        reservations=RECIPE,
        token_file=TOKEN,
        agent_token_file=AGENT_TOKEN,
    )


def joiner(role: Role, **changes: object) -> dict[str, object]:
    agent_token_file = AGENT_TOKEN if role == "server" else None
    return compose(
        settings(**changes),
        role=role,
        reservations=RECIPE,
        init=False,
        server_url=URL,
        token_file=TOKEN,
        agent_token_file=agent_token_file,
    )


def test_the_first_server_by_the_reference() -> None:
    assert server() == {
        "cluster-init": True,
        "token-file": TOKEN,
        "agent-token-file": AGENT_TOKEN,
        "flannel-backend": "vxlan",
        "cluster-cidr": "10.42.0.0/16",
        "service-cidr": "10.43.0.0/16",
        "write-kubeconfig-mode": "0600",
        "etcd-snapshot-schedule-cron": "0 */12 * * *",
        "etcd-snapshot-retention": 5,
        "secrets-encryption": True,
        "protect-kernel-defaults": True,
        "kubelet-arg": KUBELET,
    }


def test_the_first_server_with_every_setting_in_one_order() -> None:
    """Extra keys come last, sorted, so that the file changes only when a setting does."""
    assert list(server(**FULL).items()) == [
        ("cluster-init", True),
        ("token-file", TOKEN),
        ("agent-token-file", AGENT_TOKEN),
        ("tls-san", ["k3s.example.org"]),
        ("disable", ["traefik"]),
        ("flannel-backend", "vxlan"),
        ("cluster-cidr", "10.42.0.0/16"),
        ("service-cidr", "10.43.0.0/16"),
        ("write-kubeconfig-mode", "0600"),
        ("etcd-snapshot-schedule-cron", "0 */12 * * *"),
        ("etcd-snapshot-retention", 5),
        ("etcd-s3", True),
        ("etcd-s3-bucket", "oslo"),
        ("etcd-s3-endpoint", "s3.example.org"),
        ("etcd-s3-folder", "k3s"),
        ("etcd-s3-region", "eu-north-1"),
        ("secrets-encryption", True),
        ("protect-kernel-defaults", True),
        ("node-ip", "192.0.2.7"),
        ("node-label", ["disk=ssd"]),
        ("node-taint", ["dedicated=db:NoSchedule"]),
        ("kubelet-arg", KUBELET),
        ("debug", True),
        ("etcd-snapshot-compress", True),
        ("vmodule", "x=1"),
    ]


def test_a_server_that_joins_differs_only_in_how_it_starts() -> None:
    first, other = server(**FULL), joiner("server", **FULL)
    assert first.pop("cluster-init") is True
    assert other.pop("server") == URL
    assert first == other


def test_sqlite_has_no_etcd_keys() -> None:
    config = server(k3s_datastore="sqlite", snapshot_s3=FULL["snapshot_s3"])
    assert [key for key in config if key.startswith(("cluster-init", "etcd-"))] == []


def test_no_schedule_no_snapshots() -> None:
    config = server(snapshot_schedule="")
    assert config["etcd-disable-snapshots"] is True
    assert "etcd-snapshot-schedule-cron" not in config


def test_s3s_credentials_come_from_the_environment_and_stand_apart() -> None:
    wanted = settings(**FULL)
    [file] = credentials(wanted, {"SKERRY_S3_ACCESS_KEY": "AK", "SKERRY_S3_SECRET_KEY": "0x1"})
    assert (file.path, file.mode) == (CREDENTIALS, "600")
    assert from_yaml(file.content) == {"etcd-s3-access-key": "AK", "etcd-s3-secret-key": "0x1"}
    assert "0x1" not in to_yaml(server(**FULL))
    named = settings(snapshot_s3={"bucket": "b", "secret_key_variable": "OSLO_SECRET"})
    with pytest.raises(InputError, match="needs the environment variable OSLO_SECRET, which is not set"):
        credentials(named, {"SKERRY_S3_ACCESS_KEY": "AK", "SKERRY_S3_SECRET_KEY": "x"})
    assert credentials(settings(), {}) == credentials(settings(**FULL, k3s_datastore="sqlite"), {}) == []


def test_an_agent_gets_agents_keys_only() -> None:
    """An agent does not start with a key that only servers know."""
    assert joiner("agent", **FULL) == {
        "server": URL,
        "token-file": TOKEN,
        "protect-kernel-defaults": True,
        "node-ip": "192.0.2.7",
        "node-label": ["disk=ssd"],
        "node-taint": ["dedicated=db:NoSchedule"],
        "kubelet-arg": KUBELET,
        "debug": True,
        "vmodule": "x=1",
    }


def test_an_agent_gets_no_appending_server_key_either() -> None:
    assert "kube-apiserver-arg+" not in joiner("agent", k3s_config_extra={"kube-apiserver-arg+": ["a=b"]})


def test_what_is_composed_is_known_as_composed() -> None:
    """COMPOSED guards the extra keys, SERVER_ONLY the agents: both must know every key written here."""
    never = server(snapshot_schedule="")
    written = {*server(**FULL), *joiner("server", **FULL), *never} - {
        "debug",
        "vmodule",
        "etcd-snapshot-compress",
    }
    assert written == COMPOSED
    assert written - set(joiner("agent", **FULL)) <= SERVER_ONLY


@pytest.mark.parametrize(
    ("role", "init", "url"), [("server", True, URL), ("server", False, None), ("agent", True, None)]
)
def test_a_node_either_initialises_or_joins(role: Role, init: bool, url: str | None) -> None:
    with pytest.raises(ValueError, match="either initialises the cluster or has a server_url"):
        compose(settings(), role=role, reservations=RECIPE, init=init, server_url=url, token_file=TOKEN)


TEXTS = st.text() | st.sampled_from(
    ["yes", "off", "Y", "0600", "1e3", "1:30", "0x1f", "~", "", "<<", "=", "2026-01-01"]
)
SCALARS = TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False)
KEYS = st.from_regex(r"[a-z][a-z0-9]+(-[a-z0-9]+)*\+?", fullmatch=True)


@given(st.dictionaries(KEYS | TEXTS, SCALARS | st.lists(SCALARS), max_size=5))
@example({"on": "é\u2028\n \n# no comment", "a": ["- b", "c: d", "\t", "\x85", "🪨"]})
def test_any_configuration_reads_back(config: dict[str, object]) -> None:
    assert from_yaml(to_yaml(config)) == config


@pytest.mark.parametrize("role", ["server", "agent"])
def test_a_composed_configuration_reads_back_in_order(role: Role) -> None:
    config = joiner(role, **FULL)
    assert list(from_yaml(to_yaml(config)).items()) == list(config.items())


@pytest.mark.parametrize(
    "text", ["1e3", "0600", "yes", "y", "NO", "null", "~", "0o17", "1_000", ".5", "1:30"]
)
def test_text_that_another_reader_may_take_for_something_else_is_quoted(text: str) -> None:
    """K3s reads with Go's YAML, to which a bare 1e3 is a number and y a truth value."""
    assert to_yaml({"key": text}).splitlines()[1:] == [f'key: "{text}"']


def test_the_file_says_who_writes_it_and_reads_plainly() -> None:
    text = to_yaml(
        {"write-kubeconfig-mode": "0600", "server": URL, "kubelet-arg": KUBELET[:1], "tls-san": []}
    )
    assert text == (
        "# Written by Skerry; change the inventory's settings instead\n"
        'write-kubeconfig-mode: "0600"\n'
        "server: https://192.0.2.1:6443\n"
        "kubelet-arg:\n"
        "- system-reserved=cpu=500m,memory=512Mi\n"
        "tls-san: []\n"
    )


def test_an_empty_file_holds_no_keys() -> None:
    assert from_yaml("# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a\n", "K3s's config.yaml contains no mapping; correct or remove it"),
        (
            "a: [",
            "K3s's config.yaml is not YAML (while parsing a flow node expected the node content, but found "
            "'<stream end>' in \"<unicode string>\", line 1, column 5: a: [ ^); correct or remove it",
        ),
    ],
)
def test_a_file_without_keys_is_refused(text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        from_yaml(text)
    assert str(caught.value) == line
