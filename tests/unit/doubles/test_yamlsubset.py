from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.doubles.k3s_standin import yamlsubset


def test_yaml_of_pyyaml_is_parsed() -> None:
    config: dict[str, Any] = {
        "cluster-cidr": "10.42.0.0/16",
        "cluster-init": True,
        "disable": [],
        "etcd-snapshot-retention": 5,
        "kubelet-arg": ["eviction-hard=memory.available<100Mi,nodefs.available<10%", "v=2"],
        "node-ip": "fd00::1",
        "tls-san": [
            "*.example.org",
            'it\'s: "odd" # really',
            "::1",
            "yes",
            "0600",
            "1.0",
            "",
            "null",
            "-x",
            "é",
        ],
        "token": "K10abc::server:pass word",
        "write-kubeconfig-mode": "0600",
    }
    expected = {**config, "cluster-init": "true", "etcd-snapshot-retention": "5"}
    assert yamlsubset.parse(yaml.safe_dump(config)) == expected
    assert yamlsubset.parse(yaml.safe_dump(config, allow_unicode=True, explicit_start=True)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: 0644",
        "a: yes",
        "a: 1.0",
        "a: 1e3",
        "a: 12:30",
        "a: 2026-01-01",
        "a: {b: c}",
        "a:\n  b: c",
        "a: [b, c]",
        "a: |\n  b",
        "a: &x b",
        "a: *x",
        "a: b: c",
        "a: b\n  c",
        'a: "b',
        "a: 'b' c",
        "a: 1\na: 2",
        "- a",
        "a:\n- b\n  - c",
        "a:\n- - b",
        "a:\n- b: c",
        "a: b\n---\nc: d",
        "a:\tb",
        'a: "b"#c',
    ],
)
def test_ambiguous_yaml_is_refused(text: str) -> None:
    with pytest.raises(yamlsubset.YamlError):
        yamlsubset.parse(text)
