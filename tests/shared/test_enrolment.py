import re
from datetime import UTC, datetime
from pathlib import Path

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.agents import NOON, new_key
from tests.hub.site import hub_settings
from vigie_agent.keys import HubKey
from vigie_hub.identity import Identity
from vigie_shared.enrolment import (
    FINGERPRINT_BYTES,
    SECRET_BYTES,
    Code,
    Membership,
    fingerprint,
    seal,
    unseal,
)
from vigie_shared.errors import CommandError, SignatureError, WireError

CODE = Code("gate-1", "https://hub.example.org:8443", bytes(range(FINGERPRINT_BYTES)), bytes(range(SECRET_BYTES)))


def membership(token: str, nats_url: str = "tls://hub:4222") -> Membership:
    return Membership.model_construct(
        agent_id="gate-1",
        hub_key=HUB.public_key,
        token=token,
        nats_url=nats_url,
        api_url="https://hub:8443",
        authority="",
    )


HUB = new_key(nkeys.PREFIX_BYTE_SERVER)


def test_code_is_short_and_comes_back_whole() -> None:
    text = str(CODE)
    assert re.fullmatch(r"gate-1@hub\.example\.org:8443/([0-9A-HJKMNP-TV-Z]{5}-){7}[0-9A-HJKMNP-TV-Z]{5}", text)
    assert Code.parse(text) == CODE


def test_code_may_be_typed_in_small_letters_without_hyphens_and_with_look_alikes() -> None:
    where, _slash, groups = str(CODE).rpartition("/")
    typed = groups.replace("-", " ").lower().replace("0", "o").replace("1", "l")
    assert Code.parse(f" {where}/{typed}\n") == CODE


@given(
    secret=st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
    seal_of=st.binary(min_size=FINGERPRINT_BYTES, max_size=FINGERPRINT_BYTES),
    address=st.sampled_from(
        ["https://10.0.0.7:8443", "http://127.0.0.1:8080", "https://[fd00::1]:8443", "https://hub"]
    ),
)
def test_every_code_comes_back_whole(secret: bytes, seal_of: bytes, address: str) -> None:
    code = Code("a", address, seal_of, secret)
    assert Code.parse(str(code)) == code


@given(place=st.integers(min_value=0), letter=st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_one_wrong_letter_is_noticed_before_anything_is_sent(place: int, letter: str) -> None:
    text = str(CODE)
    start = text.index("/") + 1
    letters = [at for at in range(start, len(text)) if text[at] != "-"]
    at = letters[place % len(letters)]
    if text[at] == letter:
        return
    with pytest.raises(CommandError, match="not whole"):
        Code.parse(text[:at] + letter + text[at + 1 :])


@pytest.mark.parametrize(
    "text", ["", "/", "gate-1", "@/", "gate-1@hub", str(CODE)[:-1], str(CODE)[1:], str(CODE).replace("8443", "x")]
)
def test_what_is_no_code_is_one_clear_line(text: str) -> None:
    with pytest.raises(CommandError, match="not whole") as caught:
        Code.parse(text)
    assert "\n" not in str(caught.value)


def test_code_never_leads_into_the_clear() -> None:
    plain = Code(CODE.agent_id, "http://hub.example.org:8080", CODE.fingerprint, CODE.secret)
    with pytest.raises(CommandError, match="https:// only"):
        Code.parse(str(plain))


def test_fingerprint_is_of_the_certificates_and_not_of_what_is_written_around_them(tmp_path: Path) -> None:
    first = Identity.of(hub_settings(tmp_path / "1")).certificates
    second = Identity.of(hub_settings(tmp_path / "2")).certificates
    pem = first.authority_pem()
    assert fingerprint(f"# ours\n{pem}\n".replace("\n", "\r\n")) == first.fingerprint() != second.fingerprint()
    for nothing in ("", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----"):
        with pytest.raises(WireError):
            fingerprint(nothing)


def test_membership_is_believed_from_the_hub_alone(tmp_path: Path) -> None:
    trust = Identity.of(hub_settings(tmp_path)).trust
    given = membership(trust.agent_token("gate-1", new_key().public_key))
    sealed = seal(given, HUB)
    read = unseal(sealed, HubKey(HUB.public_key))
    assert read.expires_at() > read.issued_at() > NOON
    assert (read.issued_at() - datetime.now(UTC)).total_seconds() < 1
    for forged in (sealed.replace(b"hub:4222", b"bad:4222"), seal(given, new_key(nkeys.PREFIX_BYTE_SERVER))):
        with pytest.raises(SignatureError):
            unseal(forged, HubKey(HUB.public_key))


@pytest.mark.parametrize("url", ["nats://hub:4222", "http://hub", "hub", ""])
def test_membership_never_leads_into_the_clear(url: str) -> None:
    with pytest.raises(WireError):
        unseal(seal(membership("a.b.c", url), HUB), HubKey(HUB.public_key))
    known = membership("a.b.c")
    with pytest.raises(WireError):
        unseal(seal(known.model_copy(update={"nats_urls_more": (known.nats_url, url)}), HUB), HubKey(HUB.public_key))


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "a.W10.c"])
def test_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(WireError):
        membership(token).expires_at()
