"""The closing table shows why a test layer failed."""

from __future__ import annotations

import sys

import pytest

from skerry.commands.dev import testing


def test_the_table_names_the_tests_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "print('1 passed'); print('FAILED tests/a.py::test_b[c] - assert 0'); raise SystemExit(1)"
    layer = testing.Layer("broken", ((sys.executable, "-c", script),), lambda: "")
    monkeypatch.setattr(testing, "LAYERS", ((layer,),))
    assert testing.run_layers("") == 1
    output, _, table = capsys.readouterr().out.partition("seconds")
    assert "broken  | 1 passed" in output
    assert "tests/a.py::test_b[c]" in output
    assert "tests/a.py::test_b[c]" in table


def test_a_layer_that_names_no_failed_test_refers_to_its_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = testing.Layer("broken", ((sys.executable, "-c", "raise SystemExit(2)"),), lambda: "")
    monkeypatch.setattr(testing, "LAYERS", ((layer,),))
    assert testing.run_layers("broken") == 1
    assert "see above" in capsys.readouterr().out
