"""What the hub asks of a real nats-server before it relies on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from tests.hub.site import access, hub_settings
from tests.servers.nats_server import NatsServer
from vigie_hub.bus import system as module
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.system import System
from vigie_hub.identity import Identity
from vigie_shared.errors import LinkError, SettingsError


@contextlib.asynccontextmanager
async def asked(folder: Path, jetstream: str) -> AsyncIterator[tuple[System, Identity]]:
    settings = hub_settings(folder)
    identity = await asyncio.to_thread(Identity.of, settings)
    text = f"listen: '127.0.0.1:-1'\n{jetstream}\n{await asyncio.to_thread(access, settings, identity)}"
    server = NatsServer(folder / "nats")
    server._file_text = lambda: text  # type: ignore[method-assign]
    await asyncio.to_thread(server.start)
    connection = Connection(server.url, identity.trust.system_login())
    try:
        await connection.connect()
        yield System(connection, identity.trust.account), identity
    finally:
        await connection.close()
        await asyncio.to_thread(server.stop)


def streams(folder: Path, sync: str) -> str:
    return f'jetstream: {{ store_dir: "{folder}/streams", sync_interval: "{sync}" }}'


async def test_server_that_is_fit_is_taken_in_silence(tmp_path: Path) -> None:
    async with asked(tmp_path, streams(tmp_path, "10s")) as (system, _identity):
        with capture_logs() as logs:
            await system.check_server()
    assert [line["event"] for line in logs] == ["nats_server_checked"]


async def test_server_that_puts_off_writing_is_told_of_in_one_line(tmp_path: Path) -> None:
    async with asked(tmp_path, streams(tmp_path, "5m")) as (system, _identity):
        with capture_logs() as logs:
            await system.check_server()
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert (warning["event"], warning["sync_interval_seconds"]) == ("nats_server_lazy", 300)


async def test_server_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VERSION_MIN", (99, 0, 0))
    async with asked(tmp_path, streams(tmp_path, "10s")) as (system, _identity):
        with pytest.raises(SettingsError, match=r"is too old: Vigie needs 99\.0\.0 or newer"):
            await system.check_server()


async def test_server_that_keeps_no_streams_is_refused(tmp_path: Path) -> None:
    async with asked(tmp_path, "") as (system, _identity):
        with pytest.raises(SettingsError, match="keeps no streams"):
            await system.check_server()


async def test_account_that_nats_server_does_not_take_is_an_error(tmp_path: Path) -> None:
    async with asked(tmp_path, streams(tmp_path, "10s")) as (system, identity):
        await system.update_account(identity.trust.account_token({}, 1024))
        with pytest.raises(LinkError, match="refuses the account"):
            await system.update_account("nonsense")


async def test_being_cancelled_is_not_forgotten_where_the_answer_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(tmp_path, streams(tmp_path, "10s")) as (system, _identity):
        answer = system._client.request

        async def and_forget(subject: str, payload: bytes, timeout: float) -> Msg:  # noqa: ASYNC109 (as nats-py has it)
            """As `wait_for` does where both come at once."""
            message = await answer(subject, payload, timeout=timeout)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
            return message

        monkeypatch.setattr(system._client, "request", and_forget)
        asking = asyncio.create_task(system.account_token())
        with pytest.raises(asyncio.CancelledError):
            await asking


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.12.3", (2, 12, 3)), ("2.13.0-RC.1", (2, 13, 0)), ("?", ()), ("", ())]
)
def test_version_is_read_from_what_servers_say(version: str, numbers: tuple[int, ...]) -> None:
    assert module._numbers(version) == numbers
