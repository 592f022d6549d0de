from collections.abc import Callable

import pytest

from vigie_agent.capture import reasons
from vigie_shared.errors import CaptureError


@pytest.mark.parametrize(
    "reason",
    [
        reasons.connection_refused,
        reasons.login_refused,
        reasons.no_such_stream,
        reasons.silent,
        reasons.ended,
        reasons.no_picture,
        reasons.unknown_host,
        lambda source: reasons.no_video(source, "454"),
    ],
)
def test_every_reason_is_one_line_that_says_where_and_what_to_do(reason: Callable[[str], CaptureError]) -> None:
    error = reason("rtsp://…@10.0.0.1/live")
    where, _colon, what = str(error).partition(": ")
    assert where == "rtsp://…@10.0.0.1/live"
    assert ": " in what, "what is wrong: what to do"
    assert "\n" not in str(error)
    assert error.retryable
