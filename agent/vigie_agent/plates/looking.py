"""`vigie agent read`: files in, what is on them out, as JSON, as a table, and drawn."""

from pathlib import Path
from typing import Any, Final

from PIL import Image

from vigie_agent.plates.drawing import drawn
from vigie_agent.plates.files import Eye, Sighting, frames_of, grey, picture_in, told_in_film
from vigie_agent.plates.runtime import Weights
from vigie_agent.plates.vote import VotedRead
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.plates import ALL_KINDS, MOROCCAN

_WIDTHS: Final = (28, 26, 12, 10, 9, 0)


class Looking:
    """One call of the command."""

    def __init__(self, *, foreign: bool, crop: bool, draw: Path | None, weights: Weights = "auto") -> None:
        self._eye = Eye(ALL_KINDS if foreign else MOROCCAN, weights)
        self._crop, self._draw = crop, draw
        self._written: set[Path] = set()

    @property
    def models(self) -> tuple[str, ...]:
        """The files that it finds and reads with."""
        return self._eye.models

    def at(self, path: Path) -> dict[str, Any]:
        """What is on a picture or in a video, as JSON has it."""
        if path.is_dir():
            message = _("{path} is a folder: name the pictures and videos in it, as in {path}/*.jpg")
            raise CommandError(message.format(path=path))
        if not path.exists():
            raise CommandError(_("no file {path}").format(path=path))
        picture = picture_in(path)
        if picture is not None:
            return self._picture(path, picture)
        if self._crop:
            raise CommandError(_("{path} is no picture: --crop is for pictures").format(path=path))
        return self._film(path)

    def table(self, seen: dict[str, Any], *, heading: bool) -> str:
        """For people: a line a plate."""
        titles = (_("file"), _("plate"), _("kind"), _("confidence"), _("width"), _("when, or what else it may be"))
        lines = [titles] if heading else []
        name = Path(seen["file"]).name
        for plate in seen["plates"]:
            width = f"{plate['width_px']} px" if "width_px" in plate else "–"
            sure = f"{plate['confidence']:.1%}" if plate["text"] else "–"
            lines.append((name, plate["display"] or _("unreadable"), plate["kind"] or "–", sure, width, _rest(plate)))
        if not seen["plates"]:
            lines.append((name, _("no plate"), "–", "–", "–", ""))
        padded = ("  ".join(_padded(cell, width) for cell, width in zip(line, _WIDTHS, strict=True)) for line in lines)
        return "\n".join(line.rstrip() for line in padded)

    def _picture(self, path: Path, picture: Image.Image) -> dict[str, Any]:
        seen = self._eye.look(grey(picture), crop=self._crop)
        self._save(path.stem, picture, seen)
        return self._told(path, "picture", [one.as_json() for one in seen])

    def _film(self, path: Path) -> dict[str, Any]:
        reads = self._eye.watch(path)
        if self._draw is not None and reads:
            self._draw_film(path, reads)
        return self._told(path, "video", [told_in_film(read) for read in reads])

    def _told(self, path: Path, medium: str, plates: list[dict[str, Any]]) -> dict[str, Any]:
        return {"file": str(path), "medium": medium, "plates": plates, "models": self.models}

    def _draw_film(self, path: Path, reads: list[VotedRead]) -> None:
        """The frame in the middle of each stay."""
        middles = sorted((read.first_seen_at + read.last_seen_at) / 2 for read in reads)
        for at_seconds, frame in frames_of(path):
            if middles and at_seconds >= middles[0]:
                picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
                self._save(f"{path.stem}-{at_seconds:.2f}s", picture, self._eye.look(grey(picture)))
                middles = [middle for middle in middles if middle > at_seconds]

    def _save(self, name: str, picture: Image.Image, seen: list[Sighting]) -> None:
        if self._draw is None:
            return
        path = self._draw / f"{name}.png"
        number = 1
        while path in self._written:
            number += 1
            path = self._draw / f"{name}-{number}.png"
        self._written.add(path)
        try:
            self._draw.mkdir(parents=True, exist_ok=True)
            drawn(picture, seen).save(path)
        except OSError as error:
            raise CommandError(_("cannot write {path}: {reason}").format(path=path, reason=error.strerror)) from error


def _rest(plate: dict[str, Any]) -> str:
    if "first_seen_seconds" in plate:
        uncertain = _("uncertain")
        when = _("{first:.1f} to {last:.1f} s, {frames} frames").format(
            first=plate["first_seen_seconds"], last=plate["last_seen_seconds"], frames=plate["frames"]
        )
        return f"{when}, {uncertain}" if plate["uncertain"] else when
    return ", ".join(f"{one['text']} {one['confidence']:.1%}" for one in plate["alternatives"])


def _padded(cell: str, width: int) -> str:
    """`cell` filled up to `width` columns; marks of direction take none."""
    unseen = sum(char in "\u2066\u2069\u200e" for char in cell)
    return cell + " " * max(0, width - len(cell) + unseen)
