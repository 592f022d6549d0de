"""TURN servers get credentials that end by themselves; no other address passes for one."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.ice import IceAddress, IceServer, IceServers, turn_credential, with_credentials

EVENING = datetime(2026, 3, 1, 20, tzinfo=UTC)


def test_turn_servers_get_a_name_that_ends_and_stun_servers_none() -> None:
    urls = ["stun:stun.example:3478", "turns:turn.example:5349?transport=tcp"]
    stun, turn = with_credentials(urls, "s3cret", "gate-1", EVENING)
    assert stun == IceServer(url=urls[0])
    assert turn.username == f"{int(EVENING.timestamp())}:gate-1"
    assert turn.credential == turn_credential("s3cret", turn.username)


def test_a_credential_is_what_coturn_computes() -> None:
    """Computed by `printf 1433895918:gate | openssl dgst -sha1 -hmac hunter -binary | base64`."""
    assert turn_credential("hunter", "1433895918:gate") == "IAHoxLSHtCfES41h2O2ji3kuOH8="


def test_without_a_secret_nobody_gets_credentials() -> None:
    assert with_credentials(["turn:t.example"], None, "gate", EVENING) == (IceServer(url="turn:t.example"),)


def test_a_credential_is_not_shown() -> None:
    assert "hush" not in repr(IceServer(url="turn:t.example", username="a", credential="hush"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://t.example",
            "turn:a b",
            "turn:x?transport=sctp",
            'turn:x>;rel="next"',
            "stun:",
            "stun:x?transport=udp",
        ),
        *("turn:x:0", "turn:x:65536", "turn:[::1", "turn:::1", "turn:u@x"),
    ],
)
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        IceServer(url=url)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("stun:s.example", IceAddress("stun", "s.example", 3478, "udp", False)),
        ("turn:192.0.2.1:443?transport=tcp", IceAddress("turn", "192.0.2.1", 443, "tcp", False)),
        ("turns:t.example", IceAddress("turn", "t.example", 5349, "tcp", True)),
        ("turn:[2001:db8::7]:3479", IceAddress("turn", "2001:db8::7", 3479, "udp", False)),
        ("turns:[::1]?transport=tcp", IceAddress("turn", "::1", 5349, "tcp", True)),
    ],
)
def test_an_address_says_where_and_how(url: str, address: IceAddress) -> None:
    assert IceAddress.parse(url) == address


def test_an_authority_goes_along_with_what_is_reached_by_tls_only() -> None:
    servers = IceServers(("turn:t.example", "turns:t.example"), "s3cret", "PEM").given_to("gate", EVENING)
    assert [server.authority for server in servers] == [None, "PEM"]
    assert all(server.username == f"{int(EVENING.timestamp()) + 8 * 3600}:gate" for server in servers)
