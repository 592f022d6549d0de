"""A nats-server that speaks TLS with certificates of its own authority, and lets everyone in."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.servers.nats_server import NatsServer
from vigie_hub.bus.certificates import Certificates
from vigie_hub.settings import TlsSettings


@contextmanager
def running_tls_server(folder: Path) -> Iterator[tuple[NatsServer, Certificates]]:
    """It keeps its files, and the certificates, in `folder`."""
    certificates = Certificates(folder, TlsSettings(), [])
    certificates.ensure(datetime.now(UTC))
    tls = {
        "cert_file": str(certificates.certificate),
        "key_file": str(certificates.key),
        "handshake_first": True,
        "timeout": 30,
    }
    with NatsServer(folder / "nats", f"tls: {json.dumps(tls)}") as server:
        yield server, certificates
