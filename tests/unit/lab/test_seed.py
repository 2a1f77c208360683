from __future__ import annotations

import io
import tarfile
from pathlib import Path

from skerry.lab import seed
from skerry.lab.seed import SeedFile


def test_hosts_reach_a_proxy_on_this_machine_at_its_address() -> None:
    dump = (
        'Acquire::http::Proxy "http://localhost:3142";\n'
        'Acquire::https::Proxy "";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'APT::Architecture "amd64";\n'
    )
    [file] = seed.apt_files(dump, "10.0.2.2")
    assert file.text == 'Acquire::http::Proxy "http://10.0.2.2:3142";\nAcquire::Check-Valid-Until "false";\n'
    assert seed.apt_files('APT::Architecture "amd64";\n', "10.0.2.2") == []


def test_a_seed_is_readable_by_its_owner_alone_and_has_the_files_it_was_given(tmp_path: Path) -> None:
    files = [
        SeedFile("etc/hostname", "oslo-1\n"),
        SeedFile("root/.ssh", mode=0o700),
        SeedFile("home/ops/.ssh/authorized_keys", "ssh-ed25519 AAAA\n", 0o600, 1000),
        SeedFile("etc/systemd/system/x.service", target="/dev/null"),
    ]
    path = tmp_path / "seed.tar"
    seed.write(path, files)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        members = {member.name: member for member in tar.getmembers()}
        hostname = tar.extractfile("etc/hostname")
        assert hostname is not None
        assert hostname.read() == b"oslo-1\n"
    assert members["root/.ssh"].isdir()
    assert members["root/.ssh"].mode == 0o700
    assert members["home/ops/.ssh/authorized_keys"].uid == 1000
    assert members["etc/systemd/system/x.service"].linkname == "/dev/null"
