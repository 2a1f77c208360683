"""The running lab hosts: invoke lab-up, then invoke up inventories/lab.py

The first is a server (with three or more, the first three are), the rest are agents.
"""

from skerry import lab as _lab

_hosts = [_host for _host in _lab.hosts() if _host.state == "running"]
if not _hosts:
    raise SystemExit("no lab host is running; run `invoke lab-up` first")


def _data(host: _lab.LabHost) -> dict[str, object]:
    """How to reach a lab host, and what a lab cannot have: a time server, a good disk, in a container a kernel."""
    data: dict[str, object] = {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_user": host.user,
        "ssh_key": str(host.key),
        "ssh_known_hosts_file": str(host.known_hosts),
        "clock_sync_required": False,
        "disk_gate": "warn",  # many hosts share this machine's disk, and an emulated CPU is in its way
    }
    if host.backend == "nspawn":
        data["k3s_protect_kernel_defaults"] = False
    if host.api_port:
        data["k3s_api_endpoint"] = f"{host.address}:{host.api_port}"
    return data


_count = 3 if len(_hosts) >= 3 else 1
servers = [(_host.name, _data(_host)) for _host in _hosts[:_count]]
agents = [(_host.name, _data(_host)) for _host in _hosts[_count:]]
