"""The running lab hosts: invoke lab-up, then invoke up inventories/lab.py

The first host is a server, or the first three of three or more. The others are agents.
"""

from skerry import lab as _lab
from skerry.lab.inventory import host_data as _host_data

_hosts = [_host for _host in _lab.hosts() if _host.state == "running"]
if not _hosts:
    raise SystemExit("no lab host is running; run `invoke lab-up` first")


def _data(host: _lab.LabHost) -> dict[str, object]:
    data: dict[str, object] = _host_data(host)
    if host.api_port:
        data["k3s_api_endpoint"] = f"{host.address}:{host.api_port}"
    return data


_count = 3 if len(_hosts) >= 3 else 1
servers = [(_host.name, _data(_host)) for _host in _hosts[:_count]]
agents = [(_host.name, _data(_host)) for _host in _hosts[_count:]]
