"""What an agent has of its hub after enrolment, made without a code and without a network."""

from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_shared.enrolment import Membership


def membership(settings: HubSettings, identity: Identity, agent_id: str, public_key: str) -> Membership:
    """As the hub would answer a code; the agent must be enrolled for it to be believed."""
    return Membership(
        agent_id=agent_id,
        hub_key=identity.receipts.public_key,
        token=identity.trust.agent_token(agent_id, public_key),
        nats_url=settings.agents_url,
        api_url="http://127.0.0.1:1",
        authority=identity.certificates.authority_pem(),
    )
