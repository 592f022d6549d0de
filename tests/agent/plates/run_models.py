"""Run every model file on the pictures of an archive; which runtime does it is the environment's matter.

`python run_models.py MODELS PICTURES.npz OUTPUTS.npz`
"""

import sys
import tomllib
from pathlib import Path

import numpy as np

from vigie_agent.plates.runtime import ModelEntry, Network


def outputs(models: Path, pictures: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What each file says to each picture of its network, stacked."""
    listed = tomllib.loads((models / "models.toml").read_text(encoding="utf-8"))
    said = {}
    for name, table in listed.items():
        for file in table["files"]:
            network = Network(ModelEntry(name, {}), file, (models / file).read_bytes())
            said[file] = np.stack([network.run(picture) for picture in pictures[name]])
    return said


if __name__ == "__main__":
    folder, source, target = (Path(argument) for argument in sys.argv[1:])
    with np.load(source) as archive:
        np.savez(target, **outputs(folder, dict(archive)))  # type: ignore[arg-type]
