"""`vigie hub enrol`, `revoke`, `nats-config` and `operator-seed`: who may come to this hub."""

import asyncio
import getpass
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from vigie_hub import logs
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.system import System
from vigie_hub.database import Database, iso
from vigie_hub.fleet.enrolment import CODE_HOURS, make_code, revocations, revoke
from vigie_hub.fleet.oversight import push_account
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_shared.clock import SystemClock
from vigie_shared.enrolment import Code
from vigie_shared.errors import LinkError, StoreError
from vigie_shared.i18n import gettext as _

CONNECT_SECONDS: Final = 5.0
app = typer.Typer(rich_markup_mode=None)

SettingsFile = Annotated[Path, typer.Option("--settings", help=_("The hub's settings, TOML."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]
AgentId = Annotated[str, typer.Argument(help=_("The agent's id."))]


def operator() -> str:
    """Who is at the command line, for the audit."""
    return f"cli:{getpass.getuser()}"


@app.command("enrol", help=_("Print a code that lets one agent in, once: vigie agent enrol CODE"))
def enrol_agent(
    agent_id: AgentId,
    settings: SettingsFile,
    valid_hours: Annotated[float, typer.Option("--valid-hours", help=_("How long the code counts."))] = CODE_HOURS,
    as_json: AsJson = False,
) -> None:
    """Print a code."""
    code, expires_at = new_code(HubSettings.load(settings), agent_id, valid_hours)
    if as_json:
        print(json.dumps({"agent_id": agent_id, "code": str(code), "expires_at": iso(expires_at)}))
    else:
        print(code)
        typer.echo(_("counts once, until {at}").format(at=iso(expires_at)), err=True)


def new_code(settings: HubSettings, agent_id: str, valid_hours: float) -> tuple[Code, datetime]:
    """A code for `agent_id`, and until when it counts. Raises CommandError, StoreError."""
    url, _nats_url = settings.api_url, settings.agents_url  # both are needed when it is used
    fingerprint = Identity.of(settings).certificates.fingerprint()
    now = SystemClock().now()
    with Database(settings.database_path) as database:
        secret = database.write_now(lambda connection: make_code(connection, agent_id, now, valid_hours, operator()))
    return Code(agent_id, url, fingerprint, secret), now + timedelta(hours=valid_hours)


@app.command("revoke", help=_("Trust an agent no longer and end its session at once; what it told stays."))
def revoke_agent(agent_id: AgentId, settings: SettingsFile, as_json: AsJson = False) -> None:
    """Trust an agent no longer."""
    logs.configure()
    reason = asyncio.run(_revoke(HubSettings.load(settings), agent_id))
    if as_json:
        print(json.dumps({"agent_id": agent_id, "revoked": True, "told_nats_server": reason is None}))
        return
    print(_("{agent_id} is revoked; a new code lets it in again: vigie hub enrol").format(agent_id=agent_id))
    if reason is not None:
        typer.echo(_("nats-server will hear of it from the running hub: {reason}").format(reason=reason), err=True)


async def _revoke(settings: HubSettings, agent_id: str) -> LinkError | None:
    """Revoke, then tell nats-server; returns why that did not work, where it did not."""
    clock = SystemClock()
    identity = await asyncio.to_thread(Identity.of, settings, clock)
    async with Database(settings.database_path) as database:
        now = clock.now()
        await database.write(lambda connection: revoke(connection, agent_id, now, operator()))
        context = identity.certificates.client_context()
        connection = Connection(settings.nats.url, identity.trust.system_login(), context, quiet=True)
        try:
            await asyncio.wait_for(connection.connect(), CONNECT_SECONDS)
            system = System(connection, identity.trust.account)
            await push_account(system, database, identity.trust, clock, settings.nats.stream_bytes_max)
        except TimeoutError:
            return LinkError(_("no nats-server answers at {url}").format(url=settings.nats.url))
        except LinkError as error:
            return error
        finally:
            await connection.close()
    return None


@app.command("nats-config", help=_("Write the configuration of a nats-server of your own."))
def write_nats_configuration(
    settings: SettingsFile,
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write."))],
    as_json: AsJson = False,
) -> None:
    """Write the configuration of a nats-server of your own."""
    loaded = HubSettings.load(settings)
    identity = Identity.of(loaded)
    now = SystemClock().now()
    with Database(loaded.database_path) as database:
        revoked = database.read_now(lambda connection: revocations(connection, now))
    configuration = nats_configuration(loaded, identity.trust, revoked, identity.certificates)
    try:
        output.write_text(configuration.text(), encoding="utf-8")
    except OSError as error:
        raise StoreError(_("{path}: {reason}").format(path=output, reason=error.strerror)) from error
    print(json.dumps({"path": str(output)}) if as_json else output)


@app.command(
    "operator-seed",
    help=_(
        "Move the operator's seed out of the hub's folder, to be kept offline; it is needed again only to replace "
        "a signing key that was lost or stolen."
    ),
)
def put_operator_away(
    settings: SettingsFile,
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to move it to."))],
    as_json: AsJson = False,
) -> None:
    """Move the operator's seed away."""
    Identity.of(HubSettings.load(settings)).trust.put_operator_away(output)
    print(json.dumps({"path": str(output)}) if as_json else output)
