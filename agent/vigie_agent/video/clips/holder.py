"""The holder's side of the transfer protocol (`vigie_shared.transfer`), without I/O."""

from dataclasses import dataclass

from pydantic import ValidationError

from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import (
    PULLER_MESSAGE,
    Done,
    Get,
    IndexWanted,
    Manifest,
    ManifestWanted,
    TransferRefused,
)


@dataclass(frozen=True, slots=True)
class SendText:
    """Send this message."""

    text: str


@dataclass(frozen=True, slots=True)
class SendRange:
    """Send these bytes of the clip as frames."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class SendIndex:
    """Say where the keyframes are."""


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing more to say; `complete` where the puller said that it has what it came for."""

    complete: bool
    whole: bool = False
    """Whether that was the whole clip."""


Action = SendText | SendRange | SendIndex | Close


class Holder:
    """Answers what a puller asks of one clip: `feed` its messages, do the actions in order."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.puller_waits = False
        """Whether the puller understands that there is no turn for it now."""

    def feed(self, message: str | bytes) -> list[Action]:
        """What to do about a message of the puller."""
        try:
            wanted = PULLER_MESSAGE.validate_json(message)
        except ValidationError:
            return refusal(_("the puller said something that the transfer protocol does not know"))
        match wanted:
            case ManifestWanted():
                self.puller_waits = wanted.waits
                return [SendText(self._manifest.model_dump_json())]
            case IndexWanted():
                return [SendIndex()]
            case Get():
                return self._get(wanted)
            case Done():
                return [Close(complete=True, whole=wanted.whole)]

    def _get(self, wanted: Get) -> list[Action]:
        if wanted.offset + wanted.length > self._manifest.bytes:
            return refusal(
                _("bytes {first} to {last} were asked of a clip of {bytes}").format(
                    first=wanted.offset, last=wanted.offset + wanted.length, bytes=self._manifest.bytes
                )
            )
        return [SendRange(wanted.offset, wanted.length)]


def refusal(reason: str, *, retryable: bool = False) -> list[Action]:
    """Say why, and close."""
    return [
        SendText(TransferRefused(reason=reason[:300], retryable=retryable).model_dump_json()),
        Close(complete=False),
    ]
