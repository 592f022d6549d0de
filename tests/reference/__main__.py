"""`./dev docs`: writes the reference, in English whatever the caller speaks."""

import os

os.environ["VIGIE_LANGUAGE"] = "en"

from tests.reference import FOLDER, PAGES

FOLDER.mkdir(parents=True, exist_ok=True)
for name, page in PAGES.items():
    (FOLDER / name).write_text(page(), encoding="utf-8")
    print(f"docs/reference/{name}")
