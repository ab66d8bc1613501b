"""A network that misbehaves, on loopback: it delays, swallows answers and resets connections, by chance."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from dataclasses import dataclass


@dataclass(slots=True)
class Misfortune:
    """How often what goes wrong, for each connection; times in seconds."""

    longest_life_s: float = 2.0
    swallows_answers: float = 0.3
    longest_delay_s: float = 0.05


class Proxy:
    """Forwards connections to an address, with misfortune; a context manager with its own thread.

    A connection lives for a random time and is then reset. Some swallow all answers from a random moment on: what
    the client sent is taken by the server, and the client never hears of it.
    """

    def __init__(self, target: str, seed: int, misfortune: Misfortune | None = None) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._chance = random.Random(seed)
        self._misfortune = misfortune or Misfortune()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.address = ""
        self.resets = 0
        self.swallowed = 0

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _stop(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        life_s = self._chance.uniform(0.05, self._misfortune.longest_life_s)
        silent_after_s = life_s * self._chance.random()
        swallows = self._chance.random() < self._misfortune.swallows_answers
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        started = asyncio.get_running_loop().time()

        def silent() -> bool:
            return swallows and asyncio.get_running_loop().time() - started > silent_after_s

        ways = [
            asyncio.create_task(self._forward(reader, far_writer, lambda: False)),
            asyncio.create_task(self._forward(far_reader, writer, silent)),
        ]
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait(ways, timeout=life_s, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        self.resets += 1
        for end in (writer, far_writer):
            _reset(end)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self._chance.random() * self._misfortune.longest_delay_s)
                if silent():
                    self.swallowed += 1
                    continue
                writer.write(data)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
