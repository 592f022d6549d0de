"""Codes that lead nowhere; those that lead to a hub are spent in tests/system/test_enrolment.py."""

import http.server
import secrets
import threading
from collections.abc import Iterator

import nkeys
import pytest

from tests.agent.uplink.hub import membership
from vigie_agent import enrolment
from vigie_agent.credentials import signed_wish
from vigie_agent.keys import AgentKey
from vigie_shared.enrolment import FINGERPRINT_BYTES, SECRET_BYTES, Code
from vigie_shared.errors import CommandError, LinkError

KEY = AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers as some web server that is no hub; notes what it is told."""

    told: list[bytes] = []  # noqa: RUF012 (one for all requests)

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")

    def do_POST(self) -> None:
        self.told.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(500)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_stranger_at_the_hub_s_address_never_hears_the_secret(stranger: str) -> None:
    Stranger.told.clear()
    code = Code("gate-1", stranger, bytes(FINGERPRINT_BYTES), secrets.token_bytes(SECRET_BYTES))
    with pytest.raises(CommandError, match="is not the hub that made this code"):
        enrolment.enrol(code, KEY)
    assert Stranger.told == []


def test_answer_that_is_no_hub_s_is_one_line_and_worth_another_try(stranger: str) -> None:
    known = membership("nats://127.0.0.1:1", api_url=stranger)
    known = known.model_copy(update={"authority": ""})
    with pytest.raises(LinkError, match="does not help: HTTP 500") as caught:
        enrolment.renew(known, signed_wish(KEY, "edge"))
    assert "\n" not in str(caught.value)
    assert caught.value.retryable


def test_hub_that_is_away_is_one_line(stranger: str) -> None:
    code = Code("gate-1", "http://127.0.0.1:1", bytes(FINGERPRINT_BYTES), bytes(SECRET_BYTES))
    with pytest.raises(LinkError, match="cannot reach the hub at http://127") as caught:
        enrolment.enrol(code, KEY)
    assert "\n" not in str(caught.value)
