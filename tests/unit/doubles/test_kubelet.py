from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.k3s_standin import kubelet
from tests.doubles.k3s_standin.kubelet_args import KubeletError


def _kubelet(tmp_path: Path, *arguments: str, protect: bool = False) -> kubelet.Kubelet:
    return kubelet.Kubelet(list(arguments), tmp_path, protect)


def test_cgroup_v1_is_refused_from_1_35(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubelet, "CGROUP_V2", tmp_path / "missing")
    with pytest.raises(KubeletError, match="configured to not run on a host using cgroup v1"):
        _kubelet(tmp_path).check_host()
    _kubelet(tmp_path, "fail-cgroupv1=false").check_host()
    monkeypatch.setattr(kubelet, "VERSION", "v1.34.3+k3s1")
    _kubelet(tmp_path).check_host()


def test_kernel_flags_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for flag, value in kubelet.KERNEL.items():
        (tmp_path / flag).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / flag).write_text(f"{value}\n")
    monkeypatch.setattr(kubelet, "SYSCTLS", tmp_path)
    monkeypatch.setattr(kubelet, "CGROUP_V2", tmp_path)
    _kubelet(tmp_path, protect=True).check_host()
    (tmp_path / "vm/overcommit_memory").write_text("0\n")
    _kubelet(tmp_path).check_host()
    expected = "invalid kernel flag: vm/overcommit_memory, expected value: 1, actual value: 0"
    with pytest.raises(KubeletError, match=expected):
        _kubelet(tmp_path, protect=True).check_host()
