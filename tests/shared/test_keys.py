"""Public keys as text: what nats-server's tools write is read, and one wrong character is noticed."""

import secrets

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from vigie_shared.errors import WireError
from vigie_shared.ids import PublicKey
from vigie_shared.keys import KEY_BYTES, raw_public_key


def public_key(prefix: int = nkeys.PREFIX_BYTE_USER) -> str:
    pair = nkeys.from_seed(bytearray(nkeys.encode_seed(secrets.token_bytes(32), prefix)))
    return bytes(pair.public_key).decode()


@pytest.mark.parametrize("prefix", [nkeys.PREFIX_BYTE_USER, nkeys.PREFIX_BYTE_SERVER])
def test_a_key_made_by_the_nkeys_library_is_read(prefix: int) -> None:
    key = public_key(prefix)
    assert len(raw_public_key(key)) == KEY_BYTES
    assert TypeAdapter(PublicKey).validate_python(key) == key


@given(st.integers(0, 55), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_one_wrong_character_is_noticed(place: int, letter: str) -> None:
    key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
    if key[place] == letter:
        assert raw_public_key(key)
    else:
        with pytest.raises(WireError, match="copy it again"):
            raw_public_key(key[:place] + letter + key[place + 1 :])


@pytest.mark.parametrize("text", ["", "U", "not a key", "u" * 56, "U" * 55, "1" * 56], ids=repr)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(WireError, match="public key"):
        raw_public_key(text)
