"""`vigie agent read` tells what is on pictures and in videos, and draws it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.agent.plates.conftest import Frame
from vigie_agent.plates.drawing import drawn
from vigie_agent.plates.files import Eye, Sighting, grey, picture_in
from vigie_agent.synthetic.film import FilmTruth
from vigie_agent.synthetic.plates import draw_plate
from vigie_shared.cli import main as vigie
from vigie_shared.plates import parse


@pytest.fixture
def still(tmp_path: Path, film: tuple[Path, FilmTruth], frames: list[Frame]) -> tuple[Path, str]:
    """A frame of the film as a picture, and a plate that is to be read on it."""
    vehicle = film[1].vehicles[0]
    middle = (vehicle.enter_seconds + vehicle.leave_seconds) / 2
    _at, luma = min(frames, key=lambda frame: abs(frame[0] - middle))
    path = tmp_path / "still.png"
    Image.fromarray(luma).save(path)
    return path, vehicle.plate


def read_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert vigie(["agent", "read", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_plates_of_a_picture_are_told_with_corners_and_confidence(
    still: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path, plate = still
    (seen,) = read_json(capsys, str(path))
    assert (seen["file"], seen["medium"]) == (str(path), "picture")
    (found,) = [one for one in seen["plates"] if one["text"] == plate]
    assert found["kind"] in ("civil", "ww")
    assert found["confidence"] > 0.5
    assert len(found["corners"]) == 4
    assert parse(found["display"]) == parse(plate)


def test_plates_that_pass_in_a_video_are_told_once_each(
    film: tuple[Path, FilmTruth], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (seen,) = read_json(capsys, str(film[0]), "--draw", str(tmp_path / "drawn"))
    assert seen["medium"] == "video"
    assert sorted(plate["text"] for plate in seen["plates"]) == sorted(one.plate for one in film[1].vehicles)
    assert all(plate["first_seen_seconds"] < plate["last_seen_seconds"] for plate in seen["plates"])
    pictures = list((tmp_path / "drawn").glob("*.png"))
    assert pictures
    assert all(picture_in(path) is not None for path in pictures)


def test_a_crop_is_read_to_its_edges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate = parse("70123|ب|72")
    assert plate is not None
    draw_plate(plate).save(tmp_path / "crop.png")
    (seen,) = read_json(capsys, str(tmp_path / "crop.png"), "--crop")
    assert [(one["text"], one["score"], one["width_px"]) for one in seen["plates"]] == [("70123|ب|72", None, 498)]


def test_a_table_has_a_line_for_each_file(
    still: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (320, 200), (90, 90, 90)).save(tmp_path / "empty.jpg")
    assert vigie(["agent", "read", str(still[0]), str(tmp_path / "empty.jpg")]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    plate = parse(still[1])
    assert plate is not None
    assert heading.split()[:3] == ["file", "plate", "kind"]
    assert any(line.startswith("still.png") and plate.display() in line for line in lines)
    assert lines[-1].startswith("empty.jpg")
    assert "no plate" in lines[-1]


@pytest.mark.parametrize(
    ("name", "content", "more", "line"),
    [
        ("none.jpg", None, [], "no file"),
        ("text.jpg", b"this is no picture", [], "is neither a picture nor a video"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", [], "cut.png"),
        ("text.mp4", b"this is no video", ["--crop"], "--crop is for pictures"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, content: bytes | None, more: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert vigie(["agent", "read", str(tmp_path / name), *more]) == 1
    said = capsys.readouterr().err
    assert line in said
    assert len(said.strip().splitlines()) == 1


def test_a_folder_is_told_from_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vigie(["agent", "read", str(tmp_path)]) == 1
    assert "is a folder: name the pictures" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_read(
    still: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_bytes(b"this is no video")
    assert vigie(["agent", "read", str(tmp_path / "text.mp4"), str(still[0]), "--json"]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["file"] for line in said.out.splitlines()] == [str(still[0])]
    assert "text.mp4" in said.err


@pytest.mark.parametrize(("weights", "ending"), [("int8", "_int8.tflite"), ("float", "_fp32.tflite")])
def test_what_was_read_with_is_told_and_can_be_chosen(
    weights: str, ending: str, still: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (seen,) = read_json(capsys, str(still[0]), "--weights", weights)
    assert len(seen["models"]) == 3
    assert all(file.endswith(ending) for file in seen["models"])
    assert still[1] in [plate["text"] for plate in seen["plates"]]
    assert vigie(["agent", "read", str(still[0]), "--weights", weights]) == 0
    assert f"detector{ending}" in capsys.readouterr().err


def test_drawings_go_nowhere_they_cannot(still: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert vigie(["agent", "read", str(still[0]), "--draw", str(still[0] / "inside")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_pictures_of_one_name_are_drawn_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / folder / "a.png" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        Image.new("L", (64, 64), 128).save(path)
    read_json(capsys, *(str(path) for path in paths), "--draw", str(tmp_path / "drawn"))
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.png", "a.png"]


def test_drawing_marks_the_corners_and_keeps_the_rest(still: tuple[Path, str]) -> None:
    picture = picture_in(still[0])
    assert picture is not None
    seen = Eye().look(grey(picture))
    before, after = np.asarray(picture), np.asarray(drawn(picture, seen))
    changed = (before != after).any(axis=2)
    assert 0 < changed.mean() < 0.2
    for one in seen:
        x, y = (int(value) for value in one.corners[0])
        assert changed[y, x]


@pytest.mark.parametrize("text", ["12345|أ|6", "200047|المغرب|", "552679|WW|"])
def test_every_kind_of_text_can_be_drawn(text: str) -> None:
    from vigie_agent.plates.decoding import Reading

    plate = parse(text)
    assert plate is not None
    corners = np.array([[20, 40], [120, 40], [120, 70], [20, 70]], dtype=np.float32)
    shown = drawn(Image.new("RGB", (160, 100)), [Sighting(corners, 0.9, Reading(plate, 0.97, (), ()))])
    assert np.asarray(shown).max() > 0
