import re

import pytest

from vigie_agent.rtsp.authentication import Authenticator, parse_challenge, strongest


def test_basic_is_name_and_password() -> None:
    authenticator = Authenticator("Aladdin", "open sesame")
    assert authenticator.header("DESCRIBE", "rtsp://h/") is None
    assert authenticator.take(['Basic realm="WallyWorld"'])
    assert authenticator.header("DESCRIBE", "rtsp://h/") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [  # RFC 7616 §3.9.1, with the method and the URL of its example.
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digests_are_those_of_the_standard(algorithm: str, response: str) -> None:
    chance = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    authenticator = Authenticator("Mufasa", "Circle of Life", chance=lambda: chance)
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", '
        f'algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert authenticator.take([challenge])
    header = authenticator.header("GET", "/dir/index.html")
    assert header is not None
    assert re.search(r'[, ]response="(\w+)"', header).group(1) == response  # type: ignore[union-attr]
    assert "nc=00000001" in header
    assert "nc=00000002" in str(authenticator.header("GET", "/dir/index.html"))


def test_a_digest_without_qop_is_that_of_rfc_2069() -> None:
    authenticator = Authenticator("Mufasa", "CircleOfLife")
    assert authenticator.take(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    assert "1949323746fe6a43ef61f9606e7febea" in str(authenticator.header("GET", "/dir/index.html"))


def test_the_strongest_method_that_we_know_is_chosen() -> None:
    offers = [
        'Basic realm="r"',
        'Digest realm="r", nonce="1", algorithm=MD5',
        'Digest realm="r", nonce="2", algorithm=SHA-256',
        'Digest realm="r", nonce="3", algorithm=SHA-512-256',
        "Negotiate",
    ]
    chosen = strongest(offers)
    assert chosen is not None
    assert chosen.parameters["nonce"] == "2"
    assert strongest(["Negotiate", 'Digest realm="r"', 'Digest nonce="n", qop="auth-int"', ""]) is None


def test_a_second_refusal_is_final_unless_the_nonce_was_stale() -> None:
    authenticator = Authenticator("u", "p")
    assert authenticator.take(['Digest realm="r", nonce="1"'])
    assert authenticator.take(['Digest realm="r", nonce="2", stale=TRUE'])
    assert not authenticator.take(['Digest realm="r", nonce="3"'])


def test_quotes_and_commas_in_a_challenge_are_read_as_they_stand() -> None:
    challenge = parse_challenge('Digest realm="a, b = c",nonce=xyz , stale=true')
    assert challenge.parameters == {"realm": "a, b = c", "nonce": "xyz", "stale": "true"}
    assert challenge.is_stale
