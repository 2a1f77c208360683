"""SSH to single hosts without pyinfra: commands, streams, and host keys, which are always verified."""

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
    """Yield an open connection. Raises InputError if the host cannot be reached or its key is not the recorded one."""
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
    address = f"{host.address} port {host.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return f"{address} shows another host key than the one on record in {host.known_hosts}; find out why"
    if isinstance(error, paramiko.AuthenticationException):
        return (
            f"{host.user}@{address} does not accept the key {host.key or 'offered'}; see ssh_user and ssh_key"
        )
    if "not found in known_hosts" in str(error):
        return f"the host key of {address} is not known yet; run `invoke trust`"
    return f"{address} cannot be reached: {error}; see ssh_hostname and ssh_port"


def run(connection: fabric.Connection, host: Host, command: str) -> str:
    """Run the command as root. Returns its standard output. Raises RuntimeError if it fails or SSH breaks off."""
    try:
        result = connection.run(root_shell(command, host.sudo), hide=True, warn=True, in_stream=False)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise RuntimeError(f"{host.name}: the connection was lost: {error}") from None
    if not result.ok:
        raise RuntimeError(f"{host.name}: {result.stderr.strip() or f'exit code {result.exited}'}")
    return str(result.stdout)


@contextmanager
def reading(connection: fabric.Connection, host: Host, command: str) -> Iterator[IO[bytes]]:
    """Run the command as root and yield its standard output. At the end, raises RuntimeError if it failed."""
    with _exec(connection, host, command) as (_, stdout, stderr):
        yield stdout
        _check_exit(host, stdout, stderr)


def send(connection: fabric.Connection, host: Host, command: str, stream: IO[bytes]) -> None:
    """Run the command as root with `stream` as standard input. Raises RuntimeError if it fails or SSH breaks off."""
    with _exec(connection, host, command) as (stdin, stdout, stderr):
        with suppress(OSError):  # the command ended early; _check_exit reports why
            shutil.copyfileobj(stream, stdin, BLOCK)
            stdin.flush()
        stdin.channel.shutdown_write()
        _check_exit(host, stdout, stderr)


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


def _check_exit(host: Host, stdout: Any, stderr: Any) -> None:
    message, code = str(stderr.read(), "utf-8").strip(), stdout.channel.recv_exit_status()
    if code:
        raise RuntimeError(f"{host.name}: {message or f'exit code {code}'}")


def host_key(host: Host) -> paramiko.PKey:
    """Returns the key that the host presents now, unverified. Raises InputError if the host does not answer."""
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
    """Returns the fingerprint in the format of `ssh-keygen -l`: "SHA256:…"."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def record_name(host: Host) -> str:
    """Returns the host's name in known_hosts, with the port unless that is 22."""
    return host.address if host.port == 22 else f"[{host.address}]:{host.port}"


def is_known(host: Host) -> bool:
    """Returns whether known_hosts has any key for this host."""
    if not host.known_hosts.is_file():
        return False
    return paramiko.HostKeys(str(host.known_hosts)).lookup(record_name(host)) is not None


def remember(host: Host, key: paramiko.PKey) -> None:
    """Append the host's key to its known_hosts file."""
    line = f"{record_name(host)} {key.get_name()} {key.get_base64()}\n"
    host.known_hosts.parent.mkdir(parents=True, exist_ok=True)
    with Path(host.known_hosts).open("a") as file:
        file.write(line)
