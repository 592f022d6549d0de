import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vigie_hub.bus.login import Login
from vigie_shared.keys import raw_public_key


def test_login_answers_with_the_key_that_its_token_is_for() -> None:
    keys: list[str] = []

    def issue(public_key: str) -> str:
        keys.append(public_key)
        return "token"

    login = Login("_H", issue)
    assert (login.token(), login.token()) == (b"token", b"token")
    assert keys[0] == keys[1]
    Ed25519PublicKey.from_public_bytes(raw_public_key(keys[0])).verify(
        base64.b64decode(login.answer("nonce")), b"nonce"
    )
    assert Login("_H", issue).answer("nonce") != login.answer("nonce")
