import re
from importlib import resources

from vigie_hub.ui.assets import ASSETS


def test_every_file_is_served() -> None:
    folder = resources.files("vigie_hub.ui") / "static"
    assert {file.name for file in folder.iterdir()} == set(ASSETS)


def test_tags_tell_files_apart() -> None:
    assert len({asset.etag for asset in ASSETS.values()}) == len(ASSETS)


def test_every_sign_that_templates_use_is_drawn() -> None:
    drawn = set(re.findall(r'id="([a-z]+)"', ASSETS["icons.svg"].data.decode()))
    templates = (resources.files("vigie_hub.ui") / "templates").iterdir()
    texts = [file.read_text() for file in templates if file.is_file()]
    sections = (resources.files("vigie_hub.ui") / "templates" / "sections").iterdir()
    texts += [file.read_text() for file in sections]
    used = {name for text in texts for name in re.findall(r'icon\("([a-z]+)"\)', text)}
    assert used
    assert used <= drawn


def test_style_has_no_physical_sides_but_on_plates() -> None:
    sides = re.findall(r"^.*(?:(?:margin|padding|border)-(?:left|right)|text-align: (?:left|right)).*$", _style(), re.M)
    assert all(".plate" in line for line in sides), sides


def _style() -> str:
    return ASSETS["vigie.css"].data.decode()
