"""Tokens that grow old, end, or are withdrawn, with the hub's own admission and a real nats-server."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nkeys
import pytest

from tests.agent.uplink.hub import membership
from tests.hub.agents import StoppedClock
from tests.hub.site import Site, open_site
from tests.servers.ports import free_port
from vigie_agent.credentials import Credentials, load, save
from vigie_agent.keys import AgentKey
from vigie_agent.uplink import renewal
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.renewal import Renewal
from vigie_hub.api.application import create_api
from vigie_hub.api.feed import Feed
from vigie_hub.api.server import ApiServer
from vigie_hub.api.services import Services
from vigie_hub.bus.trust import Trust
from vigie_hub.custody.audit import Audit
from vigie_hub.fleet.admission import Admission
from vigie_hub.fleet.enrolment import enrol, revoke
from vigie_hub.settings import HubSettings
from vigie_hub.users import Users
from vigie_shared.clock import SystemClock
from vigie_shared.enrolment import Membership, seal
from vigie_shared.errors import SettingsError, WireError


class Box:
    """An agent of one site, enrolled some days ago."""

    def __init__(self, site: Site, folder: Path, days_ago: float, api_port: int) -> None:
        self.key = AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())
        self.folder = folder
        then = StoppedClock(datetime.now(UTC) - timedelta(days=days_ago))
        token = Trust(site.folder / "hub" / "keys", then).agent_token("gate-1", self.key.public_key)
        given = membership(site.server.url, "gate-1", api_url=f"http://127.0.0.1:{api_port}").model_copy(
            update={"hub_key": site.keys.receipts.public_key, "token": token}
        )
        folder.mkdir()
        save(folder, given)
        self.credentials = Credentials(folder, self.key, given)
        self.renewal = Renewal(self.credentials, SystemClock())
        self.connection = Connection(self.credentials, reconnect_seconds_max=1, refused=self.renewal.refused)

    def kept(self) -> Membership:
        found = load(self.folder)
        assert found is not None
        return found


@asynccontextmanager
async def box_of(folder: Path, *, days_ago: float) -> AsyncIterator[tuple[Site, Box]]:
    """A site whose hub admits, over the bus and over HTTP, and one agent of it."""
    async with open_site(folder) as site:
        port = free_port()
        settings = HubSettings(data_dir=folder / "hub", nats={"url": site.server.url}, api={"port": port})
        clock = SystemClock()
        parts = site.keys
        admission = Admission(settings, site.database, parts.trust, parts.certificates, parts.receipts, clock)
        await admission.listen(site.connection.client)
        box = await asyncio.to_thread(Box, site, folder / "box", days_ago, port)
        await site.database.write(
            lambda connection: enrol(connection, "gate-1", box.key.public_key, clock.now(), "test")
        )
        api = ApiServer(create_api(services(site, admission)), Feed(), "127.0.0.1", port)
        serving = asyncio.create_task(api.run())
        try:
            yield site, box
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def services(site: Site, admission: Admission) -> Services:
    """Of a hub's parts those that enrolment needs."""
    clock = SystemClock()
    needed: dict[str, Any] = {
        "reads": site.database,
        "users": Users(site.database),
        "audit": Audit(site.database, clock),
        "admission": admission,
        "clock": clock,
        "feed": Feed(),
    }
    every: dict[str, Any] = {field.name: needed.get(field.name) for field in fields(Services)}
    return Services(**every)


async def said(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output = ""
    async with asyncio.timeout(30):
        while text not in output:
            output += capsys.readouterr().out
            await asyncio.sleep(0.02)


async def test_token_of_yesterday_is_renewed_over_the_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "FIRST_SECONDS_MAX", 0.0)
    async with box_of(tmp_path, days_ago=2) as (_site, box), box.connection.open() as client:
        before = box.credentials.membership
        renewing = asyncio.create_task(box.renewal.run(client))
        async with asyncio.timeout(20):
            while box.credentials.membership == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        after = await asyncio.to_thread(box.kept)
    assert after == box.credentials.membership
    assert after.issued_at() - before.issued_at() > timedelta(days=1.9)
    assert not box.credentials.is_due(SystemClock().now())


