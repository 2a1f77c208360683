"""Merging a cluster's access leaves everything else in the user's kubeconfig as it was."""

from __future__ import annotations

import pytest
import yaml

from skerry.model.errors import InputError
from skerry.model.k3s.kubeconfig import merge, named

K3S = """
apiVersion: v1
kind: Config
clusters: [{name: default, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Q0E=}}]
users: [{name: default, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
"""
OTHERS = """
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters: [{name: work, cluster: {server: "https://work.example:6443"}}]
users: [{name: work, user: {token: abc}}]
contexts: [{name: work, context: {cluster: work, user: work, namespace: team}}]
current-context: work
"""


def test_a_first_kubeconfig_is_ours_and_current() -> None:
    merged = yaml.safe_load(merge("", named(K3S, "oslo", "https://192.0.2.10:6443"), "config"))
    assert merged["current-context"] == "oslo"
    assert merged["clusters"][0]["cluster"]["server"] == "https://192.0.2.10:6443"
    assert merged["contexts"][0] == {"name": "oslo", "context": {"cluster": "oslo", "user": "oslo"}}


def test_other_entries_and_the_current_context_stay() -> None:
    merged = yaml.safe_load(merge(OTHERS, named(K3S, "oslo", "https://192.0.2.10:6443"), "config"))
    before = yaml.safe_load(OTHERS)
    assert merged["current-context"] == "work"
    assert merged["preferences"] == before["preferences"]
    for kind in ("clusters", "users", "contexts"):
        assert merged[kind][0] == before[kind][0]
        assert [entry["name"] for entry in merged[kind]] == ["work", "oslo"]


def test_merging_twice_changes_nothing() -> None:
    added = named(K3S, "oslo", "https://192.0.2.10:6443")
    once = merge(OTHERS, added, "config")
    assert merge(once, added, "config") == once


@pytest.mark.parametrize("text", ["[1, 2]", "clusters: 3", "a: [", "just words"])
def test_what_is_no_kubeconfig_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as caught:
        merge(text, named(K3S, "oslo", "https://192.0.2.10:6443"), "config")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("config: ")
