"""Sets of pictures with the plates on them: folders with a `labels.csv`, or one that is drawn here."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vigie_agent.plates.detector import Box
from vigie_agent.synthetic.film import FRAMES_PER_SECOND
from vigie_agent.synthetic.stage import Scene
from vigie_shared.errors import CommandError
from vigie_shared.plates import ALL_KINDS, FOREIGN, MOROCCAN, PlateKind, parse

SHARED = Path(__file__).parents[3] / "shared" / "data" / "plates"
NARROWEST_PX = 60.0

Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Truth:
    """What one plate says, and where: None where the whole picture is the plate."""

    text: str
    kind: str
    lines: int = 1
    box: Box | None = None

    @property
    def canonical(self) -> str:
        """As `parse` writes it; as it stands where no grammar knows it."""
        plate = parse(self.text, ALL_KINDS)
        return self.text if plate is None else plate.text


@dataclass(frozen=True)
class Picture:
    """A file, or a frame drawn here, and its plates."""

    name: str
    truths: tuple[Truth, ...]
    source: Path | Luma

    def luma(self) -> Luma:
        """Its grey levels."""
        if isinstance(self.source, Path):
            with Image.open(self.source) as opened:
                return np.asarray(ImageOps.exif_transpose(opened).convert("L"))
        return self.source


@dataclass(frozen=True)
class PictureSet:
    """Pictures that are measured together."""

    name: str
    pictures: tuple[Picture, ...]

    @property
    def kinds(self) -> tuple[PlateKind, ...]:
        """What may pass where they were taken: Moroccan plates, or foreign ones where few texts could be Moroccan."""
        truths = [truth.text for picture in self.pictures for truth in picture.truths]
        return MOROCCAN if 2 * sum(parse(text) is not None for text in truths) > len(truths) else FOREIGN


def labelled(folder: Path, labels: Path) -> PictureSet:
    """The pictures of `folder` that the table `labels` names (file, text, kind, lines, x, y, w, h)."""
    try:
        with labels.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        truths: dict[str, list[Truth]] = {}
        for row in rows:
            truths.setdefault(row["file"], []).append(_truth(row))
    except OSError as error:
        raise CommandError(f"cannot read {labels}: {error.strerror}") from error
    except (KeyError, ValueError) as error:
        raise CommandError(f"{labels}: columns file, text, kind, lines, x, y, w, h are needed ({error})") from error
    pictures = tuple(Picture(name, tuple(found), folder / name) for name, found in truths.items())
    return PictureSet(folder.resolve().name, pictures)


def shared() -> Iterator[PictureSet]:
    """The sets that lie beside the checkout; none where there are none."""
    for labels in sorted(SHARED.glob("*/labels.csv")):
        yield labelled(labels.parent, labels)


def drawn(scene: Scene, frames: Sequence[tuple[float, Luma]]) -> PictureSet:
    """Four frames a second of a drawn film, with the plates that are wide enough to be read."""
    pictures = []
    for at_seconds, luma in frames[:: round(FRAMES_PER_SECOND / 4)]:
        views = [view for view in scene.plates(at_seconds) if _width_px(view.corners) >= NARROWEST_PX]
        truths = tuple(Truth(view.plate.text, view.plate.kind, box=_upright(view.corners)) for view in views)
        if truths:
            pictures.append(Picture(f"{at_seconds:.2f}s", truths, luma))
    return PictureSet("drawn", tuple(pictures))


def _truth(row: dict[str, str]) -> Truth:
    edges = [row[name] for name in ("x", "y", "w", "h")]
    box = None
    if all(edges):
        x, y, width, height = (float(edge) for edge in edges)
        box = (x, y, x + width, y + height)
    return Truth(row["text"], row["kind"], int(row.get("lines") or 1), box)


def _width_px(corners: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]))


def _upright(corners: NDArray[np.float32]) -> Box:
    left, top, right, bottom = (float(edge) for edge in (*corners.min(axis=0), *corners.max(axis=0)))
    return left, top, right, bottom
