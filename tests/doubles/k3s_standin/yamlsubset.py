"""Parse the YAML that K3s's config.yaml needs: scalars and lists of scalars under top-level keys.

YAML that parsers read differently, or that this parser does not know, is an error.
"""

from __future__ import annotations

import json
import re

KEY = re.compile(r"(?P<key>[A-Za-z][A-Za-z0-9_.-]*\+?) *:(?: +(?P<value>.*))?$")
ITEM = re.compile(r"(?P<indent> *)- +(?P<value>.*)$")
DOUBLE_QUOTED = re.compile(r'("(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2})*") *(?: #.*)?$')
SINGLE_QUOTED = re.compile(r"'((?:[^']|'')*)' *(?: #.*)?$")
EMPTY_LIST = re.compile(r"\[\] *(?: #.*)?$")
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff]")
AMBIGUOUS = re.compile(
    r"""y|n|yes|no|on|off                                             # booleans in YAML 1.1 only
      | [-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:e[-+]?[0-9]+)? # floats, octal (0644), 1_000
      | [-+]?0[xob][0-9a-f_]+ | [-+]?\.(?:inf|nan)
      | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?              # base 60
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*                              # dates
    """,
    re.VERBOSE | re.IGNORECASE,
)


class YamlError(Exception):
    """The line is ambiguous or not in the subset."""


def parse(text: str) -> dict[str, str | list[str]]:
    """Keys and values as K3s reads them: every value is a string, null is an empty one."""
    values: dict[str, str | list[str]] = {}
    key, indent, started = "", -1, False  # `key` may still receive list items
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip(" ")
        if CONTROL.search(line):
            raise YamlError(f"yaml: line {number}: a control character such as a tab (stand-in): {line!r}")
        if not line.strip() or line.lstrip(" ").startswith("#") or (line == "---" and not started):
            continue
        started = True
        try:
            item, pair = ITEM.match(line), KEY.match(line)
            if item and key and (indent < 0 or len(item["indent"]) == indent):
                _append(values, key, _scalar(item["value"]))
                indent = len(item["indent"])
            elif pair and pair["key"] not in values:
                value = (pair["value"] or "").strip()
                values[pair["key"]] = [] if EMPTY_LIST.match(value) else _scalar(value)
                key, indent = (pair["key"] if not value or value.startswith("#") else ""), -1
            else:
                raise YamlError("duplicate key" if pair else "not a key or a list item")
        except YamlError as error:
            raise YamlError(f"yaml: line {number}: {error} (stand-in): {line.strip()!r}") from None
    return values


def _append(values: dict[str, str | list[str]], key: str, item: str) -> None:
    present = values[key]
    values[key] = [*present, item] if isinstance(present, list) else [item]


def _scalar(text: str) -> str:
    if text.startswith('"'):
        match = DOUBLE_QUOTED.match(text)
        if not match:
            raise YamlError("unfinished or unknown double quoting")
        return str(json.loads(re.sub(r"(\\\\)|\\x", lambda found: found[1] or r"\u00", match[1])))
    if text.startswith("'"):
        match = SINGLE_QUOTED.match(text)
        if not match:
            raise YamlError("unfinished single quoting")
        return match[1].replace("''", "'")
    return _plain(re.split(r"(?:^|\s)#", text)[0].strip())


def _plain(text: str) -> str:
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower()
    if text in ("", "~", "null", "Null", "NULL"):
        return ""
    if (
        text[0] in "?,[]{}&*!|>%@`\"'"
        or text.startswith(("- ", ": "))
        or text in ("-", ":", "=", "<<", "---", "...")
    ):
        raise YamlError("nested or special YAML")
    if ": " in text or text.endswith(":"):
        raise YamlError("a map inside a value")
    if AMBIGUOUS.fullmatch(text) and not re.fullmatch(r"-?[1-9][0-9]*|0", text):
        raise YamlError("ambiguous, quote it")
    return text
