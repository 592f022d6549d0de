"""Opens what a viewer asks for: what a camera sees now, or a clip that lies here."""

from collections.abc import Callable, Sequence

from vigie_agent.video.ladder.adaptive import AdaptiveSource
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.live import LiveCamera
from vigie_agent.video.media.source import MediaSource
from vigie_agent.video.playback.playable import Footage
from vigie_agent.video.playback.playback import PlaybackSource
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import First, Live


class MediaSources:
    """All that this agent can show."""

    def __init__(
        self,
        cameras: Sequence[LiveCamera],
        footage: Callable[[], Footage] | None = None,
        transcoders: Transcoders | None = None,
    ) -> None:
        """`footage` is made for each viewer of a clip; without it there are no clips."""
        self._cameras = {camera.camera_id: camera for camera in cameras}
        self._footage = footage
        self._transcoders = transcoders or Transcoders()

    async def open(self, first: First) -> MediaSource:
        """A source of what is asked for. Raises VigieError with what to tell the viewer."""
        if not isinstance(first, Live):
            if self._footage is None:
                raise CommandError(_("this agent keeps no clips"))
            return await PlaybackSource.open(self._footage(), first, self._transcoders)
        camera = self._cameras.get(first.camera_id)
        if camera is None:
            raise CommandError(_("this agent has no camera {camera_id}").format(camera_id=first.camera_id))
        return await AdaptiveSource.open(camera, first, self._transcoders)
