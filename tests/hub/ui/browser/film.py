"""A clip as the edge keeps it: one fragmented MP4 of H.264, a fragment a GOP."""

import io

import av
import numpy as np

FRAMES_PER_SECOND = 25


def film(seconds: int, width_px: int = 320, height_px: int = 180) -> bytes:
    """A bright square that moves over a dark ground."""
    stream = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(stream, "w", format="mp4", options=options) as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = width_px, height_px, "yuv420p"
        video.options = {"g": str(FRAMES_PER_SECOND), "bf": "0", "preset": "ultrafast"}
        for number in range(seconds * FRAMES_PER_SECOND):
            picture = np.full((height_px, width_px, 3), 40, np.uint8)
            left = number * 5 % (width_px - 40)
            picture[60:120, left : left + 40] = (230, 180, 60)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()