async def test_box_that_was_away_for_weeks_renews_over_the_api_and_comes_in(tmp_path: Path) -> None:
    async with box_of(tmp_path, days_ago=30) as (_site, box), asyncio.timeout(30):
        assert box.credentials.membership.expires_at() < datetime.now(UTC)
        async with box.connection.open() as client:
            assert client.is_connected
        assert (await asyncio.to_thread(box.kept)).expires_at() > datetime.now(UTC) + timedelta(days=6)


async def test_session_ends_with_its_token_and_the_next_has_a_fresh_one(tmp_path: Path) -> None:
    seconds_left = 3
    async with box_of(tmp_path, days_ago=7 - seconds_left / 86_400) as (_site, box), asyncio.timeout(60):
        async with box.connection.open() as client:
            while not client.is_closed:  # noqa: ASYNC110 (nats-py ends the client, and calls nobody)
                await asyncio.sleep(0.01)
            assert "authentication expired" in str(client.last_error).lower()
        async with box.connection.open() as client:
            assert client.is_connected


@pytest.mark.filterwarnings("ignore:Exception ignored in. <function StreamWriter.__del__")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function _SelectorTransport.__del__")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket")
async def test_revoked_box_says_so_once_and_comes_in_with_a_new_enrolment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with box_of(tmp_path, days_ago=30) as (site, box):
        now = SystemClock().now()
        await site.database.write(lambda connection: revoke(connection, "gate-1", now, "amal"))
        opening = asyncio.create_task(_opened(box.connection))
        await said(capsys, "the hub has revoked this agent: ask for a new code there")
        fresh = site.keys.trust.agent_token("gate-1", box.key.public_key)
        enrolled_again = box.credentials.membership.model_copy(update={"token": fresh})
        await asyncio.to_thread(save, box.folder, enrolled_again)  # as `vigie agent enrol` does
        await asyncio.wait_for(opening, 30)
    assert "has revoked" not in capsys.readouterr().out


async def _opened(connection: Connection) -> None:
    async with connection.open() as client:
        assert client.is_connected


async def test_renewal_of_someone_else_or_of_the_past_is_not_taken(tmp_path: Path) -> None:
    async with box_of(tmp_path, days_ago=1) as (site, box):
        before = box.credentials.membership
        for change in ({"agent_id": "gate-2"}, {"hub_key": box.key.public_key.replace("U", "N", 1)}):
            sealed = _sealed(site, before.model_copy(update=change))
            with pytest.raises(WireError):
                await asyncio.to_thread(box.credentials.take, sealed)
        forged = _sealed(site, before).replace(b"gate-1", b"gate-2")
        with pytest.raises(WireError, match="not signed"):
            await asyncio.to_thread(box.credentials.take, forged)
        then = StoppedClock(datetime.now(UTC) - timedelta(days=3))
        trust = await asyncio.to_thread(Trust, site.folder / "hub" / "keys", then)
        older = trust.agent_token("gate-1", box.key.public_key)
        await asyncio.to_thread(box.credentials.take, _sealed(site, before.model_copy(update={"token": older})))
        assert box.credentials.membership == before


def _sealed(site: Site, given: Membership) -> bytes:
    return seal(given, site.keys.receipts)


def test_clock_that_is_far_behind_renews_to_be_safe(tmp_path: Path) -> None:
    key = AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())
    credentials = Credentials(tmp_path, key, membership("nats://127.0.0.1:1"))
    assert not credentials.is_due(datetime.now(UTC) + timedelta(hours=23))
    assert credentials.is_due(datetime(1970, 1, 1, tzinfo=UTC))


def test_membership_that_others_can_read_or_that_is_damaged_is_one_line(tmp_path: Path) -> None:
    assert load(tmp_path) is None
    save(tmp_path, membership("nats://127.0.0.1:1"))
    file = tmp_path / "hub.json"
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        load(tmp_path)
    file.chmod(0o600)
    file.write_text("{}")
    with pytest.raises(SettingsError, match="is damaged"):
        load(tmp_path)
