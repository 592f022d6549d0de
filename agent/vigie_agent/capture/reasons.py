"""Why a source gives nothing: one line each that says what, where and what to do."""

from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _


def connection_refused(source: str) -> CaptureError:
    """Nobody listens there."""
    return CaptureError(
        _("{source}: refuses the connection: check address and port, and that the camera is on").format(source=source)
    )


def login_refused(source: str) -> CaptureError:
    """User or password is wrong."""
    return CaptureError(
        _("{source}: refuses the log-in: check user and password in the camera's source").format(source=source)
    )


def no_such_stream(source: str) -> CaptureError:
    """The path is wrong."""
    return CaptureError(
        _("{source}: the camera has no such stream: check the path in its source").format(source=source)
    )


def silent(source: str) -> CaptureError:
    """Nothing came in time."""
    return CaptureError(
        _("{source}: sent nothing in time: check that the camera is on and reachable").format(source=source)
    )


def ended(source: str) -> CaptureError:
    """A live source closed the stream."""
    return CaptureError(_("{source}: the camera ended the stream: trying again").format(source=source))


def no_picture(source: str) -> CaptureError:
    """Packets come, but none that a decoder could begin with."""
    return CaptureError(
        _("{source}: holds no picture that can be decoded: check the file or the camera").format(source=source)
    )


def no_video(source: str, reason: str) -> CaptureError:
    """Any other reason."""
    return CaptureError(
        _("{source}: gives no video ({reason}): check the camera and its source").format(source=source, reason=reason)
    )


def unknown_host(source: str) -> CaptureError:
    """Its name has no address."""
    return CaptureError(
        _("{source}: has no address: check the name in the camera's source, and the network's DNS").format(
            source=source
        )
    )
