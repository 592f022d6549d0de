"""A line of asyncio's that says nothing of us, and comes whenever nats-server ends a TLS connection.

nats-py (2.16, `transport.connect_tls`) makes its `StreamReaderProtocol` before there is a TLS transport. The protocol
does not know that it speaks TLS, and at the end of the stream asks for what TLS cannot do: to stay half open. asyncio
closes all the same.
"""

import logging
from typing import Final

_HALF_OPEN: Final = "returning true from eof_received() has no effect when using ssl"


def _is_of_use(record: logging.LogRecord) -> bool:
    return record.msg != _HALF_OPEN


def quiet() -> None:
    """Leave that line out; calling it twice changes nothing."""
    logging.getLogger("asyncio").addFilter(_is_of_use)
