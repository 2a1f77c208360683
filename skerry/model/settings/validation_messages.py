"""Pydantic's errors as messages for users, one line each."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

REFERENCE = "inventories/group_data/all.py"

_EXPECTED = {
    "int_type": "a whole number",
    "bool_type": "True or False",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a mapping",
}


def message(error: ErrorDetails, known: Collection[str]) -> str:
    """Returns the error as "setting NAME: what is wrong; how to correct it".

    For an unknown name, the message suggests the nearest of the `known` names.
    """
    name, *parts = error["loc"]
    setting = f"setting {name}" + "".join(f"[{part!r}]" for part in parts)
    return f"{setting}: {_problem(error, known)}"


def _problem(error: ErrorDetails, known: Collection[str]) -> str:
    kind, value, context = error["type"], _short(error["input"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        nearest = difflib.get_close_matches(str(error["loc"][0]), known, n=1, cutoff=0.75)
        remedy = f"did you mean {nearest[0]}?" if nearest else f"{REFERENCE} lists all settings"
        return f"is unknown; {remedy}"
    if kind == "missing":
        return f"is missing; {REFERENCE} has its default"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}, is {value}; choose one of them"
    if kind == "greater_than_equal":
        return f"must be at least {context['ge']}, is {value}; raise it"
    if kind == "less_than_equal":
        return f"must be at most {context['le']}, is {value}; lower it"
    expected = _EXPECTED.get(kind, f"of another form ({error['msg']})")
    return f"must be {expected}, is {value}; {REFERENCE} shows how to write it"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
