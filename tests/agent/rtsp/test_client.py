from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.rtsp.conversations import (
    SETS,
    URL,
    answer,
    answers,
    asked,
    frame,
    hearing,
    packets,
    playing,
    rtp,
)
from tests.media.films import make_film, walk
from tests.media.rtsp import describe, read_film, sender_report
from vigie_agent.capture import nal
from vigie_agent.capture.packets import Codec
from vigie_agent.rtsp.client import RtspClient
from vigie_agent.rtsp.errors import (
    LoginError,
    MissingStreamError,
    ProtocolError,
    RefusedError,
    RtspError,
    UnsupportedError,
)
from vigie_agent.rtsp.location import Location

IDR = b"\x65\x88\x80\x10"


def test_it_asks_step_by_step_and_only_for_the_video() -> None:
    client = RtspClient(Location.parse("rtsp://admin:secret@10.0.0.1/live?channel=1"))
    said = asked(client)
    for part in answers():
        hearing(client, part)
        said += asked(client)
    assert said == [
        "OPTIONS rtsp://10.0.0.1/live?channel=1 RTSP/1.0",
        "DESCRIBE rtsp://10.0.0.1/live?channel=1 RTSP/1.0",
        "SETUP rtsp://10.0.0.1/live/track1 RTSP/1.0",
        "PLAY rtsp://10.0.0.1/live/ RTSP/1.0",
    ]
    assert client.step == "playing"
    assert client.session_seconds == 30


def test_the_session_is_kept_alive_as_the_server_can_and_left_in_order() -> None:
    client = playing()
    client.keep_alive()
    assert asked(client) == ["GET_PARAMETER rtsp://10.0.0.1/live/ RTSP/1.0"]
    hearing(client, answer(5))
    client.tear_down()
    assert asked(client) == ["TEARDOWN rtsp://10.0.0.1/live/ RTSP/1.0"]


def test_a_session_that_the_server_forgot_is_an_error() -> None:
    client = playing()
    client.keep_alive()
    with pytest.raises(RefusedError, match="session has ended"):
        hearing(client, answer(5, status="454 Session Not Found"))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_picture_of_a_film_arrives_as_it_was_sent_however_the_bytes_are_cut(codec: Codec, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2, codec={"h264": "libx264", "hevc": "libx265"}[codec])
    _codec, pictures, sets, _loop = read_film(film)
    stream = b"".join(map(frame, packets(pictures, codec)))

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(1, 4000), min_size=1, max_size=50))
    def cut(sizes: list[int]) -> None:
        client, at, got, turn = playing(sets, codec), 0, [], 0
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            got += hearing(client, stream[at : at + size])
            at, turn = at + size, turn + 1
        assert [nal.nal_units(picture.data) for picture in got] == [list(picture.units) for picture in pictures]
        assert [picture.ticks for picture in got] == [picture.ticks for picture in pictures]
        assert [index for index, picture in enumerate(got) if picture.is_keyframe] == [0, 10]

    cut()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400), st.booleans())
def test_whatever_is_sent_raises_nothing_but_rtsp_errors(noise: bytes, is_playing: bool) -> None:
    client = playing() if is_playing else RtspClient(Location.parse(URL))
    try:
        for _time in range(3):
            hearing(client, noise)
    except RtspError:
        return
    assert len(client.outgoing()) < 100_000


