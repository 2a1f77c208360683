"""The firewall lets pods, services and NodePorts through and drops the rest, also after a reboot.

Pods are network namespaces on a bridge with the rules that kube-proxy and flannel add, so that no images are
needed. tests/e2e has a real K3s.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from skerry import lab
from skerry.lab import network
from skerry.lab.folder import current_lab
from tests.lab.conftest import Run, WriteInventory
from tests.lab.runs import wait_for

CLUSTER = """
set -e
sysctl -q -w net.ipv4.ip_forward=1
ip link add cni0 type bridge && ip address add 10.42.0.1/24 dev cni0 && ip link set cni0 up
for pod in 2 3; do
  ip netns add pod$pod
  ip link add veth$pod type veth peer name eth0 netns pod$pod
  ip link set veth$pod master cni0 up
  ip -n pod$pod address add 10.42.0.$pod/24 dev eth0
  ip -n pod$pod link set eth0 up && ip -n pod$pod link set lo up
  ip -n pod$pod route add default via 10.42.0.1
done
# flannel's masquerading, and kube-proxy's chains for a service with a NodePort and for DNS.
iptables -t nat -A POSTROUTING -s 10.42.0.0/16 ! -d 10.42.0.0/16 -j MASQUERADE
iptables -t nat -N KUBE-SERVICES
iptables -t nat -A PREROUTING -j KUBE-SERVICES
iptables -t nat -A OUTPUT -j KUBE-SERVICES
iptables -t nat -A KUBE-SERVICES -d 10.43.0.80/32 -p tcp --dport 80 -j DNAT --to-destination 10.42.0.2:8080
iptables -t nat -A KUBE-SERVICES -d 10.43.0.10/32 -p udp --dport 53 -j DNAT --to-destination 10.42.0.3:53
iptables -t nat -A KUBE-SERVICES -d 10.43.0.1/32 -p tcp --dport 443 -j DNAT --to-destination {address}:6443
iptables -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -p tcp --dport 30080 -j DNAT \\
  --to-destination 10.42.0.2:8080
iptables -A FORWARD -s 10.42.0.0/16 -j ACCEPT
iptables -A FORWARD -d 10.42.0.0/16 -j ACCEPT
cat > /root/answer.py <<'END'
import socket, sys, threading
def tcp(port):
    s = socket.create_server(("0.0.0.0", port))
    while True:
        c, _ = s.accept(); c.sendall(b"here"); c.close()
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", port))
    while True:
        _, who = s.recvfrom(99); s.sendto(b"here", who)
for word in sys.argv[1:]:
    kind, port = word.split("/")
    threading.Thread(target={{"tcp": tcp, "udp": udp}}[kind], args=(int(port),)).start()
END
start() {{ systemd-run --quiet --unit "$1" -- $2 python3 /root/answer.py $3; }}
start answer-pod2 "ip netns exec pod2" tcp/8080
start answer-pod3 "ip netns exec pod3" udp/53
"""
LISTEN = "systemd-run --quiet --unit answer-host python3 /root/answer.py tcp/6443 tcp/10250 tcp/2379 tcp/2381 tcp/8000"
ASK = """python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_{kind}); s.settimeout(2); s.connect(("{address}", {port})); s.send(b"?")
print(s.recv(9).decode())' 2>/dev/null"""


SPOOFED = "10.42.0.99"


def gets_answer(host: lab.LabHost, namespace: str, address: str, port: int, kind: str = "STREAM") -> bool:
    """Whether a client in this network namespace (a pod's, or the host's own: "") gets an answer."""
    inside = f"ip netns exec {namespace} " if namespace else ""
    return (
        "here"
        in lab.run(host.name, inside + ASK.format(address=address, port=port, kind=kind), check=False).stdout
    )


def reaches(address: str, port: int) -> bool:
    """Whether this machine, which is not a member of the cluster, gets an answer."""
    try:
        with socket.create_connection((address, port), timeout=1) as connection:
            return connection.recv(4) in (b"here", b"SSH-")
    except OSError:
        return False


