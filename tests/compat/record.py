"""Records the corpus: one batch of every lane in every version that a release ever wrote.

`uv run python -m tests.compat.record` adds what is missing and touches nothing that is there: a recorded batch is what
some agent's outbox or some hub's stream may still hold.
"""

import json
from pathlib import Path
from typing import Final

from tests.shared.test_events import EXAMPLES
from vigie_shared.batches import SCHEMA, Batch, encode
from vigie_shared.events import LANES

CORPUS: Final = Path(__file__).parent / "corpus"
AGENT: Final = "rabat-1"
EPOCH: Final = "019ca9450a0000000000a1"
FIRST_SEQ: Final = 41


def recorded(lane: str, schema: int) -> Path:
    """The file of one batch."""
    return CORPUS / f"v{schema}-{lane}.batch"


def told(lane: str) -> Path:
    """What the batches of a lane say, as JSON."""
    return CORPUS / f"{lane}.json"


def main() -> None:
    """Write what is missing."""
    CORPUS.mkdir(exist_ok=True)
    for lane in LANES:
        events = tuple(EXAMPLES[lane])
        if not told(lane).exists():
            text = json.dumps([event.model_dump(mode="json") for event in events], ensure_ascii=False, indent=1)
            told(lane).write_text(text + "\n", encoding="utf-8")
        for schema in range(1, SCHEMA + 1):
            if not recorded(lane, schema).exists():
                batch = Batch(v=schema, agent_id=AGENT, epoch=EPOCH, lane=lane, first_seq=FIRST_SEQ, events=events)
                recorded(lane, schema).write_bytes(encode(batch))


if __name__ == "__main__":
    main()
