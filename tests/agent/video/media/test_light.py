"""The light shines while somebody watches, and tells whoever is to switch a lamp."""

import asyncio
import json

from vigie_agent.video.media.light import Light
from vigie_shared.clock import SystemClock


class Lamp:
    """A webhook that notes what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        self.told.put_nowait((body["camera_id"], body["watched"]))


async def test_viewers_of_a_camera_are_counted_over_its_sessions() -> None:
    light = Light(SystemClock())
    with light.on("gate") as first, light.on("gate"), light.on("yard"):
        first.viewers = 3
        assert light.watchers() == {"gate": 4, "yard": 1}
    assert light.watchers() == {}


async def test_a_webhook_hears_when_a_camera_begins_and_ceases_to_be_watched() -> None:
    lamp = Lamp()
    server = await asyncio.start_server(lamp.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    light = Light(SystemClock(), f"http://127.0.0.1:{port}/lamp")
    running = asyncio.create_task(light.run())
    async with asyncio.timeout(10):
        with light.on("gate"):
            assert await lamp.told.get() == ("gate", True)
            with light.on("gate"):
                await asyncio.sleep(0)
        assert await lamp.told.get() == ("gate", False)
    running.cancel()
    server.close()
    await server.wait_closed()
    assert lamp.told.empty()


async def test_a_webhook_that_is_gone_puts_nothing_out() -> None:
    light = Light(SystemClock(), "http://127.0.0.1:1/")
    running = asyncio.create_task(light.run())
    with light.on("gate"):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    assert not running.done()
    running.cancel()
