import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vigie_hub.keys import HubKeys
from vigie_shared.errors import StoreError
from vigie_shared.keys import raw_public_key


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first, second = HubKeys(tmp_path), HubKeys(tmp_path)
    assert first.receipts.public_key == second.receipts.public_key
    assert first.receipts.public_key[0] == "N"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["receipt.nk"]


def test_signature_is_one_that_anyone_with_the_public_key_can_check(tmp_path: Path) -> None:
    key = HubKeys(tmp_path).receipts
    signature = key.sign(b"words")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    Ed25519PublicKey.from_public_bytes(raw_public_key(key.public_key)).verify(raw, b"words")
    assert "=" not in signature


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    HubKeys(tmp_path)
    (tmp_path / "keys" / "receipt.nk").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        HubKeys(tmp_path)


@pytest.mark.parametrize("content", ["", "SUABC", "é"])
def test_damaged_key_is_one_clear_line(tmp_path: Path, content: str) -> None:
    HubKeys(tmp_path)
    (tmp_path / "keys" / "receipt.nk").write_text(content, encoding="utf-8")
    with pytest.raises(StoreError, match="damaged"):
        HubKeys(tmp_path)


def test_key_never_shows_its_seed(tmp_path: Path) -> None:
    key = HubKeys(tmp_path).receipts
    assert key.seed not in repr(key)
