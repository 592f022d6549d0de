"""Who may say and hear what, tried on a real nats-server: two agents, every shape of subject, both ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.agents import Agent
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_hub.bus import permissions
from vigie_shared import subjects
from vigie_shared.stills import STILL_BYTES_MAX, Still, StillHead, StillWish, decode_reply

SHAPES = (
    *("e.{}.hit", "e.{}.hlt", "e.{}.lpr", "e.{}.>", "p.{}", "w.{}", "r.{}.jwt", "r.{}.>"),
    *("c.{}.cmd", "c.{}.wm", "c.{}.sig.s1", "c.{}.sig.*", "c.{}.still", "c.{}.>", "_I.{}.p.1", "_I.{}.>"),
)
"""Subjects of one agent."""
OTHERS = (
    *("c.all.hl", "c.all.>", "c.*.cmd", "c.>", "e.>", "e.*.lpr", "p.*", "w.*", "r.>", "_I.>"),
    *("_INBOX.>", "_H.x", "_H.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.EVT", "$JS.API.STREAM.DELETE.EVT"),
    *("$JS.API.CONSUMER.CREATE.EVT.x", "$JS.API.>", "$JS.ACK.EVT.projector.1.1.1.1.1", "$JS.FC.EVT.x"),
    *("$KV.HL.a.head", "$KV.>", "$JS.API.DIRECT.GET.KV_HL.$KV.HL.a.head", "$JS.API.DIRECT.GET.EVT.e.b.lpr"),
    *("$JS.API.STREAM.MSG.GET.KV_HL", "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO"),
    *("$SYS.>", ">", "*", "vigie"),
)
"""Subjects that are no single agent's."""
MAY_PUBLISH = {"e.a.hit", "e.a.hlt", "e.a.lpr", "p.a", "w.a", "r.a.jwt", "$JS.API.DIRECT.GET.KV_HL.$KV.HL.a.head"}
MAY_SUBSCRIBE = {
    *("c.a.cmd", "c.a.wm", "c.a.sig.s1", "c.a.sig.*", "c.a.still", "c.a.>", "_I.a.p.1", "_I.a.>"),
    *("c.all.hl", "c.all.>"),
}


def all_subjects() -> list[str]:
    return [shape.format(name) for name in ("a", "b") for shape in SHAPES] + list(OTHERS)


@asynccontextmanager
async def agent_a(folder: Path) -> AsyncIterator[tuple[Site, Agent]]:
    async with open_site(folder, "a", "b") as site, site.agents[0].connected(site.server.url) as agent:
        yield site, agent


async def refusals(agent: Agent) -> list[str]:
    """What nats-server said against what was tried, in order."""
    await settled(agent.client)
    heard, agent.errors = agent.errors, []
    agent.refused.clear()
    return [line.lower() for line in heard]


async def test_permission_matrix_of_what_an_agent_may_say(tmp_path: Path) -> None:
    async with agent_a(tmp_path) as (_site, agent):
        allowed = set()
        for subject in all_subjects():
            if "*" in subject or ">" in subject:
                continue  # nobody can publish to a wildcard: the protocol knows no such thing
            await agent.client.publish(subject, b"{}")
            said = await refusals(agent)
            print(f"a publishes  {subject:45} {'-' if said else 'yes'}")
            if not said:
                allowed.add(subject)
            else:
                assert "permissions violation for publish" in said[0]
    assert allowed == MAY_PUBLISH


async def test_permission_matrix_of_what_an_agent_may_hear(tmp_path: Path) -> None:
    async with agent_a(tmp_path) as (_site, agent):
        allowed = set()
        for subject in all_subjects():
            subscription = await agent.client.subscribe(subject)
            said = await refusals(agent)
            print(f"a subscribes {subject:45} {'-' if said else 'yes'}")
            if said:
                assert "permissions violation for subscription" in said[0]
                continue
            allowed.add(subject)
            await subscription.unsubscribe()
    assert allowed == MAY_SUBSCRIBE


