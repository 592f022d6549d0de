"""A receipt counts only with the hub's signature over exactly its text."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vigie_shared.errors import SignatureError, WireError
from vigie_shared.ids import unique_id
from vigie_shared.receipts import Envelope, Receipt, seal, unseal

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
RECEIPT = Receipt(agent_id="rabat-1", epoch=unique_id(AT), watermarks={"lpr": 41, "mot": 7}, issued_at=AT)


class Key:
    """An Ed25519 key pair that signs and verifies, as each side's own modules do."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()

    def sign(self, message: bytes) -> str:
        return base64.urlsafe_b64encode(self._private.sign(message)).decode().rstrip("=")

    def verify(self, message: bytes, signature: str) -> bool:
        public: Ed25519PublicKey = self._private.public_key()
        try:
            public.verify(base64.urlsafe_b64decode(signature + "=="), message)
        except InvalidSignature:
            return False
        return True


def test_a_sealed_receipt_is_read_by_whom_it_was_signed_for() -> None:
    key = Key()
    assert unseal(seal(RECEIPT, key), key) == RECEIPT


def test_a_receipt_of_another_hub_is_refused_and_says_what_to_check() -> None:
    with pytest.raises(SignatureError, match=r"hub\.public_key"):
        unseal(seal(RECEIPT, Key()), Key())


def test_a_changed_watermark_is_noticed() -> None:
    key = Key()
    envelope = Envelope.model_validate_json(seal(RECEIPT, key))
    forged = envelope.model_copy(update={"body": envelope.body.replace("41", "99")})
    assert forged.body != envelope.body
    with pytest.raises(SignatureError):
        unseal(forged.model_dump_json().encode(), key)


@pytest.mark.parametrize("payload", [b"", b"{}", b"null", b'{"body": 1, "signature": ""}'], ids=repr)
def test_what_is_no_envelope_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError, match="not a signed envelope"):
        unseal(payload, Key())


def test_a_signed_text_that_is_no_receipt_is_refused() -> None:
    key, body = Key(), '{"agent_id": "rabat-1"}'
    envelope = Envelope(body=body, signature=key.sign(body.encode()))
    with pytest.raises(WireError, match="receipt:"):
        unseal(envelope.model_dump_json().encode(), key)


def test_a_watermark_of_a_newer_hub_s_lane_is_left_out() -> None:
    key = Key()
    body = RECEIPT.model_dump_json().replace('"mot"', '"cat"')
    envelope = Envelope(body=body, signature=key.sign(body.encode()))
    assert unseal(envelope.model_dump_json().encode(), key).watermarks == {"lpr": 41}
