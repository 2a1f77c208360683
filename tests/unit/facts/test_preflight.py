"""The preflight script runs on this machine, and its output is parsed completely."""

from __future__ import annotations

import os
import socket
import subprocess
import time

import pytest

from skerry.facts.preflight import PreflightFacts
from skerry.model.fact_output import sections
from skerry.model.preparation.host_facts import Listener, parse


def run_script(reach: str = "") -> list[str]:
    command = PreflightFacts().command(reach)
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_sections_drop_what_comes_before_the_first() -> None:
    assert sections(["motd", "@a", "1", "2", "@b", "@c", "x@y"]) == {"a": ["1", "2"], "b": [], "c": ["x@y"]}


def test_the_script_describes_this_machine() -> None:
    host_facts = parse(run_script())
    assert host_facts.hostname == socket.gethostname()
    assert host_facts.kernel == os.uname().release
    assert host_facts.cores == len(os.sched_getaffinity(0))
    assert abs(host_facts.clock - time.time()) < 5
    assert host_facts.memory_kib * 1024 == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert host_facts.disk_free_bytes > 0
    assert host_facts.reach == ""


def test_the_script_sees_a_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host_facts = parse(run_script())
        listeners = {listener.port: listener for listener in host_facts.listeners}
        assert listeners[server.getsockname()[1]].protocol == "tcp"


def test_an_unreachable_source_is_reported_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reach = parse(run_script(f"http://127.0.0.1:{port}/sha256sum-amd64.txt")).reach
    assert reach not in ("", "ok", "unknown")


def test_a_listener_of_the_kernel_has_no_process() -> None:
    lines = run_script()
    index = lines.index("@listeners")
    lines[index + 1 : index + 1] = ["udp 0.0.0.0:8472 - -", "tcp [::]:6443 k3s-server k3s.service"]
    host_facts = parse(lines)
    assert host_facts.listeners[0] == Listener("udp", "0.0.0.0", 8472, "", "")  # noqa: S104  a string in output
    assert host_facts.listeners[1] == Listener("tcp", "[::]", 6443, "k3s-server", "k3s.service")


def test_routes_without_an_interface_have_a_destination() -> None:
    lines = run_script()
    index = lines.index("@routes")
    lines[index + 1 : index + 1] = ["blackhole 10.42.0.0/26 proto bird", "unreachable default metric 9"]
    assert parse(lines).routes[:2] == (("10.42.0.0/26", ""), ("default", ""))


def test_incomplete_output_is_refused() -> None:
    lines = run_script()
    with pytest.raises(KeyError):
        parse(lines[: lines.index("@routes")])
