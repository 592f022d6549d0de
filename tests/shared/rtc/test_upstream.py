"""What is replaced or reached into at aiortc, aioice and pylibsrtp is still what was read when it was written.

Where a digest differs: read what changed there, then the module of `vigie_shared.rtc` named beside it; where that still
holds, write the new digest down. The other tests here say whether it still works; these say where to look first.
"""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, Final

import pylibsrtp
import pytest
from aioice import stun
from aioice.ice import Connection, StunProtocol, relayed_candidate, server_reflexive_candidate
from aioice.turn import TurnClientMixin, TurnTransport
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtcdtlstransport import RTCDtlsTransport, RtpRouter
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpreceiver import StreamStatistics

READ: Final[dict[Callable[..., Any], tuple[str, str]]] = {
    Connection.query_consent: ("liveness", "fe49173a650a378a"),
    Connection.data_received: ("liveness", "5631b17fab717d6b"),
    Connection.check_incoming: ("liveness", "cb3e32bd47e5fa82"),
    Connection.build_request: ("liveness", "cd68d42d3765c2d1"),
    Connection.connect: ("liveness", "da51be46190141ee"),
    Connection.sendto: ("head_start", "bf162ec03bdce2cc"),
    Connection.recvfrom: ("head_start", "676acc01e4a9a9da"),
    Connection.check_complete: ("head_start", "52f939709eabc0ab"),
    Connection.check_start: ("head_start", "7de056d252f46a15"),
    Connection.close: ("liveness", "25dcfac536f5f37c"),
    Connection.get_component_candidates: ("gathering", "118597a9fcb703f9"),
    Connection.gather_candidates: ("gathering", "d33db28d4d1e49ff"),
    relayed_candidate: ("gathering", "271e25be8724ce38"),
    server_reflexive_candidate: ("gathering", "76dd5558471714f7"),
    TurnClientMixin.delete: ("gathering", "8ec62766df8ebb3a"),
    TurnTransport: ("gathering", "c0fe18d7d58ef6b3"),
    Connection.add_remote_candidate: ("connection", "d3a0826c92fa8ce6"),
    StunProtocol.datagram_received: ("liveness", "ff4c8b910d45fb3a"),
    StunProtocol.send_data: ("datagrams", "8bfbce074a897482"),
    RTCPeerConnection.setRemoteDescription: ("connection", "42c5e2eb7ca58b5f"),
    RTCPeerConnection.setLocalDescription: ("connection", "ff409406ce1d3c23"),
    RTCPeerConnection.addIceCandidate: ("connection", "002ee8796ed304f7"),
    RTCRtpTransceiver.setCodecPreferences: ("connection", "2dbea87bf5cadda2"),
    RTCRtpSender.send: ("sender", "3969482b77a2a65f"),
    RTCRtpSender.stop: ("sender", "38c1e92baf8e2997"),
    RTCRtpSender._handle_rtcp_packet: ("sender", "a4ee4c7355f8de7a"),
    RTCRtpSender._retransmit: ("sender", "ae0b2491944b52dc"),
    RTCRtpSender._run_rtp: ("sender", "ff597a1d554cb373"),
    RTCRtpSender._run_rtcp: ("sender", "51e0a924eac4e39b"),
    RTCRtpReceiver.receive: ("receiver", "d6d8d8d7a0bf4e95"),
    RTCRtpReceiver.stop: ("receiver", "63734b6894ce67a5"),
    RTCRtpReceiver._handle_rtp_packet: ("receiver", "4e54983d021a6336"),
    RTCRtpReceiver._handle_rtcp_packet: ("receiver", "ec9f46214c3495b2"),
    RTCRtpReceiver._handle_disconnect: ("receiver", "8dfa058c843f92d5"),
    RTCRtpReceiver._run_rtcp: ("receiver", "0f57daa3218616c0"),
    StreamStatistics: ("receiver", "9cd41a1293758a29"),
    RTCDtlsTransport._send_rtp: ("datagrams", "763b02bceb0b0ab9"),
    RTCDtlsTransport._setup_srtp: ("datagrams", "75cc6ec308f16da1"),
    RTCDtlsTransport._register_rtp_sender: ("sender", "3a963aff6f988bbe"),
    RTCDtlsTransport._register_rtp_receiver: ("receiver", "d35a385b0afb20bf"),
    RTCDtlsTransport._handle_rtp_data: ("receiver", "5def9061cc3da1f6"),
    RTCDtlsTransport._handle_rtcp_data: ("sender", "5469e786d77b37b2"),
    RTCDtlsTransport.start: ("head_start", "3b3522667fe0a3da"),
    RTCPeerConnection._RTCPeerConnection__connect: ("head_start", "9199a73a7cde4776"),  # type: ignore[attr-defined]
    RTCDtlsTransport._do_handshake: ("handshake", "0af5299c33352e6e"),
    RTCDtlsTransport._recv_next: ("handshake", "998076720c05aa13"),
    RTCDtlsTransport._write_ssl: ("handshake", "6573c0237063bdf0"),
    stun.Transaction: ("handshake", "7a9c44cb879be050"),
    RtpRouter.route_rtp: ("receiver", "e4bcc08d181438b7"),
    RtpRouter.route_rtcp: ("refresh", "199bd7e279f1945a"),
    RTCIceTransport._monitor: ("liveness", "f74bb1193339a7b4"),
    RTCIceTransport.start: ("liveness", "54279d028c0eb849"),
    pylibsrtp.Session: ("datagrams", "73f96aee05655c94"),
}


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__qualname__)
def test_what_we_replace_is_what_we_read(function: Callable[..., Any]) -> None:
    module, digest = READ[function]
    assert digest_of(function) == digest, f"{function.__qualname__} changed: is vigie_shared.rtc.{module} still right?"


def digest_of(function: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]


def test_the_names_we_reach_into_are_there() -> None:
    connection = Connection(ice_controlling=True)
    for name in (
        "_nominated",
        "_queue",
        "_protocols",
        "_query_consent_task",
        "_transport_policy",
        "remote_password",
        "_check_list",
        "_closing",
    ):
        assert hasattr(connection, name), name
    session = pylibsrtp.Session(
        pylibsrtp.Policy(key=bytes(30), ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND),
    )
    assert pylibsrtp._binding.lib.srtp_remove_stream(session._srtp[0], 0) != 0, "`_srtp` is no session of libsrtp's"
