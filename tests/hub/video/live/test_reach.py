"""Live video past firewalls: agent, hub and viewer in networks that let through only what a rule names."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.hub.video.live.reach_stage import AGENT, HUB, NATS, TURN, VIEWER, Part, Stage, staged
from tests.hub.video.live.test_watching import watching_hub
from tests.hub.video.live_agents import TestViewer
from tests.links.star import ANY, Passed, Rule
from tests.servers.turn_server import SECRET, turn_server
from vigie_shared.ice import IceServers

PAYLOAD_BYTES_MAX = 1100
ENOUGH_FRAMES = 60
"""More than what was on its way when the rules changed."""


@pytest.mark.parametrize("road", ["udp", "tcp", "tls"])
async def test_a_viewer_is_answered_from_a_relay_too(connection: Client, tmp_path: Path, road: str) -> None:
    viewer = TestViewer()
    async with turn_server(tmp_path) as turn:
        ice = IceServers((turn.url(road),), SECRET, turn.authority)
        async with watching_hub(connection, tmp_path, ice=ice) as hub:
            watched = await hub.show(viewer)
            assert " typ relay " in watched.sdp
            name = watched.ice_servers[0].username
            assert name is not None
            assert name.endswith(watched.viewing_id)
            await viewer.close()


@pytest.mark.timeout(600)
async def test_a_view_finds_another_way_whenever_a_firewall_takes_the_one_it_had(tmp_path: Path) -> None:
    """The same three processes all along; all roads to the TURN server are named from the beginning."""
    async with staged(tmp_path, ANY) as stage:
        assert stage.turn is not None
        tls: Rule = ("tcp", stage.turn.tls_port, TURN)
        _hub, _agent, viewer = await stage.begin_all(["udp", "tcp", "tls"])

        seen = await _seen(stage, viewer, ANY)
        assert {frozenset((AGENT, HUB)), frozenset((HUB, VIEWER))} <= seen.ways("udp")

        # Both ends of both connections reach nobody but the relay.
        seen = await _seen(stage, viewer, [NATS, ("udp", stage.turn.port, TURN)])
        assert {frozenset((TURN, end)) for end in (HUB, AGENT, VIEWER)} == seen.ways("udp")

        seen = await _seen(stage, viewer, [NATS, ("tcp", stage.turn.port, TURN)])
        assert not seen.ways("udp")
        assert {frozenset((TURN, end)) for end in (HUB, AGENT, VIEWER)} <= seen.ways("tcp")

        seen = await _seen(stage, viewer, [NATS, tls])
        assert not seen.ways("udp")
        assert any(name.startswith(f"udp {AGENT}") for name in seen.refused)

        # A firewall around the agent alone.
        seen = await _seen(stage, viewer, [NATS, (*tls, AGENT), ("udp", None, TURN, HUB), ("udp", None, HUB, VIEWER)])
        assert frozenset((HUB, VIEWER)) in seen.ways("udp")
        assert not any(AGENT in way for way in seen.ways("udp"))


@pytest.mark.timeout(600)
async def test_a_view_comes_back_by_itself_after_the_agent_got_another_address(tmp_path: Path) -> None:
    elsewhere = "10.78.0.13"
    async with staged(tmp_path, ANY, with_turn=False) as stage:
        _hub, _agent, viewer = await stage.begin_all()
        await viewer.says("frames", over=ENOUGH_FRAMES)
        await stage.sea.move(stage.island("agent"), AGENT, elsewhere)
        seen = await _seen(stage, viewer, ANY)
    assert frozenset((elsewhere, HUB)) in seen.ways("udp")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
@pytest.mark.timeout(600)
async def test_where_there_is_only_ipv6_video_comes_by_it(tmp_path: Path) -> None:
    addresses = [f"fd78::{number}" for number in range(1, 5)]
    async with staged(tmp_path, ANY, addresses=addresses, with_turn=False) as stage:
        _hub, _agent, viewer = await stage.begin_all()
        seen = await _seen(stage, viewer, ANY)
    _turn, hub, agent, viewer_at = addresses
    assert {frozenset((agent, hub)), frozenset((hub, viewer_at))} <= seen.ways("udp")


async def _seen(stage: Stage, viewer: Part, rules: Sequence[Rule]) -> Passed:
    """What passed once video came by those rules; no packet of it had a larger payload than fits every tunnel."""
    await stage.sea.allow(rules)
    await viewer.says("frames", over=viewer.frames + ENOUGH_FRAMES)
    seen = await stage.sea.passed()
    assert seen.rtp_payload_bytes_max <= PAYLOAD_BYTES_MAX
    assert bool(seen.rtp_payload_bytes_max) is bool(seen.ways("udp"))
    return seen