async def test_agent_answers_a_request_once_and_nobody_else_s(tmp_path: Path) -> None:
    async with agent_a(tmp_path) as (site, agent):
        hub: Client = site.connection.client

        async def answer_twice(message: Msg) -> None:
            await message.respond(b"here")
            await message.respond(b"and again")

        await agent.client.subscribe("c.a.cmd", cb=answer_twice)
        await settled(agent.client)
        assert (await hub.request("c.a.cmd", b"?", timeout=10)).data == b"here"
        async with asyncio.timeout(10):
            await agent.refused.wait()
        assert "permissions violation for publish" in agent.errors[0].lower()
        assert "_h." in agent.errors[0].lower()


async def test_a_still_is_answered_by_the_agent_that_was_asked_and_heard_by_nobody_else(tmp_path: Path) -> None:
    still = Still(StillHead(number=1, at=datetime(2026, 3, 1, tzinfo=UTC)), bytes(STILL_BYTES_MAX - 200))
    async with agent_a(tmp_path) as (site, agent), site.agents[1].connected(site.server.url) as other:
        hub: Client = site.connection.client

        async def lie(message: Msg) -> None:
            raise AssertionError(message.subject)

        async def answer(message: Msg) -> None:
            await other.client.publish(message.reply, b"forged")
            await settled(other.client)
            await message.respond(still.encode())

        for subject in (subjects.still("a"), "_H.>", "_INBOX.>"):
            await other.client.subscribe(subject, cb=lie)
        assert len(await refusals(other)) == 3
        await agent.client.subscribe(subjects.still("a"), cb=answer)
        await settled(agent.client)
        reply = await hub.request(subjects.still("a"), StillWish(camera_id="in").model_dump_json().encode(), timeout=30)
        assert decode_reply(reply.data) == still, "whole: it is smaller than what an agent may send at once"
        assert "permissions violation for publish" in (await refusals(other))[0]


async def test_agent_has_no_more_subscriptions_and_no_larger_messages_than_it_needs(tmp_path: Path) -> None:
    async with agent_a(tmp_path) as (_site, agent):
        for number in range(permissions.AGENT_SUBSCRIPTIONS_MAX + 1):
            await agent.client.subscribe(f"c.a.x{number}")
        assert "maximum subscriptions exceeded" in await last_words(agent)
    async with open_site(tmp_path / "other", "a") as site, site.agents[0].connected(site.server.url) as agent:
        await agent.client.publish("e.a.lpr", bytes(permissions.AGENT_PAYLOAD_BYTES_MAX + 1))
        assert "maximum payload violation" in await last_words(agent)


async def last_words(agent: Agent) -> str:
    """Why the connection ended; nats-py calls nobody."""
    async with asyncio.timeout(10):
        while not agent.client.is_closed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return str(agent.client.last_error).lower()


async def test_hub_may_not_do_more_than_its_work_either(tmp_path: Path) -> None:
    errors: list[str] = []
    async with agent_a(tmp_path) as (site, _agent):
        client = site.connection.client
        client._error_cb = _collect(errors)
        for subject in ("e.a.lpr", "$JS.API.STREAM.DELETE.OTHER", "$SYS.REQ.CLAIMS.UPDATE", "p.a"):
            await client.publish(subject, b"{}")
        await settled(client)
    assert len(errors) == 4


def _collect(errors: list[str]):  # type: ignore[no-untyped-def]
    async def failed(error: Exception) -> None:
        errors.append(str(error))

    return failed


def test_design_note_tells_each_right() -> None:
    note = (Path(__file__).parents[3] / "docs" / "design" / "enrolment.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in note.splitlines() if line.startswith("| ")]
    told = {cell.split("`")[1] for row in rows for cell in row if cell.startswith(" `")}
    assert told == {*permissions.agent_may_publish("a"), *permissions.agent_may_subscribe("a")}


def test_template_is_the_documented_one_with_the_name_left_open() -> None:
    template = permissions.agent_template()
    assert [subject.replace("{{name()}}", "a") for subject in template["pub"]["allow"]] == (
        permissions.agent_may_publish("a")
    )
    assert subjects.HOTLIST_DIRECT_GET in template["pub"]["allow"]
