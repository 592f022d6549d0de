"""aiortc reads the header extensions that are written here."""

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, unpack_header_extensions

from vigie_shared.rtc.connection import make_connection
from vigie_shared.rtc.extensions import Extensions, ntp_time, show_at_once

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
NEGOTIATED = [
    RTCRtpHeaderExtensionParameters(id=1, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
    RTCRtpHeaderExtensionParameters(id=3, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
]


@pytest.mark.parametrize("seconds", [0.0, 63.999, 64.25, 1_000_000.5])
def test_the_time_of_sending_and_the_name_are_read_back(seconds: float) -> None:
    written = Extensions(NEGOTIATED, "video-0").at(seconds)
    values = aiortc_reads(written)
    assert values.mid == "video-0"
    assert values.abs_send_time == int(seconds % 64 * 2**18)
    assert len(written) % 4 == 0


def test_the_name_goes_once_the_peer_was_heard() -> None:
    extensions = Extensions(NEGOTIATED, "0")
    extensions.heard()
    values = aiortc_reads(extensions.at(1.0))
    assert (values.mid, values.abs_send_time) == (None, 1 << 18)


def test_nothing_is_written_where_nothing_was_negotiated() -> None:
    assert Extensions([], "0").at(1.0) == b""


async def test_a_browser_is_asked_to_show_pictures_at_once_where_it_offered_to() -> None:
    connection = make_connection()
    transceiver = connection.addTransceiver("video")
    transceiver._headerExtensions = list(NEGOTIATED)
    show_at_once(transceiver, f"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=extmap:5 {PLAYOUT_DELAY}\r\n")
    assert [one.id for one in transceiver._headerExtensions] == [1, 3, 5]
    await connection.close()
    written = Extensions(transceiver._headerExtensions, "0").at(1.0)
    elements = dict(unpack_header_extensions(0xBEDE, written[4:]))
    assert elements[5] == bytes(3), "at least and at most no delay"
    assert aiortc_reads(written).abs_send_time == 1 << 18


async def test_a_browser_that_did_not_offer_it_is_not_asked() -> None:
    connection = make_connection()
    transceiver = connection.addTransceiver("video")
    transceiver._headerExtensions = list(NEGOTIATED)
    show_at_once(transceiver, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
    await connection.close()
    assert transceiver._headerExtensions == NEGOTIATED


def test_ntp_counts_from_1900() -> None:
    assert ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)


def aiortc_reads(written: bytes) -> HeaderExtensions:
    table = HeaderExtensionsMap()
    table.configure(RTCRtpParameters(headerExtensions=NEGOTIATED))
    return table.get(int.from_bytes(written[:2], "big"), written[4:])
