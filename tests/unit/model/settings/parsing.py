"""The default settings with changes, parsed or refused."""

import runpy
from pathlib import Path

import pytest
from pyinfra.connectors.ssh import connector_data_meta

from skerry.model.errors import InputError
from skerry.model.settings.settings import Settings, parse_settings

REFERENCE = Path(__file__).parents[4] / "inventories" / "group_data" / "all.py"


DEFAULTS: dict[str, object] = {
    name: value for name, value in runpy.run_path(str(REFERENCE)).items() if not name.startswith("__")
}


def parse(**changes: object) -> Settings:
    return parse_settings("oslo1", {**DEFAULTS, **changes}, ignored=connector_data_meta)


def refusal(**changes: object) -> str:
    with pytest.raises(InputError) as caught:
        parse(**changes)
    return str(caught.value)
