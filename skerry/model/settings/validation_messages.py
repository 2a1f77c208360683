"""Pydantic's findings in plain words, one line each."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

REFERENCE = "inventories/group_data/all.py"  # the settings reference

_EXPECTED = {
    "int_type": "a whole number",
    "bool_type": "True or False",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping",
}


def in_words(error: ErrorDetails, known: Collection[str]) -> str:
    """The error as "setting NAME: what is wrong; how to mend it".

    For an unknown name the nearest of `known` is suggested.
    """
    name, *parts = error["loc"]
    place = f"setting {name}" + "".join(f"[{part!r}]" for part in parts)
    return f"{place}: {_problem(error, known)}"


def _problem(error: ErrorDetails, known: Collection[str]) -> str:
    kind, value, context = error["type"], _short(error["input"]), error.get("ctx", {})
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][0]), known, n=1, cutoff=0.75)
        return (
            f"is unknown; did you mean {near[0]}?" if near else f"is unknown; {REFERENCE} lists all settings"
        )
    if kind == "missing":
        return f"is missing; {REFERENCE} has its default"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"should be {context['expected']}, is {value}; choose one of them"
    if kind == "greater_than_equal":
        return f"should be at least {context['ge']}, is {value}; raise it"
    wanted = _EXPECTED.get(kind, f"of another form ({error['msg']})")
    return f"should be {wanted}, is {value}; {REFERENCE} shows how to write it"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
