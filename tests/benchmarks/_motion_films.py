"""Generated films of places, kept from one run to the next: drawing 300 events takes a quarter of an hour."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.media.scenery import Place, film_place, places

FOLDER: Final = Path(tempfile.gettempdir()) / "vigie-motion-films"
VERSION: Final = 1
"""Raise it where `tests.media.scenery` draws otherwise than before."""

Truth = dict[str, list[dict[str, float]]]


def films(events: int, folder: Path = FOLDER) -> Iterator[tuple[Path, Truth]]:
    """Films with so many events in all, and their truths; those that are missing are made."""
    for place in places(events):
        yield film_of(place, folder)


def film_of(place: Place, folder: Path) -> tuple[Path, Truth]:
    """The place's film and truth; the truth is written last, so that what was cut short is made again."""
    folder = folder / f"v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    film = folder / f"{place.name}.mp4"
    written = film.with_suffix(".json")
    if not written.exists():
        events = film_place(place, film.with_suffix(".part"))
        film.with_suffix(".part").replace(film)
        written.write_text(json.dumps({"events": [asdict(event) for event in events]}))
    truth: Truth = json.loads(written.read_text())
    return film, truth
