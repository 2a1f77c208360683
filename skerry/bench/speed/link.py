"""A proxy on loopback that delays every byte by a known time and counts bytes and connections."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from skerry import lab

CHUNK = 1 << 16


class Link:
    """A port on loopback that leads to `host` with a delay of `one_way_seconds`.

    `connections` and `bytes` count both directions. Bandwidth is unlimited and nothing is lost. Between the two ends
    Nagle's algorithm is off, so a client that leaves it on waits less than on a real network.
    """

    def __init__(self, host: lab.LabHost, one_way_seconds: float = 0.0) -> None:
        self.connections = self.bytes = 0
        self.sources: list[int] = []  # source ports of the connections, as the host sees them
        self._host, self._delay = host, one_way_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def settings(self, folder: Path) -> dict[str, object]:
        """Returns host data with which SSH goes through this link, under the host's own address and host key."""
        config, known_hosts = folder / f"link-{self.port}", folder / f"link-{self.port}.known_hosts"
        config.write_text(f"Host {self._host.address}\n  HostName 127.0.0.1\n")
        _, *key = self._host.known_hosts.read_text().split()
        known_hosts.write_text(f"[127.0.0.1]:{self.port} {' '.join(key)}\n")
        return {
            "ssh_port": self.port,
            "ssh_config_file": str(config),
            "ssh_known_hosts_file": str(known_hosts),
        }

    def close(self) -> None:
        """Close the port and all connections."""
        self._call(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _disconnect(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client; close its connection if the host refuses it, for example while sshd is reloaded."""
        self.connections += 1
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the host after three delays: on a real link TCP's handshake completes there after that time."""
        await asyncio.sleep(3 * self._delay)
        far_reader, far_writer = await asyncio.open_connection(self._host.address, self._host.port)
        self.sources.append(far_writer.get_extra_info("sockname")[1])
        await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        in_flight: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(in_flight, sink))
        while data := await _read(source):
            self.bytes += len(data)
            in_flight.put_nowait((self._loop.time() + self._delay, data))
        in_flight.put_nowait((self._loop.time() + self._delay, b""))
        await delivering

    async def _deliver(
        self, in_flight: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await in_flight.get()
            if (early := due - self._loop.time()) > 0:
                await asyncio.sleep(early)
            if not data:
                sink.close()
                return
            sink.write(data)


async def _read(source: asyncio.StreamReader) -> bytes:
    """Read the next bytes; b"" once the connection has ended, even by an error."""
    try:
        return await source.read(CHUNK)
    except OSError:
        return b""
