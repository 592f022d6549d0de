"""Commands and messages of live video survive the wire; what is out of bounds, or not a viewer's to say, is refused."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.media import (
    MEDIA_COMMAND,
    MEDIA_MESSAGE,
    MESSAGE_BYTES_MAX,
    VIEWER_COMMAND,
    CameraClock,
    Ended,
    Jump,
    KeyframeWanted,
    Live,
    MediaCommand,
    MediaMessage,
    MediaRefused,
    Pause,
    Play,
    Rate,
    Received,
    Seek,
    Showing,
    Step,
    Stop,
    Viewers,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "019ca9450a00ec62e5bb57"  # the same in all processes of a run: it names tests
COMMANDS: list[MediaCommand] = [
    Live(camera_id="gate", quality="sub"),
    Play(clip_id=ID, at_seconds=3.5, rate=0.25),
    Seek(at_seconds=0),
    Rate(rate=8),
    Step(frames=-1),
    Pause(),
    Jump(to="previous"),
    KeyframeWanted(),
    Viewers(count=3),
    Received(rtp_timestamp=90_000),
    Stop(),
]
MESSAGES: list[MediaMessage] = [
    Showing(rung="low", width_px=640, height_px=360, reason="loss", camera_id="gate"),
    CameraClock(rtp_timestamp=(1 << 32) - 1, at=NOON, clock_source="camera", camera_offset_seconds=-0.2),
    Ended(reason="over"),
    MediaRefused(reason="x" * 300, retryable=True, after_seconds=60),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.do)
def test_a_command_is_read_as_what_it_is(command: MediaCommand) -> None:
    assert MEDIA_COMMAND.validate_json(MEDIA_COMMAND.dump_json(command)) == command


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.say)
def test_a_message_is_read_as_what_it_is_and_fits_its_bounds(message: MediaMessage) -> None:
    written = MEDIA_MESSAGE.dump_json(message)
    assert MEDIA_MESSAGE.validate_json(written) == message
    assert len(written) <= MESSAGE_BYTES_MAX


@pytest.mark.parametrize(
    "bad",
    [
        {"do": "live"},
        {"do": "live", "camera_id": "../x"},
        {"do": "play", "clip_id": ID, "rate": 9},
        {"do": "play", "clip_id": ID, "at_seconds": -1},
        {"do": "rate", "rate": float("nan")},
        {"do": "step", "frames": 2},
        {"do": "erase"},
    ],
    ids=str,
)
def test_a_command_out_of_its_bounds_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MEDIA_COMMAND.validate_python(bad)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.do)
def test_a_viewer_may_steer_playback_and_nothing_else(command: MediaCommand) -> None:
    data = MEDIA_COMMAND.dump_json(command)
    if command.do in ("seek", "rate", "step", "pause", "jump"):
        assert VIEWER_COMMAND.validate_json(data) == command
    else:
        with pytest.raises(ValidationError):
            VIEWER_COMMAND.validate_json(data)
