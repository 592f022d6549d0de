"""Whether this agent has a hub: waits for its enrolment, and notices when it is enrolled elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from vigie_agent import credentials
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey
from vigie_shared.enrolment import Membership
from vigie_shared.errors import SettingsError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 2.0


def load(data_dir: Path, agent_id: str) -> Membership | None:
    """The membership of agent `agent_id`; None before enrolment. Raises SettingsError where it is another agent's."""
    found = credentials.load(data_dir)
    if found is not None and found.agent_id != agent_id:
        raise SettingsError(
            _(
                "{data_dir} is enrolled as agent {enrolled}, the settings say {agent_id}: "
                "each agent has a data_dir of its own"
            ).format(data_dir=data_dir, enrolled=found.agent_id, agent_id=agent_id)
        )
    return found


async def follow(data_dir: Path, agent_id: str, key: AgentKey, serve: Callable[[Credentials], Awaitable[None]]) -> None:
    """Run `serve` for as long as the hub stays the same, from enrolment on, until cancelled."""
    while True:
        found = await _enrolled(data_dir, agent_id)
        log.info("enrolled", hub=found.nats_url)
        serving = asyncio.ensure_future(serve(Credentials(data_dir, key, found)))
        leaving = asyncio.ensure_future(_another_hub(data_dir, found.hub_key))
        try:
            await asyncio.wait([serving, leaving], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        finally:
            serving.cancel()
            leaving.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)
        log.info("enrolled at another hub: following it")


async def _enrolled(data_dir: Path, agent_id: str) -> Membership:
    """Returns once the folder holds a membership."""
    while True:
        found = await asyncio.to_thread(load, data_dir, agent_id)
        if found is not None:
            return found
        await asyncio.sleep(LOOK_SECONDS)


async def _another_hub(data_dir: Path, hub_key: str) -> None:
    """Returns when the folder says so."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            found = await asyncio.to_thread(credentials.load, data_dir)
        except SettingsError as error:
            log.debug("enrolment not readable", reason=str(error))
            continue
        if found is not None and found.hub_key != hub_key:
            return
