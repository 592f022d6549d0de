"""Many packets leave in one call; where that cannot be, they leave one by one, and nothing is lost."""

import errno
import socket

import pytest

from tests.shared.rtc.pairs import connected, group, keyframe
from vigie_shared.rtc import datagrams
from vigie_shared.rtc.datagrams import PACKETS_MAX
from vigie_shared.rtc.h264 import nal_units


def watched(monkeypatch: pytest.MonkeyPatch, error: int = 0) -> list[int]:
    """How many packets each call was given; with `error`, the kernel refuses."""
    calls: list[int] = []
    send = datagrams._send_segments

    def send_segments(sock: socket.socket, packets: memoryview, packet_bytes: int, address: tuple[str, int]) -> None:
        calls.append(-(-len(packets) // packet_bytes))
        if error:
            raise OSError(error, "refused")
        send(sock, packets, packet_bytes, address)

    monkeypatch.setattr(datagrams, "_send_segments", send_segments)
    return calls


@pytest.mark.skipif(not hasattr(socket, "SO_INCOMING_CPU"), reason="only Linux cuts datagrams apart")
async def test_the_packets_of_a_frame_leave_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected() as pair:
        calls = watched(monkeypatch)
        pair.sender.send_frame(keyframe(0, 30_000))
        (frame,) = await pair.received(1)
        assert calls == [len(frame.payloads) - 1]  # the parameter sets are shorter, and leave before them


async def test_a_frame_of_more_packets_than_one_call_takes_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected() as pair:
        pair.sender.send_frame(keyframe(0, 150_000))
        (frame,) = await pair.received(1)
        assert len(frame.payloads) > 2 * PACKETS_MAX
        assert list(nal_units(frame.data)) == list(nal_units(keyframe(0, 150_000).data))


@pytest.mark.parametrize(("error", "tries"), [(errno.EINVAL, 1), (errno.EIO, 1), (errno.EAGAIN, 5)])
async def test_where_the_kernel_refuses_packets_leave_one_by_one(
    error: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For good where it never can; once where its buffer was full."""
    async with connected() as pair:
        calls = watched(monkeypatch, error)
        for frame in group(5):
            pair.sender.send_frame(frame)
        received = await pair.received(5)
        assert [list(nal_units(frame.data)) for frame in received] == [list(nal_units(f.data)) for f in group(5)]
        assert len(calls) == tries


async def test_a_payload_that_fits_no_datagram_is_refused() -> None:
    async with connected() as pair:
        with pytest.raises(ValueError, match="too long"):
            pair.sender.send_packets([b"\x65" * 3000], 0, is_keyframe=True)


async def test_without_a_connection_nothing_is_written() -> None:
    async with connected() as pair:
        writer = pair.sender._writer
        await pair.agent.close()
        with pytest.raises(ConnectionError):
            writer.write_rtcp(b"\x80\xc9\0\1\0\0\0\0")
