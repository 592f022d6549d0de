"""Films as packets."""

from datetime import timedelta
from pathlib import Path

from tests.agent.capture.cameras import AT
from vigie_agent.capture.address import Address
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.session import Session
from vigie_agent.capture.timeline import Timeline


def packets_of(film: Path) -> tuple[StreamInfo, list[Packet]]:
    """All of `film`, as if its packets came in time."""
    timeline = Timeline()
    packets: list[Packet] = []
    with Session(Address("file", str(film)), 5) as session:
        for raw in session.packets():
            since = packets[-1].position_seconds if packets else 0.0
            packets.append(timeline.stamp(raw, AT + timedelta(seconds=since)))
        assert session.info is not None
        return session.info, packets
