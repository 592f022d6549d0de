"""What can go wrong between us and an RTSP server.

```
RtspError
├── UnsupportedError     beyond this client: FFmpeg may know it
├── LoginError           user or password is wrong or missing
├── MissingStreamError   no such path, or no video at it
├── RefusedError         any other status that is not success
└── ProtocolError        what came is no RTSP
```
"""

from vigie_shared.errors import VigieError


class RtspError(VigieError):
    """The conversation cannot go on; a new one may."""


class UnsupportedError(RtspError):
    """The stream is of a kind that this client leaves to FFmpeg."""


class LoginError(RtspError):
    """The server refuses our user or password."""


class MissingStreamError(RtspError):
    """There is no such stream."""


class RefusedError(RtspError):
    """The server refuses a request for another reason."""


class ProtocolError(RtspError):
    """The server breaks the protocol."""
