"""A hub for each test, in this process and on a port."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.hub.api.stage import Stage, serving, stage


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def script(hub: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A script that signs in by HTTP Basic."""
    async with hub.client() as client:
        yield client


@pytest.fixture
async def stranger(hub: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Someone who is not signed in."""
    async with hub.client(signed_in=False) as client:
        yield client


@pytest.fixture
async def url(hub: Stage) -> AsyncIterator[str]:
    """Where the hub listens."""
    async with serving(hub) as address:
        yield address
