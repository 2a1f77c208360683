"""Messages about unknown settings, missing settings, and several problems at once."""

import pytest
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.errors import InputError
from skerry.model.settings.settings import parse_settings
from tests.unit.model.settings.parsing import DEFAULTS, refusal

SHOWN = "inventories/group_data/all.py shows how to write it"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("k3s_verison", "is unknown; did you mean k3s_version?"),
        ("ssh_usr", "is unknown; did you mean ssh_user?"),
        ("sudo", "is unknown; did you mean _sudo?"),
        ("colour", "is unknown; inventories/group_data/all.py lists all settings"),
    ],
)
def test_an_unknown_name_gets_the_nearest_suggested(name: str, problem: str) -> None:
    assert refusal(**{name: "x"}) == f"oslo1: setting {name}: {problem}"


def test_a_missing_setting_points_to_the_reference() -> None:
    data = {name: value for name, value in DEFAULTS.items() if name != "max_pods"}
    with pytest.raises(InputError) as caught:
        parse_settings("oslo1", data, ignored=connector_data_meta)
    assert str(caught.value) == (
        "oslo1: setting max_pods: is missing; inventories/group_data/all.py has its default"
    )


def test_all_problems_are_reported_at_once_unknown_names_first() -> None:
    lines = refusal(max_pods="512", k3s_datastore="mysql", ssh_usr="me").splitlines()
    assert lines == [
        "oslo1: setting ssh_usr: is unknown; did you mean ssh_user?",
        "oslo1: setting k3s_datastore: must be 'etcd' or 'sqlite', is 'mysql'; choose one of them",
        f"oslo1: setting max_pods: must be a whole number, is '512'; {SHOWN}",
    ]


def test_a_problem_stays_one_short_line_whatever_the_value() -> None:
    line = refusal(max_pods="many\n" * 1000)
    assert len(line.splitlines()) == 1
    assert len(line) < 200
