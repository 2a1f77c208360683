"""The settings reference: every setting once, with a meaning, a type in words and its default."""

from __future__ import annotations

import ast
import runpy

from pyinfra.connectors.ssh import connector_data_meta

from skerry.commands.dev.settings_reference import ALL_PY, annotation, describe, sections, settings_reference
from skerry.model.settings.settings import Settings

ENTRIES = [entry for section in sections() for entry in section.entries]


def test_every_setting_stands_in_all_py_once_with_a_meaning_and_in_the_order_of_the_model() -> None:
    names = [entry.name for entry in ENTRIES]
    assert [name for name in names if name in Settings.model_fields] == list(Settings.model_fields)
    assert set(names) - set(Settings.model_fields) <= {"_sudo", *connector_data_meta}
    assert all(entry.meaning for entry in ENTRIES)


def test_the_default_is_that_of_all_py() -> None:
    values = runpy.run_path(str(ALL_PY))
    assert {entry.name: ast.literal_eval(entry.default) for entry in ENTRIES} == {
        name: value for name, value in values.items() if not name.startswith("__")
    }


def test_types_are_told_in_words() -> None:
    types = {entry.name: describe(annotation(entry.name)) for entry in ENTRIES}
    assert all(types.values())
    assert types["k3s_downgrade"] == "True or False"
    assert types["disk_gate"] == 'one of "refuse", "warn"'
    assert types["rollback_seconds"] == "whole number, at least 10, at most 900"
    assert types["k3s_cluster_cidr"] == 'network in CIDR notation, such as "10.42.0.0/16"'
    assert types["packages_extra"] == "list of: name of a Debian package"
    assert types["reserve"] == 'one of "recipe" and "auto", or CPU and memory for "system" and "kube"'


def test_the_page_names_unit_and_section() -> None:
    page = settings_reference()
    assert page.startswith("## Location\n\nEvidence for data residency.")
    assert "### `min_disk_free_gib`\n" in page
    assert "- Type: Whole number, at least 1\n- Unit: GiB\n- Default: `10`\n" in page
