"""The hub's side of enrolment and renewal: checks what an agent says, and answers with what it needs, sealed."""

import base64
import binascii
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from vigie_hub.bus.certificates import Certificates
from vigie_hub.bus.trust import Trust
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import public_key_of, redeem, revocations
from vigie_hub.fleet.suspensions import suspended_seconds
from vigie_hub.keys import KeyPair
from vigie_hub.settings import HubSettings
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.enrolment import Membership, Wish, seal
from vigie_shared.errors import CommandError, StoreError, WireError
from vigie_shared.keys import raw_public_key

log = structlog.get_logger(__name__)
_QUEUE: Final = "hub"


class SuspendedError(Exception):
    """An agent that flooded the bus is kept out for so many seconds yet."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"suspended for {seconds} s")
        self.seconds = seconds


class Admission:
    """Answers agents, over HTTPS and over the bus."""

    def __init__(
        self,
        settings: HubSettings,
        database: Database,
        trust: Trust,
        certificates: Certificates,
        receipts: KeyPair,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._trust = trust
        self._certificates = certificates
        self._receipts = receipts
        self._clock = clock
        self.on_admitted: Callable[[], Awaitable[None]] | None = None
        """Called when an agent was enrolled."""

    def authority(self) -> str:
        """The certificate authority of this hub, PEM; a code's fingerprint vouches for it."""
        return self._certificates.authority_pem()

    async def redeem(self, wish: Wish) -> bytes | None:
        """A membership for whoever brings a code that counts; None otherwise. Raises CommandError, StoreError."""
        if not _is_own_key(wish):
            return None
        now = self._clock.now()
        secret = bytes.fromhex(wish.secret)
        self._check_addresses()  # before the code is spent

        def change(connection: sqlite3.Connection) -> bool:
            return redeem(connection, wish.agent_id, secret, wish.public_key, now)

        if not await self._database.write(change):
            return None
        if self.on_admitted is not None:
            await self.on_admitted()
        return await self._membership(wish.agent_id, wish.public_key)

    async def renew(self, wish: Wish) -> bytes | None:
        """A fresh membership for an agent that is still enrolled with that key; None otherwise.

        Raises StoreError, and SuspendedError where it is kept out for now.
        """
        if not _is_own_key(wish):
            return None
        now = self._clock.now()
        known = await self._database.read(lambda connection: public_key_of(connection, wish.agent_id))
        seconds = await self._database.read(lambda connection: suspended_seconds(connection, wish.public_key, now))
        if known == wish.public_key and seconds:
            raise SuspendedError(seconds)
        return await self._membership(wish.agent_id, wish.public_key) if known == wish.public_key else None

    async def listen(self, client: Client) -> None:
        """Renew over the bus too; the subscription outlives reconnects."""
        await client.subscribe(subjects.renewal("*"), queue=_QUEUE, cb=self._asked)

    async def _asked(self, message: Msg) -> None:
        """The subject says who asks, vouched for by nats-server; a wish of someone else is nobody's."""
        agent_id = subjects.agent_of(message.subject)
        try:
            wish = Wish.model_validate_json(message.data)
            if wish.agent_id != agent_id:
                raise WireError(f"renewal on the subject of {agent_id} claims to be of {wish.agent_id}")
            sealed = await self.renew(wish)
            if sealed is not None:
                await message.respond(sealed)
        except (ValueError, WireError, CommandError, StoreError, SuspendedError) as error:
            log.warning("renewal_refused", agent_id=agent_id, reason=_first_line(error))
        except NatsError as error:
            log.debug("renewal_unanswered", agent_id=agent_id, reason=str(error))

    async def _membership(self, agent_id: str, public_key: str) -> bytes:
        now = self._clock.now()
        revoked = await self._database.read(lambda connection: revocations(connection, now))
        membership = Membership(
            agent_id=agent_id,
            hub_key=self._receipts.public_key,
            token=self._trust.agent_token(agent_id, public_key, revoked.get(public_key, 0)),
            nats_url=self._settings.agents_url,
            nats_urls_more=self._settings.nats.agents_urls_more,
            api_url=self._settings.api_url,
            authority=self.authority(),
        )
        return seal(membership, self._receipts)

    def _check_addresses(self) -> tuple[str, str]:
        return self._settings.agents_url, self._settings.api_url


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _is_own_key(wish: Wish) -> bool:
    """Whether whoever asks holds the key that the wish names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(raw_public_key(wish.public_key))
        signature = base64.urlsafe_b64decode(wish.signature + "=" * (-len(wish.signature) % 4))
        bytes.fromhex(wish.secret)
        key.verify(signature, wish.signed_text())
    except (WireError, InvalidSignature, binascii.Error, ValueError):
        return False
    return wish.public_key.startswith("U")
