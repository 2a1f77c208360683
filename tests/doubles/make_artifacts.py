"""Build stand-ins for release artifacts, in the layout of the air-gap folder.

python -m tests.doubles.make_artifacts v1.34.3+k3s1 FOLDER --pad-mib 60
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parent / "k3s_standin"
BANNER = b"#!/usr/bin/env python3\n# A stand-in for k3s, for tests of Skerry: a Python zip application.\n"
START = "import sys\n\nfrom k3s_standin.cli import main\n\nsys.exit(main(sys.argv))\n"
VERSION_LINE = re.compile(r'^VERSION = ".*"$', re.MULTILINE)
MIB = 1024 * 1024


def build(version: str, folder: Path, arch: str = "amd64", *, pad_mib: int = 0, images: bool = False) -> Path:
    """Write `<folder>/k3s/<version>/` with the binary, its checksum file and optionally an image archive.

    The same arguments give the same bytes; another version gives another checksum. `pad_mib` adds incompressible
    bytes, so that an upload takes as long as with K3s. Returns the path of the binary.
    """
    release = folder / "k3s" / version
    release.mkdir(parents=True, exist_ok=True)
    binary = release / ("k3s" if arch == "amd64" else f"k3s-{arch}")
    binary.write_bytes(_binary(version, pad_mib))
    binary.chmod(0o755)
    files = [binary]
    if images:
        files.append(release / f"k3s-airgap-images-{arch}.tar.zst")
        files[-1].write_bytes(f"stand-in for the images of {version}, {arch}: no archive\n".encode())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (release / f"sha256sum-{arch}.txt").write_text("".join(sums), encoding="utf-8")
    return binary


def _binary(version: str, pad_mib: int) -> bytes:
    buffer = io.BytesIO()
    buffer.write(BANNER)
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "__main__.py", START.encode())
        for source in sorted(SOURCE.glob("*.py")):
            text = source.read_text(encoding="utf-8")
            if source.name == "__init__.py":
                text, count = VERSION_LINE.subn(f'VERSION = "{version}"', text)
                if count != 1:
                    raise ValueError(f"{source} needs exactly one VERSION line, has {count}")
            _add(archive, f"{SOURCE.name}/{source.name}", text.encode())
        if pad_mib:
            _add(archive, "padding", hashlib.shake_256(version.encode()).digest(pad_mib * MIB))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file with a fixed date, so that builds are reproducible."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build a stand-in for K3s.")
    parser.add_argument("version")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pad-mib", type=int, default=0, help="incompressible bytes to add (default 0)")
    arguments = parser.parse_args()
    print(build(arguments.version, arguments.folder, pad_mib=arguments.pad_mib))


if __name__ == "__main__":
    main()
