"""Enrolment over the API, by strangers: a code speaks for them, or a key that is enrolled."""

import secrets

import httpx
import nkeys
import pytest

from tests.hub.api.stage import Stage
from vigie_agent.credentials import signed_wish
from vigie_agent.keys import AgentKey
from vigie_hub.fleet.enrolment import make_code
from vigie_shared.enrolment import fingerprint, read_unverified

WISH = "/api/v1/enrolment"


def new_key() -> AgentKey:
    return AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())


async def code_for(hub: Stage, agent_id: str) -> bytes:
    now = hub.clock.now()
    return await hub.database.write(lambda connection: make_code(connection, agent_id, now, 1, "amal"))


async def test_code_is_spent_once_and_then_the_key_renews(hub: Stage, stranger: httpx.AsyncClient) -> None:
    key, secret = new_key(), await code_for(hub, "gate-1")
    wish = signed_wish(key, "gate-1", secret).model_dump()
    answer = await stranger.post(WISH, json=wish)
    assert answer.status_code == 200
    given, _envelope = read_unverified(answer.content)
    authority = (await stranger.get(f"{WISH}/authority")).text
    assert fingerprint(given.authority) == fingerprint(authority)
    again = await stranger.post(WISH, json=wish)
    assert (again.status_code, again.json()["code"]) == (403, "not-admitted")
    renewal = await stranger.post(f"{WISH}/renewal", json=signed_wish(key, "gate-1").model_dump())
    renewed, _envelope = read_unverified(renewal.content)
    assert renewed.hub_key == given.hub_key


async def test_wish_without_the_key_s_signature_spends_no_code(hub: Stage, stranger: httpx.AsyncClient) -> None:
    key, thief, secret = new_key(), new_key(), await code_for(hub, "gate-1")
    good = signed_wish(key, "gate-1", secret)
    forged = signed_wish(thief, "gate-1", secret).model_copy(update={"public_key": key.public_key})
    for wish in (forged, good.model_copy(update={"signature": ""}), good.model_copy(update={"secret": "zz"})):
        assert (await stranger.post(WISH, json=wish.model_dump())).status_code == 403
    assert (await stranger.post(WISH, json=good.model_dump())).status_code == 200


async def test_whoever_guesses_waits_longer_and_longer(hub: Stage, stranger: httpx.AsyncClient) -> None:
    secret = await code_for(hub, "gate-1")
    guesses = [
        await stranger.post(WISH, json=signed_wish(new_key(), "gate-1", secrets.token_bytes(10)).model_dump())
        for _guess in range(12)
    ]
    assert [guess.status_code for guess in guesses][:10] == [403] * 10
    assert (guesses[-1].status_code, guesses[-1].json()["code"]) == (429, "too-many-requests")
    assert int(guesses[-1].headers["retry-after"]) > 0
    right = signed_wish(new_key(), "gate-1", secret).model_dump()
    assert (await stranger.post(WISH, json=right)).status_code == 429
    hub.clock.advance(3600)
    assert (await stranger.post(WISH, json=right)).status_code == 403  # the hour of the code is over, too


@pytest.mark.parametrize("change", [{"agent_id": "a.b"}, {"public_key": "U"}, {"secret": "0" * 65}, {"more": 1}])
async def test_malformed_wish_is_not_understood(stranger: httpx.AsyncClient, change: dict[str, object]) -> None:
    wish = {**signed_wish(new_key(), "gate-1").model_dump(), **change}
    assert (await stranger.post(WISH, json=wish)).status_code == 422


async def test_nothing_else_opens_to_strangers(stranger: httpx.AsyncClient) -> None:
    for path in (f"{WISH}/", f"{WISH}/authority/", f"{WISH}/x", "/api/v1/agents"):
        assert (await stranger.get(path)).status_code in (401, 404)
