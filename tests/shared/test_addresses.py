import pytest

from vigie_shared.addresses import is_loopback, plain_beyond_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "hub", "localhost.evil.org", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.org"])
def test_everything_else_is_beyond_it(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("nats://hub:4222", "tls"),
        ("http://10.0.0.7", "https"),
        ("nats://localhost@hub:4222", "tls"),
        ("nats://127.0.0.1:4222", None),
        ("http://[::1]:8080", None),
        ("tls://hub:4222", None),
        ("https://hub", None),
    ],
)
def test_plain_address_beyond_this_machine_names_what_it_needs(url: str, needed: str | None) -> None:
    assert plain_beyond_loopback(url) == needed
