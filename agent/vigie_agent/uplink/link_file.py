"""`link.json` in the data folder: bytes used by day, over restarts, and what `vigie agent link status` shows."""

import os
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_agent.logs import FaultLog
from vigie_shared.link import LinkReport

log = structlog.get_logger(__name__)

NAME: Final = "link.json"


class LinkState(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    used: dict[str, int] = Field(default_factory=dict)
    """Bytes sent, by UTC day."""
    report: LinkReport | None = None


class LinkFile:
    """All methods block."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / NAME
        self._fault = FaultLog(log)

    def load(self) -> LinkState:
        """What was saved last; nothing where there is no file, or none that can be read."""
        try:
            return LinkState.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return LinkState()
        except (OSError, ValidationError) as error:
            log.warning("cannot read what the link used today: counting starts anew", reason=str(error).splitlines()[0])
            return LinkState()

    def save(self, state: LinkState) -> None:
        """Replace the file as a whole; a disk that refuses is one line in the log."""
        draft = self._path.with_suffix(".draft")
        try:
            with draft.open("wb") as file:
                file.write(state.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            self._fault.report("cannot keep what the link used today", reason=error.strerror)
        else:
            self._fault.clear("what the link used is kept again")
