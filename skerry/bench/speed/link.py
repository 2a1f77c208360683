"""A link of known length on loopback: every byte arrives so much later, and what passes is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from skerry import lab

CHUNK = 1 << 16


class Link:
    """A port on loopback from which `host` is `one_way_seconds` away. `connections` and `bytes` count both ways.

    It has no limit of bandwidth and loses nothing. Nagle's algorithm is off between its ends, so that what a
    client waits for by its own setting is seen less than on a real network.
    """

    def __init__(self, host: lab.LabHost, one_way_seconds: float = 0.0) -> None:
        self.connections = self.bytes = 0
        self.sources: list[int] = []  # the ports that the host sees the connections come from
        self._host, self._delay = host, one_way_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._meet, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def settings(self, folder: Path) -> dict[str, object]:
        """What makes an inventory's host be reached over this link, still by its own address and key."""
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
        """Whoever still talks is cut off."""
        self._do(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _hang_up(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever the host refuses, because sshd is being reloaded, say, is refused here, too."""
        self.connections += 1
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """TCP's handshake takes the host's end three ways to complete."""
        await asyncio.sleep(3 * self._delay)
        far_reader, far_writer = await asyncio.open_connection(self._host.address, self._host.port)
        self.sources.append(far_writer.get_extra_info("sockname")[1])
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(under_way, sink))
        while data := await _read(source):
            self.bytes += len(data)
            under_way.put_nowait((self._loop.time() + self._delay, data))
        under_way.put_nowait((self._loop.time() + self._delay, b""))
        await delivering

    async def _deliver(
        self, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await under_way.get()
            if (early := due - self._loop.time()) > 0:
                await asyncio.sleep(early)
            if not data:
                sink.close()
                return
            sink.write(data)


async def _read(source: asyncio.StreamReader) -> bytes:
    """The next bytes, none once the connection has ended in whatever way."""
    try:
        return await source.read(CHUNK)
    except OSError:
        return b""
