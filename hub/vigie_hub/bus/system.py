"""The hub as the one who runs nats-server: changes the fleet's account, asks servers how they are, hears who comes.

All in the system account (docs.nats.io, System events and decentralized JWT authentication).
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vigie_hub.bus.connection import Connection
from vigie_hub.bus.permissions import SYSTEM_INBOX_PREFIX
from vigie_hub.bus.server import VERSION_MIN
from vigie_hub.bus.traffic import Load, Session, Traffic
from vigie_shared.errors import LinkError, SettingsError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)
Said = TypeVar("Said")
SYNC_SECONDS_MAX: Final = 60
_ANSWER_SECONDS: Final = 5.0
_OTHERS_SECONDS: Final = 0.25
"""How much later than the last answer another server of a cluster may give its own."""
_CONNECTIONS_A_PAGE: Final = 500
_LOUDEST: Final = 48
_TRAFFIC: Final = f"{SYSTEM_INBOX_PREFIX}.traffic"
_CONNECTIONS: Final = "$SYS.REQ.SERVER.PING.CONNZ"
"""However few it is asked for, nats-server (2.15) gathers what it knows of all connections of the account: some 5 µs of
its processor for each, and 50 where `auth` is asked too, for then it checks the signature of each one's token again. So
it is asked seldom, and for names only where a connection is not known."""
_LOAD: Final = f"{SYSTEM_INBOX_PREFIX}.load"


class System:
    """Works over a connection in the system account."""

    def __init__(self, connection: Connection, account: str) -> None:
        self._connection = connection
        self._account = account

    @property
    def _client(self) -> Client:
        return self._connection.client

    async def account_token(self) -> str:
        """The account's token as nats-server has it; empty where it has none. Raises LinkError."""
        subject = f"$SYS.REQ.ACCOUNT.{self._account}.CLAIMS.LOOKUP"
        try:
            return (await self._request(subject, b"")).decode()
        except (NatsError, OSError, ValueError) as error:
            raise _unanswered(subject, error) from error

    async def update_account(self, token: str) -> None:
        """Put a new account token in force: who is revoked in it is cut at once. Raises LinkError."""
        answer = await self._ask("$SYS.REQ.CLAIMS.UPDATE", token.encode())
        if answer.get("data", {}).get("code") != 200:
            reason = answer.get("error", {}).get("description", "?")
            raise LinkError(_("nats-server refuses the account: {reason}").format(reason=reason))

    async def check_server(self) -> None:
        """Raise SettingsError where nats-server is too old; say aloud where it puts off writing to its disk."""
        server = (await self._ask("$SYS.REQ.SERVER.PING.VARZ", b"{}")).get("data", {})
        version = str(server.get("version", "?"))
        wanted = ".".join(map(str, VERSION_MIN))
        if _numbers(version) < VERSION_MIN:
            raise SettingsError(
                _("nats-server {version} is too old: Vigie needs {wanted} or newer").format(
                    version=version, wanted=wanted
                )
            )
        jetstream = server.get("jetstream", {}).get("config")
        if not jetstream:
            raise SettingsError(_("nats-server keeps no streams: turn JetStream on (vigie hub nats-config)"))
        sync_seconds = jetstream.get("sync_interval", 0) / 1e9
        if sync_seconds > SYNC_SECONDS_MAX and not jetstream.get("sync_always"):
            log.warning(
                "nats_server_lazy",
                advice="set jetstream.sync_interval to 10s: after a power cut agents send again what was not written",
                sync_interval_seconds=sync_seconds,
            )
        log.info("nats_server_checked", version=version, sync_interval_seconds=sync_seconds)

    async def watch(self, came: Callable[[str, Session], None], went: Callable[[str, Session], None]) -> None:
        """Tell of each connection of the account, by its user's key; the subscriptions outlive reconnects."""

        def listener(tell: Callable[[str, Session], None]) -> Callable[[Msg], Awaitable[None]]:
            async def heard(message: Msg) -> None:
                try:
                    event = json.loads(message.data)
                    tell(event["client"]["user"], (event["server"]["id"], event["client"]["id"]))
                except (ValueError, KeyError, TypeError):
                    log.debug("system_event_not_understood", subject=message.subject)

            return heard

        await self._client.subscribe(f"$SYS.ACCOUNT.{self._account}.CONNECT", cb=listener(came))
        await self._client.subscribe(f"$SYS.ACCOUNT.{self._account}.DISCONNECT", cb=listener(went))

    async def sessions(self, known: Mapping[Session, str]) -> dict[Session, str]:
        """All connections of the account now, at all servers, each with its user's key. Raises LinkError.

        `known` are believed: a server gives a number to one connection only.
        """
        found: dict[Session, str] = {}
        offset = 0
        while True:
            question = {"acc": self._account, "limit": _CONNECTIONS_A_PAGE, "offset": offset}
            numbers = await self._connections(question)
            if all(session in known for session in numbers):
                found |= {session: known[session] for session in numbers}
            else:
                named = await self._connections({**question, "auth": True})
                found |= {session: one["authorized_user"] for session, one in named.items()}
            offset += _CONNECTIONS_A_PAGE
            if len(numbers) < _CONNECTIONS_A_PAGE:  # so no server has more
                return found

    async def _connections(self, question: Mapping[str, object]) -> dict[Session, dict[str, Any]]:
        """One page of each server that answers."""
        try:
            pages = [json.loads(answer)["data"] for answer in await self._request_all(_CONNECTIONS, question)]
            return {(page["server_id"], one["cid"]): one for page in pages for one in page.get("connections") or []}
        except (NatsError, OSError, ValueError, KeyError, TypeError) as error:
            raise _unanswered(_CONNECTIONS, error) from error

    async def _request_all(self, subject: str, question: Mapping[str, object]) -> list[bytes]:
        """The answers of all servers: of a cluster, those that come soon after each other."""
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def came(message: Msg) -> None:
            arrived.put_nowait(message.data)

        subscription = await self._client.subscribe(self._client.new_inbox(), cb=came)
        try:
            await self._client.publish(subject, json.dumps(question).encode(), reply=subscription.subject)
            async with asyncio.timeout(_ANSWER_SECONDS):
                answers = [await arrived.get()]
            with contextlib.suppress(TimeoutError):
                while self._client._server_info.get("cluster"):  # which nats-py 2.16 tells nobody
                    async with asyncio.timeout(_OTHERS_SECONDS):
                        answers.append(await arrived.get())
            return answers
        finally:
            if self._client.is_connected:
                await subscription.unsubscribe()

    async def watch_traffic(
        self, heard: Callable[[list[Traffic]], None], whose: Callable[[Session], str | None]
    ) -> None:
        """Tell what each server of the cluster answers to `ask_traffic`; the subscription outlives reconnects.

        `whose` says which key a connection has; what it does not know of is left out.
        """

        def read(answer: dict[str, Any]) -> list[Traffic]:
            page = answer["data"]
            return [
                Traffic.of(page, one, key)
                for one in page.get("connections") or []
                if (key := whose((page["server_id"], one["cid"])))
            ]

        await self._listen(_TRAFFIC, read, heard)

    async def ask_traffic(self) -> None:
        """Ask what the connections that spoke last have sent: who floods is among them. Raises LinkError."""
        await self._put(_CONNECTIONS, {"acc": self._account, "limit": _LOUDEST, "sort": "last"}, _TRAFFIC)

    async def watch_load(self, heard: Callable[[Load], None]) -> None:
        """Tell what each server answers to `ask_load`; the subscription outlives reconnects."""
        await self._listen(_LOAD, Load.of, heard)

    async def ask_load(self) -> None:
        """Ask what all connections together have sent, which costs nothing. Raises LinkError."""
        await self._put("$SYS.REQ.SERVER.PING.STATSZ", {}, _LOAD)

    async def _listen(
        self, subject: str, read: Callable[[dict[str, Any]], Said], heard: Callable[[Said], None]
    ) -> None:
        """Tell what answers say, as `read` understands them."""

        async def answered(message: Msg) -> None:
            try:
                said = read(json.loads(message.data))
            except (ValueError, KeyError, TypeError):
                log.debug("system_event_not_understood", subject=message.subject)
            else:
                heard(said)

        await self._client.subscribe(subject, cb=answered)

    async def _put(self, subject: str, question: Mapping[str, object], reply: str) -> None:
        """Ask; answers come to whoever listens at `reply`."""
        try:
            await self._client.publish(subject, json.dumps(question).encode(), reply=reply)
        except (NatsError, OSError) as error:
            raise LinkError(str(error) or type(error).__name__) from error

    async def _ask(self, subject: str, payload: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(await self._request(subject, payload))
        except (NatsError, OSError, ValueError) as error:
            raise _unanswered(subject, error) from error
        return answer

    async def _request(self, subject: str, payload: bytes) -> bytes:
        """The answer; ends when it is cancelled, which asyncio 3.11 forgets where the answer is there already.

        `asyncio.wait_for`, in nats-py's `request`, then returns it instead (python/cpython#86296).
        """
        message = await self._client.request(subject, payload, timeout=_ANSWER_SECONDS)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return message.data


def _unanswered(subject: str, error: Exception) -> LinkError:
    reason = str(error) or type(error).__name__
    return LinkError(_("nats-server does not answer {subject}: {reason}").format(subject=subject, reason=reason))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".") if part.isdecimal())
