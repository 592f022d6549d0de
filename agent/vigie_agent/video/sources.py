"""Opens what a viewer asks for: today what a camera sees now."""

from collections.abc import Sequence

from vigie_agent.video.live import LiveCamera, choose_stream
from vigie_agent.video.media import MediaSource
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.media import First, Live


class MediaSources:
    """All that this agent can show."""

    def __init__(self, cameras: Sequence[LiveCamera]) -> None:
        self._cameras = {camera.camera_id: camera for camera in cameras}

    async def open(self, first: First) -> MediaSource:
        """A source of what is asked for. Raises VigieError with what to tell the viewer."""
        if not isinstance(first, Live):
            raise CommandError(_("this agent plays no clips yet"))
        camera = self._cameras.get(first.camera_id)
        if camera is None:
            raise CommandError(_("this agent has no camera {camera_id}").format(camera_id=first.camera_id))
        return choose_stream(camera, first)
