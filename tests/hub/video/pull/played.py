"""A puller's core played by hand: what it asks for is noted, and answered from the bytes of a clip."""

import hashlib
from dataclasses import dataclass, field

from vigie_hub.video.pull.transfer import Action, Finish, Judge, Keep, Promise, Resume, Send, Transfer
from vigie_hub.video.pull.window import WINDOW_BYTES
from vigie_shared.transfer import PULLER_MESSAGE, Done, Get, Manifest, block_digests, pack_frame

CLIP_ID = "0123456789abcdef012345"
BLOCK = 10


def manifest_of(clip: bytes, clip_id: str = CLIP_ID) -> Manifest:
    sha256, blocks = block_digests([clip], BLOCK)
    return Manifest(clip_id=clip_id, bytes=len(clip), sha256=sha256, block_bytes=BLOCK, block_sha256=blocks)


@dataclass
class Pull:
    """Plays the shell: stores what it is told to, remembers what was asked."""

    transfer: Transfer
    disk: bytes = b""
    asked: list[Get] = field(default_factory=list)
    finished: bool = False
    done: bool = False

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(text):
                    said = PULLER_MESSAGE.validate_json(text)
                    self.done = self.done or isinstance(said, Done)
                    if isinstance(said, Get):
                        self.asked.append(said)
                case Resume():
                    self.act(self.transfer.resume(lambda offset, length: self.disk[offset : offset + length]))
                case Judge(piece):
                    is_right = piece.is_right(piece.data)
                    if is_right:
                        self.write(piece.offset, piece.data)
                    self.act(self.transfer.judged(piece, is_right=is_right))
                case Keep(offset, data):
                    self.write(offset, data)
                case Finish():
                    self.finished = True

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        padded = self.disk.ljust(offset, b"\0")
        self.disk = padded[:offset] + bytes(data) + padded[offset + len(data) :]

    def serve(self, clip: bytes, frame_bytes: int) -> None:
        """Answer all gets from `clip`, in frames of `frame_bytes`."""
        while self.asked:
            get = self.asked.pop(0)
            for start in range(get.offset, get.offset + get.length, frame_bytes):
                piece = clip[start : min(start + frame_bytes, get.offset + get.length)]
                self.act(self.transfer.feed(pack_frame(start, piece)))


def pull_of(clip: bytes, on_disk: bytes = b"", window_bytes: int = WINDOW_BYTES) -> Pull:
    pull = Pull(Transfer(Promise("gate", CLIP_ID, len(clip), hashlib.sha256(clip).hexdigest())), disk=on_disk)
    pull.transfer.window_bytes = window_bytes
    pull.act(pull.transfer.start())
    return pull


def started(clip: bytes, on_disk: bytes = b"", window_bytes: int = WINDOW_BYTES) -> Pull:
    pull = pull_of(clip, on_disk, window_bytes)
    pull.act(pull.transfer.feed(manifest_of(clip).model_dump_json()))
    return pull


class Key:
    """Signs by writing down what it signed."""

    @staticmethod
    def sign(message: bytes) -> str:
        return hashlib.sha256(message).hexdigest()

    def verify(self, message: bytes, signature: str) -> bool:
        return signature == self.sign(message)
