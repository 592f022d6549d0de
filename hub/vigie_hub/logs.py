"""Logs on standard error: for people on a terminal, else one JSON object a line. English, never a plate or a name."""

import logging
import sys
from typing import Final

import structlog

from vigie_shared import asyncio_noise

_QUIET: Final = ("aioice", "aiortc", "nats", "uvicorn", "uvicorn.access", "uvicorn.error", "zeroconf")


def configure(level: int = logging.INFO) -> None:
    """Set up structlog, and hand libraries' warnings to it."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    asyncio_noise.quiet()
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
