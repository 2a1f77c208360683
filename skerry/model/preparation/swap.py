"""The shell that turns off swap in fstab."""

from __future__ import annotations

from skerry.model.files import TEMPORARY

COMMENT = "# Skerry: swap stays off: "
"""Prefix of the swap lines in fstab that Skerry has commented out."""


def comment_out_script(fstab: str) -> str:
    """Returns shell that comments out fstab's swap lines in a copy and replaces the original by one rename.

    `cp --preserve` keeps mode and owner; awk leaves every other line unchanged, byte for byte.
    """
    copy = fstab + TEMPORARY
    return (
        f"cp --preserve {fstab} {copy} && "
        f'awk \'$1 !~ /^#/ && $3 == "swap" {{ print "{COMMENT}" $0; next }} {{ print }}\' {fstab} > {copy} && '
        f"sync {copy} && mv -f {copy} {fstab}"
    )
