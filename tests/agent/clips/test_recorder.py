from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.capture.cameras import STREAM, packet
from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.capture.packets import Packet
from vigie_agent.capture.ring import GopRing
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.clips.recorder import ClipRecorder, RecordedClip
from vigie_agent.clips.remux import remux

PRE, POST, LONGEST = 5.0, 4.0, 20.0


class Camera:
    """Ten packets a second, a keyframe each second, through a ring and a recorder."""

    def __init__(self, gop: int = 10) -> None:
        self.ring = GopRing(PRE + 5, 10**7)
        self.recorder = ClipRecorder(POST, LONGEST)
        self.clips: list[RecordedClip] = []
        self.index = 0
        self.gop = gop

    def run(self, until_seconds: float) -> None:
        while self.index / 10 < until_seconds:
            one = packet(self.index / 10, keyframe=self.index % self.gop == 0)
            self.ring.append(one)
            self.clips += self.recorder.feed(one)
            self.index += 1

    def start(self, motion_id: str) -> float:
        now = (self.index - 1) / 10
        self.clips += self.recorder.motion_started(motion_id, STREAM, self.ring.since(now - PRE))
        return now

    def end(self, motion_id: str) -> float:
        now = (self.index - 1) / 10
        self.recorder.motion_ended(motion_id, now)
        return now


def span(clip: RecordedClip) -> tuple[float, float]:
    return clip.packets[0].position_seconds, clip.packets[-1].position_seconds


def assert_complete(packets: list[Packet]) -> None:
    """Ten a second, none missing, none twice."""
    first = round(packets[0].position_seconds * 10)
    assert [round(one.position_seconds * 10) for one in packets] == list(range(first, first + len(packets)))


def test_a_clip_has_its_pre_roll_its_motion_and_its_post_roll() -> None:
    camera = Camera()
    camera.run(30.4)
    started = camera.start("a")
    camera.run(38)
    ended = camera.end("a")
    camera.run(60)
    (clip,) = camera.clips
    first, last = span(clip)
    assert started - PRE - 1 < first <= started - PRE
    assert last == ended + POST
    assert clip.packets[0].is_keyframe
    assert_complete(list(clip.packets))
    assert not camera.recorder.is_recording


def test_early_motion_takes_what_pre_roll_there_is() -> None:
    camera = Camera()
    camera.run(2)
    camera.start("a")
    camera.end("a")
    camera.run(10)
    assert span(camera.clips[0])[0] == 0


def test_a_long_motion_becomes_consecutive_clips_that_each_begin_with_a_keyframe() -> None:
    camera = Camera()
    camera.run(30)
    camera.start("a")
    camera.run(100)
    camera.end("a")
    camera.run(110)
    assert len(camera.clips) == 4
    assert {clip.motion_id for clip in camera.clips} == {"a"}
    assert all(clip.packets[0].is_keyframe for clip in camera.clips)
    assert all(span(clip)[1] - span(clip)[0] < LONGEST for clip in camera.clips)
    assert_complete([one for clip in camera.clips for one in clip.packets])


def test_motion_during_a_post_roll_gets_a_clip_of_its_own_and_both_are_complete() -> None:
    camera = Camera()
    camera.run(20)
    camera.start("a")
    camera.run(25)
    ended = camera.end("a")
    camera.run(27)
    started = camera.start("b")
    camera.run(30)
    camera.end("b")
    camera.run(50)
    first, second = camera.clips
    assert (first.motion_id, second.motion_id) == ("a", "b")
    assert span(first)[1] == ended + POST
    assert span(second)[0] <= started - PRE
    assert_complete(list(first.packets))
    assert_complete(list(second.packets))


def test_a_camera_that_is_lost_leaves_the_clip_so_far() -> None:
    camera = Camera()
    camera.run(20)
    camera.start("a")
    camera.run(23)
    (clip,) = camera.recorder.finish()
    assert span(clip)[1] == 22.9
    assert camera.recorder.finish() == []


def test_without_any_packet_there_is_no_clip() -> None:
    recorder = ClipRecorder(POST, LONGEST)
    assert recorder.motion_started("a", STREAM, []) == []
    assert recorder.finish() == []


def test_a_camera_that_never_sends_keyframes_again_does_not_fill_the_memory(monkeypatch: object) -> None:
    recorder = ClipRecorder(POST, LONGEST)
    size = 64 * 1024 * 1024
    data = b"\x00" * size
    recorder.motion_started("a", STREAM, [packet(0, keyframe=True)])
    clips = []
    for index in range(1, 12):
        one = packet(index / 10)
        clips += recorder.feed(Packet(data, one.dts, one.dts, 100, one.time_base, False, one.position_seconds, one.at))
    assert len(clips) == 1, "what follows without a keyframe cannot be shown and is not kept"
    assert len(clips[0].packets) == 4


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0.1, 12), st.floats(0, 30)), min_size=1, max_size=6),
    st.integers(1, 40),
)
def test_whatever_moves_when_every_motion_is_covered(motions: list[tuple[float, float]], gop: int) -> None:
    camera = Camera(gop)
    camera.run(12)
    for number, (pause, lasting) in enumerate(motions):
        camera.run(camera.index / 10 + pause)
        started = camera.start(str(number))
        camera.run(camera.index / 10 + lasting)
        ended = camera.end(str(number))
        camera.run(camera.index / 10 + POST + 0.2)
        clips = [clip for clip in camera.clips if clip.motion_id == str(number)]
        assert_complete([one for clip in clips for one in clip.packets])
        assert clips[0].packets[0].position_seconds <= max(0.0, started - PRE)
        assert clips[-1].packets[-1].position_seconds >= ended + POST - 1e-6
        assert all(clip.packets[0].is_keyframe for clip in clips)


def test_each_gop_is_handed_on_as_soon_as_it_is_complete_and_all_together_are_the_clip(tmp_path: Path) -> None:
    stream, packets = packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=5))
    heard: list[tuple[ClipBegun, int, bytes]] = []
    recorder = ClipRecorder(POST, LONGEST, "gate", lambda *segment: heard.append(segment))
    counts = []
    recorder.motion_started("0" * 22, stream, packets[:1])
    for one in packets[1:]:
        assert recorder.feed(one) == []
        counts.append(len(heard))
    (clip,) = recorder.finish()
    assert counts[:12] == [1] * 10 + [2, 2], "the init segment at once, a GOP one packet after the next keyframe"
    assert clip.made is not None
    assert [index for _begun, index, _data in heard] == list(range(len(clip.made.segments) - 1))
    assert [data for _begun, _index, data in heard] == list(clip.made.segments[:-1])
    assert {begun.clip_id for begun, _index, _data in heard} == {clip.clip_id}
    assert clip.made == remux(stream, packets), "the same bytes as in one go"
