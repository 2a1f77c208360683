from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.lab import network
from skerry.lab.host import LabError


def routes(*octets: int) -> str:
    """/proc/net/route with a network 10.213.N.0 for each octet, its bytes as the kernel prints them."""
    head = "Iface Destination Gateway Flags\neth0 00000000 0101A8C0 0003\n"
    return head + "".join(f"br{octet} 00{octet:02X}D50A 00000000 0001\n" for octet in octets)


@given(st.sets(st.integers(0, 255), max_size=255), st.integers(0, 255))
def test_a_lab_takes_a_subnet_without_a_route(taken: set[int], first: int) -> None:
    assert network.free_subnet(first, routes(*taken)) not in taken


def test_a_lab_is_refused_when_every_subnet_is_taken() -> None:
    with pytest.raises(LabError, match="no free /24"):
        network.free_subnet(7, routes(*range(256)))


def test_interfaces_of_other_labs_and_other_programs_do_not_belong_to_the_lab() -> None:
    links = ["skerry0ff", "vb-skerry0ff-1", "skerry0fe", "vb-skerry0fe-1", "eth0", "cni0"]
    assert [link for link in links if network.belongs_to_lab(link, "skerry0ff")] == links[:2]
