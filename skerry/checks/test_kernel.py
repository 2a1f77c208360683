"""The kernel modules and sysctls that K3s and the kubelet need are set now and at boot."""

from typing import Any

import pytest

from skerry.model.preparation.kernel import FILES, MODULES, SYSCTLS


@pytest.mark.parametrize("module", MODULES)
def test_module_is_loaded(host: Any, module: str, own_kernel: None) -> None:
    assert host.file(f"/sys/module/{module}").exists or module in host.check_output(
        "cat /lib/modules/$(uname -r)/modules.builtin"
    )


@pytest.mark.parametrize("key", SYSCTLS)
def test_sysctl_is_set(host: Any, key: str, own_kernel: None) -> None:
    assert host.check_output("cat /proc/sys/" + key.replace(".", "/")) == SYSCTLS[key]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_file_keeps_them_across_a_reboot(host: Any, file: Any) -> None:
    assert host.file(file.path).content_string == file.content


def test_no_later_file_undoes_a_sysctl(host: Any) -> None:
    """sysctl.d is read in order of file names across all its folders; the last value of a key counts."""
    text = host.run(
        "for f in $(ls /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf 2>/dev/null"
        " | awk -F/ '{ print $NF, $0 }' | sort | cut -d ' ' -f 2); do cat $f; echo; done"
    ).stdout
    values = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.lstrip().startswith(("#", ";")):
            values[key.strip().lstrip("-")] = value.strip()
    assert {key: values.get(key) for key in SYSCTLS} == SYSCTLS
