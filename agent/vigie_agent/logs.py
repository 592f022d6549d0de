"""Logs: structlog, for a person on a terminal and as JSON lines everywhere else; without passwords."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

from vigie_shared import asyncio_noise

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")
_NOISY: Final = ("aioice", "aiortc", "libav", "nats", "zeroconf")
"""Libraries of which only warnings are of use here."""

Level = Literal["debug", "info", "warning", "error"]


def redact(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take user names and passwords out of every address in `fields`."""
    for name, value in fields.items():
        if isinstance(value, str) and "@" in value:
            fields[name] = _CREDENTIALS.sub("…@", value)
    return fields


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now: a live view on the terminal takes it over for a while."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """It is never another."""


def configure(level: Level = "info", *, console: bool | None = None) -> None:
    """Send our logs and those of libraries to standard error; `console` where None: whether that is a terminal."""
    console = sys.stderr.isatty() if console is None else console
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [redact, structlog.dev.ConsoleRenderer(pad_event_to=32)]
        if console
        else [structlog.processors.dict_tracebacks, redact, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    asyncio_noise.quiet()
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class FaultLog:
    """A fault that repeats is a warning once, then DEBUG, then one line when it is over."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._standing: str | None = None

    @property
    def standing(self) -> bool:
        """Whether the fault is there now."""
        return self._standing is not None

    def report(self, message: str, **fields: object) -> None:
        """The fault was seen; a new `message` is a new fault."""
        repeated, self._standing = self._standing == message, message
        (self._logger.debug if repeated else self._logger.warning)(message, **fields)

    def clear(self, message: str, **fields: object) -> None:
        """The fault is over; says nothing where there was none."""
        if self._standing is not None:
            self._standing = None
            self._logger.info(message, **fields)
