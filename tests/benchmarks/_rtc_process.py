"""A process that plays one part in a WebRTC benchmark: each line it reads is a call, each it writes the answer."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.benchmarks._processor import cpu_seconds

REPOSITORY = Path(__file__).parents[2]
_LINE_BYTES_MAX = 1 << 24
_ANSWER_SECONDS = 90


class PeerProcess:
    """The other end of the lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, name: str, **arguments: object) -> Any:
        """What the part answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, arguments]).encode() + b"\n")
        async with asyncio.timeout(_ANSWER_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended at {name!r}")
        return json.loads(line)

    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        return cpu_seconds(self._process.pid)


@contextlib.asynccontextmanager
async def peer_process(part: str, *arguments: str) -> AsyncIterator[PeerProcess]:
    """Start a part of `_rtc_parts`; it ends with this."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks._rtc_parts", part, *arguments),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES_MAX,
    )
    try:
        yield PeerProcess(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def answer_calls(part: object) -> None:
    """The process's side: serve calls of `part`'s methods until nobody asks any more."""
    reader = asyncio.StreamReader(limit=_LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        name, arguments = json.loads(line)
        method: Callable[..., Awaitable[object]] = getattr(part, name)
        sys.stdout.write(json.dumps(await method(**arguments)) + "\n")
        sys.stdout.flush()