@pytest.fixture
def route_to_pods(host: lab.LabHost) -> Iterator[None]:
    """Route a pod's address to the host and take another pod's address, as an attacker in the same network could."""
    route = ["ip", "route", "replace", "10.42.0.2/32", "via", host.address]
    subprocess.run(route, check=True)
    subprocess.run(["ip", "address", "replace", f"{SPOOFED}/32", "dev", "lo"], check=True)
    yield
    subprocess.run(["ip", "address", "delete", f"{SPOOFED}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "route", "delete", "10.42.0.2/32"], check=True)


def assert_paths(host: lab.LabHost) -> None:
    lab.run(host.name, CLUSTER.format(address=host.address))
    lab.run(host.name, LISTEN)
    wait_for(lambda: gets_answer(host, "pod3", "10.42.0.2", 8080), "a pod's answer to another pod", 20)
    assert gets_answer(host, "pod3", "10.43.0.80", 80), "a pod reaches a service"
    assert gets_answer(host, "pod2", "10.43.0.10", 53, "DGRAM"), "a pod reaches DNS"
    assert gets_answer(host, "pod2", "10.43.0.1", 443), "a pod reaches the API server's service"
    assert gets_answer(host, "pod2", host.address, 10250), "a pod reaches the kubelet (metrics-server)"
    assert gets_answer(host, "", "10.42.0.2", 8080), "the host reaches a pod (probes)"
    assert gets_answer(host, "", "10.43.0.80", 80), "the host reaches a service"
    assert reaches(host.address, 30080), "another machine reaches a NodePort"
    assert reaches(host.address, 22), "another machine reaches SSH"
    assert reaches(host.address, 6443), "another machine reaches the API server"
    for port in (2379, 2381, 10250, 8000):
        assert not reaches(host.address, port), f"another machine reaches {port}"
    assert not reaches("10.42.0.2", 8080), "another machine is routed to a pod"


def spoofing_works(host: lab.LabHost) -> bool:
    """Whether the host accepts a packet from this machine with the source address of a pod."""
    with socket.socket() as client:
        client.bind((SPOOFED, 0))
        client.setblocking(False)
        # The answer goes to the host's own bridge, never to this machine.
        client.connect_ex((host.address, 10250))
        time.sleep(0.5)
    return SPOOFED in lab.run(host.name, f"conntrack -L -s {SPOOFED}").stdout


@pytest.mark.usefixtures("route_to_pods")
def test_pods_and_services_are_reachable_and_other_machines_are_kept_out(
    host: lab.LabHost, inventory: WriteInventory, run: Run
) -> None:
    assert_paths(host)
    assert not spoofing_works(host)
    lab.run(host.name, "nft flush chain inet skerry impostors")
    assert spoofing_works(host), "without the anti-spoofing rule it works"
    rules = lab.run(host.name, "iptables-save -t nat | grep ^-").stdout
    lab.run(host.name, "systemctl reload skerry-firewall && systemctl restart skerry-firewall")
    assert lab.run(host.name, "iptables-save -t nat | grep ^-").stdout == rules, "others' rules stay"
    lab.reboot(host.name)
    assert_paths(host)

    def harden(**settings: object) -> None:
        """Harden without the test's listeners, because preflight requires that K3s's ports are free."""
        lab.run(host.name, "systemctl stop answer-host")
        result = run(inventory(host, **settings), "deploy/harden.py")
        assert result.code == 0, result.stderr
        lab.run(host.name, LISTEN)
        wait_for(
            lambda: reaches(host.address, 22) and gets_answer(host, "", "127.0.0.1", 6443),
            "the listeners",
            20,
        )

    harden(firewall_members=[f"{network.gateway(current_lab())}/32"])
    for port in (2379, 10250):
        assert reaches(host.address, port), f"a member reaches {port}"
    assert not reaches(host.address, 8000), "a member reaches a port that is not the cluster's"
    assert reaches("10.42.0.2", 8080), "a member reaches a pod"
    harden(firewall_api_from=["192.0.2.0/24"])
    assert not reaches(host.address, 6443), "another machine reaches it despite firewall_api_from"
    assert gets_answer(host, "pod2", "10.43.0.1", 443), "a pod still reaches the API server"