@settings(deadline=None, max_examples=300)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=30))
def test_whatever_payloads_come_end_nothing(payloads: list[bytes]) -> None:
    client = playing()
    for number, payload in enumerate(payloads):
        hearing(client, frame(rtp(payload, number, number // 3 * 3600, first=0x80 | payload[0] & 0x3F)))
    after = b"".join(
        frame(rtp(unit, 1000 + index, 10**6, marker=index == 2)) for index, unit in enumerate([*SETS, IDR])
    )
    got = hearing(client, after + frame(rtp(b"\x41\x9a", 1003, 10**6 + 3600)))
    assert [nal.nal_units(picture.data) for picture in got][-2:] == [[*SETS, IDR], [b"\x41\x9a"]]


def test_the_password_is_proved_only_when_asked_for() -> None:
    client = RtspClient(Location.parse("rtsp://admin:s3cret@10.0.0.1/live"))
    assert b"Authorization" not in client.outgoing()
    hearing(client, answer(1, 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"', status="401 Unauthorized"))
    proved = client.outgoing()
    assert b'Authorization: Digest username="admin"' in proved
    assert b"s3cret" not in proved


def test_a_password_that_is_refused_is_not_tried_again_and_again() -> None:
    client = RtspClient(Location.parse("rtsp://admin:s3cret@10.0.0.1/live"))
    refusal = 'WWW-Authenticate: Digest realm="r", nonce="n"'
    hearing(client, answer(1, refusal, status="401 Unauthorized"))
    with pytest.raises(LoginError):
        hearing(client, answer(2, refusal, status="401 Unauthorized"))


def test_a_server_that_calls_every_nonce_stale_is_given_up() -> None:
    client = RtspClient(Location.parse("rtsp://admin:s3cret@10.0.0.1/live"))
    refused = 0
    while refused < 100:
        refused += 1
        stale = f'WWW-Authenticate: Digest realm="r", nonce="{refused}", stale=true'
        try:
            hearing(client, answer(refused, stale, status="401 Unauthorized"))
        except LoginError:
            break
    assert 1 < refused < 10


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("401 Unauthorized", LoginError),
        ("403 Forbidden", LoginError),
        ("404 Not Found", MissingStreamError),
        ("461 Unsupported Transport", UnsupportedError),
        ("503 Service Unavailable", RefusedError),
    ],
)
def test_refusals_are_told_apart(status: str, error: type[RtspError]) -> None:
    client = RtspClient(Location.parse(URL))
    hearing(client, answers()[0])
    with pytest.raises(error):
        hearing(client, answer(2, status=status))


def test_a_server_that_knows_no_options_is_still_asked_to_describe() -> None:
    client = RtspClient(Location.parse(URL))
    hearing(client, answer(1, status="501 Not Implemented"))
    assert asked(client)[-1].startswith("DESCRIBE")


@pytest.mark.parametrize(
    ("location", "host", "user"),
    [
        ("rtsp://10.0.0.1:8554/other", "10.0.0.1", "admin"),
        ("/other", "10.0.0.1", "admin"),
        ("rtsp://10.0.0.2/other", "10.0.0.2", None),
    ],
)
def test_a_redirection_takes_the_password_to_the_same_host_only(location: str, host: str, user: str | None) -> None:
    client = RtspClient(Location.parse("rtsp://admin:s3cret@10.0.0.1/live"))
    hearing(client, answer(1, f"Location: {location}", status="302 Moved Temporarily"))
    assert client.redirect is not None
    assert (client.redirect.host, client.redirect.user) == (host, user)
    assert client.redirect.target.endswith("/other")


def test_another_transport_or_codec_is_left_to_ffmpeg() -> None:
    for index, said in [
        (2, answer(3, "Session: 1", "Transport: RTP/AVP;unicast;client_port=5000-5001")),
        (1, answer(2, body="v=0\r\nm=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n")),
        (1, answer(2, body=describe("h264", SETS).replace("packetization-mode=1", "packetization-mode=2"))),
    ]:
        client = RtspClient(Location.parse(URL))
        for part in answers()[:index]:
            hearing(client, part)
        with pytest.raises(UnsupportedError):
            hearing(client, said)


def test_the_server_s_own_requests_are_answered() -> None:
    client = playing()
    hearing(client, b"OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\nPLAY_NOTIFY * RTSP/1.0\r\nCSeq: 78\r\n\r\n")
    assert client.outgoing() == (b"RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\nRTSP/1.0 501 Not Implemented\r\nCSeq: 78\r\n\r\n")


def test_what_is_no_rtsp_is_an_error_and_heads_and_bodies_are_bounded() -> None:
    with pytest.raises(ProtocolError, match="neither a packet nor a message"):
        hearing(playing(), b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ProtocolError, match="head without end"):
        hearing(playing(), b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 10_000)
    with pytest.raises(ProtocolError, match="no sane length"):
        hearing(playing(), b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n")


def test_reports_give_the_camera_s_time_of_each_picture() -> None:
    client = playing()
    hearing(client, frame(sender_report(1_800_000_000.5, 90_000), channel=1))
    assert client.report is not None
    assert client.report.unix_seconds_at(180_000, 90_000) == pytest.approx(1_800_000_001.5)
    hearing(client, frame(b"\x80\xc8\x00", channel=1))
    assert client.report is not None


def test_channels_that_the_server_chose_are_heeded_and_others_ignored() -> None:
    client = RtspClient(Location.parse(URL))
    said = answers()
    said[2] = answer(3, "Session: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=4-5")
    for part in said:
        hearing(client, part)
    picture = rtp(IDR, 0, 0)
    assert hearing(client, frame(picture)) == []
    assert len(hearing(client, frame(picture, channel=4))) == 1


def test_control_urls_and_sessions_that_would_break_a_request_are_not_used() -> None:
    client = RtspClient(Location.parse(URL))
    hearing(client, answers()[0])
    client.outgoing()
    hearing(client, answer(2, "Content-Base: rtsp://evil host/", body=describe("h264", SETS)))
    assert asked(client) == [f"SETUP {URL} RTSP/1.0"]
