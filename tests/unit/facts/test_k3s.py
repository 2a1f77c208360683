from __future__ import annotations

from skerry.facts.k3s import K3s


def test_the_output_of_a_host_without_k3s_is_parsed() -> None:
    lines = [
        "@binary",
        "@images",
        "@links",
        "@elsewhere",
        "@files",
        "@tokens",
        "@cluster",
        "@drained",
        "@restore",
        "@unit",
        "inactive",
        "",
        "no",
        "@running",
        "@started",
        "@loaded",
        "@node",
    ]
    state = K3s().process(lines)
    assert (state.binary, state.active, state.enabled, state.node) == ("", "inactive", False, {})
