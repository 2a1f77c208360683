"""SSH to single hosts, for tasks that look rather than change. Host keys are always verified."""

from __future__ import annotations

import base64
import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import fabric
import paramiko

from skerry.model.errors import InputError
from skerry.model.root_shell import root_shell
from skerry.remote.inventory import Host

TIMEOUT_SECONDS = 15
BLOCK = 1 << 18


@contextmanager
def connect(host: Host) -> Iterator[fabric.Connection]:
    """An open connection. Raises InputError when the host cannot be reached, or is not who it was."""
    kwargs = {"key_filename": str(host.key), "look_for_keys": False, "allow_agent": False} if host.key else {}
    connection = fabric.Connection(
        host.address,
        user=host.user,
        port=host.port,
        connect_timeout=TIMEOUT_SECONDS,
        connect_kwargs=kwargs,
        config=fabric.Config(lazy=True),
    )
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    if host.known_hosts.is_file():
        connection.client.load_host_keys(str(host.known_hosts))
    try:
        connection.open()
    except (OSError, paramiko.SSHException) as error:
        raise InputError(f"{host.name}: {_reason(host, error)}") from None
    with connection:
        yield connection


def _reason(host: Host, error: Exception) -> str:
    place = f"{host.address} port {host.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return f"{place} shows another host key than the one on record in {host.known_hosts}; find out why"
    if isinstance(error, paramiko.AuthenticationException):
        return (
            f"{host.user}@{place} does not accept the key {host.key or 'offered'}; see ssh_user and ssh_key"
        )
    if "not found in known_hosts" in str(error):
        return f"the host key of {place} is not known yet; run `invoke trust`"
    return f"{place} cannot be reached: {error}; see ssh_hostname and ssh_port"


def run(connection: fabric.Connection, host: Host, command: str) -> str:
    """The command's standard output, run as root. Raises RuntimeError with its standard error, or when cut off."""
    try:
        result = connection.run(root_shell(command, host.sudo), hide=True, warn=True, in_stream=False)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise RuntimeError(f"{host.name}: the connection was lost: {error}") from None
    if not result.ok:
        raise RuntimeError(f"{host.name}: {result.stderr.strip() or f'exit code {result.exited}'}")
    return str(result.stdout)


@contextmanager
def reading(connection: fabric.Connection, host: Host, command: str) -> Iterator[IO[bytes]]:
    """The command's standard output as a stream, run as root. Raises RuntimeError with its standard error."""
    with _exec(connection, host, command) as (_, stdout, stderr):
        yield stdout
        _end(host, stdout, stderr)


def send(connection: fabric.Connection, host: Host, command: str, stream: IO[bytes]) -> None:
    """Give the command a stream on its standard input, run as root. Raises RuntimeError with its standard error."""
    with _exec(connection, host, command) as (stdin, stdout, stderr):
        with suppress(OSError):  # it ended early; it says why
            shutil.copyfileobj(stream, stdin, BLOCK)
            stdin.flush()
        stdin.channel.shutdown_write()
        _end(host, stdout, stderr)


@contextmanager
def _exec(connection: fabric.Connection, host: Host, command: str) -> Iterator[tuple[Any, Any, Any]]:
    try:
        streams = connection.client.exec_command(root_shell(command, host.sudo))
        try:
            yield streams
        finally:
            streams[0].channel.close()
    except (EOFError, paramiko.SSHException) as error:
        raise RuntimeError(f"{host.name}: the connection was lost: {error}") from None


def _end(host: Host, stdout: Any, stderr: Any) -> None:
    said, code = str(stderr.read(), "utf-8").strip(), stdout.channel.recv_exit_status()
    if code:
        raise RuntimeError(f"{host.name}: {said or f'exit code {code}'}")


def host_key(host: Host) -> paramiko.PKey:
    """The key the host shows now, unverified. Raises InputError when it does not answer."""
    try:
        with socket.create_connection((host.address, host.port), timeout=TIMEOUT_SECONDS) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.start_client(timeout=TIMEOUT_SECONDS)
                return transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, paramiko.SSHException) as error:
        raise InputError(f"{host.name}: {_reason(host, error)}") from None


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` prints it: "SHA256:…"."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def record_name(host: Host) -> str:
    """How known_hosts names a host: the port stands there unless it is 22."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"


def is_known(host: Host) -> bool:
    """Whether known_hosts has any key for this host."""
    if not host.known_hosts.is_file():
        return False
    return paramiko.HostKeys(str(host.known_hosts)).lookup(record_name(host)) is not None


def remember(host: Host, key: paramiko.PKey) -> None:
    """Add the key to the inventory's known_hosts."""
    line = f"{record_name(host)} {key.get_name()} {key.get_base64()}\n"
    host.known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with Path(host.known_hosts).open("a") as file:
        file.write(line)
