"""Score a lab host with Lynis, ssh-audit and OpenSCAP, before and after hardening.

    python -m tests.bench.hardening --host lab-1            # measure one lab host as it is
    python -m tests.bench.hardening --host lab-1 --harden   # measure, deploy/harden.py, measure again

The host should be fresh and run Debian 11 (SKERRY_LAB_RELEASE=bullseye). For scores that count, it needs its own
kernel (qemu). This machine needs `apt-get install openscap-scanner ssg-debian` and `pip install ssh-audit`. Debian 11
has no openscap, so this machine's is copied to the host with its libraries.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from skerry import lab
from tests.lab.runs import Running, write_inventory

CONTENT = Path("/usr/share/xml/scap/ssg/content/ssg-debian11-ds.xml")
PROFILES = ("anssi_np_nt28_average", "anssi_np_nt28_high", "standard")
FOLDER = "/root/oscap"
# dev-sec.hardening 10.6.0 (os_hardening and ssh_hardening, all defaults) on the same image with its own kernel.
DEV_SEC = {
    "lynis": 75,
    "anssi_np_nt28_average": 45.0,
    "anssi_np_nt28_high": 47.6,
    "standard": 43.4,
    "ssh_fail": 2,
    "ssh_warn": 6,
}


def measure(host: lab.LabHost) -> dict[str, float]:
    """Every score of a host by name. Higher is better, except for ssh-audit's counts of lines."""
    return {"lynis": lynis(host), **openscap(host), **ssh_audit(host)}


def lynis(host: lab.LabHost) -> int:
    """The hardening index, 0 to 100."""
    script = (
        "export DEBIAN_FRONTEND=noninteractive; command -v lynis > /dev/null || "
        "{ apt-get -q update; apt-get -q -y install --no-install-recommends lynis; } > /dev/null 2>&1; "
        "lynis audit system --quick --no-colors --quiet > /dev/null 2>&1; "
        "sed -n 's/^hardening_index=//p' /var/log/lynis-report.dat"
    )
    return int(_run(host, script))


def openscap(host: lab.LabHost) -> dict[str, float]:
    """SSG's score for each profile, 0 to 100."""
    _send(host, _bundle())
    scores = {}
    for profile in PROFILES:
        script = (
            f"cd {FOLDER} && export OSCAP_SCHEMA_PATH=$PWD/schemas OSCAP_XSLT_PATH=$PWD/xsl OSCAP_CPE_PATH=$PWD/cpe; "
            f"lib/ld.so --library-path lib ./oscap xccdf eval --profile xccdf_org.ssgproject.content_profile_{profile} "
            "--results result.xml content.xml > /dev/null 2> error.txt; cat result.xml"
        )
        tree = ElementTree.fromstring(_run(host, script))  # noqa: S314  oscap's own output
        [score] = [element.text for element in tree.iter() if element.tag.endswith("}score")]
        scores[profile] = round(float(score or "nan"), 1)
        if os.environ.get("SKERRY_BENCH_FAILS"):
            failed = [rule.get("idref", "").split("rule_")[-1] for rule in tree.iter()
                      if rule.tag.endswith("}rule-result") and any(part.text == "fail" for part in rule)]  # fmt: skip
            print(profile, "fails:", *failed, file=sys.stderr)
    return scores


def _bundle() -> bytes:
    """A tar with oscap, its libraries and loader, its schemas, and SSG's content."""
    oscap = shutil.which("oscap")
    if not oscap or not CONTENT.exists():
        raise SystemExit("install openscap-scanner and ssg-debian first")
    linked = subprocess.run(["ldd", oscap], capture_output=True, text=True, check=True).stdout
    libraries = {Path(path) for path in re.findall(r"(/\S+\.so\S*)", linked)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(oscap, "oscap")
        tar.add(CONTENT, "content.xml")
        for path in libraries:
            name = "ld.so" if path.name.startswith("ld-linux") else path.name
            tar.add(path.resolve(), f"lib/{name}")
        for folder in ("schemas", "xsl", "cpe"):
            tar.add(f"/usr/share/openscap/{folder}", folder)
    return buffer.getvalue()


def _send(host: lab.LabHost, tar: bytes) -> None:
    command = [*lab.ssh_command(host.name), f"mkdir -p {FOLDER} && tar -x -C {FOLDER} -f -"]
    subprocess.run(command, input=tar, check=True)


def ssh_audit(host: lab.LabHost) -> dict[str, float]:
    """The number of lines at levels fail and warn. Warnings about missing post-quantum algorithms count separately."""
    tool = os.environ.get("SSH_AUDIT", "ssh-audit")
    command = [tool, "-n", "-l", "warn", "-p", str(host.port), host.address]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    by_level = {level: [line for line in lines if f"[{level}]" in line] for level in ("fail", "warn")}
    classical = [line for line in by_level["warn"] if "post-quantum" in line]
    return {
        "ssh_fail": len(by_level["fail"]),
        "ssh_warn": len(by_level["warn"]) - len(classical),
        "ssh_warn_not_post_quantum": len(classical),
    }


def harden(host: lab.LabHost) -> None:
    """Run deploy/harden.py with the project's defaults."""
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as folder:
        inventory = write_inventory(Path(folder, "inventory"), host, Path(folder), {})
        result = Running(inventory, "deploy/harden.py", Path(folder, "home")).finish(1800)
        if result.code:
            raise SystemExit(result.stderr)


def _run(host: lab.LabHost, script: str) -> str:
    return lab.run(host.name, script).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="lab-1")
    parser.add_argument("--harden", action="store_true")
    arguments = parser.parse_args()
    [host] = [host for host in lab.hosts() if host.name == arguments.host]
    scores: dict[str, Any] = {"before" if arguments.harden else "now": measure(host)}
    if arguments.harden:
        harden(host)
        scores |= {"after": measure(host), "dev-sec, measured elsewhere": DEV_SEC}
    print(json.dumps(scores, indent=2))


if __name__ == "__main__":
    main()
