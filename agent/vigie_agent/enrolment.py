"""The hub's API as an agent uses it: to enrol with a code, and to renew a token that nats-server takes no more.

The certificate authority comes over a connection that vouches for nothing; the code's fingerprint vouches for it, and
the secret leaves only over a connection that the authority vouches for.
"""

import hmac
import json
import ssl
import urllib.error
import urllib.request
from typing import Final

from vigie_agent.credentials import signed_wish
from vigie_agent.keys import AgentKey, HubKey
from vigie_shared.enrolment import Code, Membership, Wish, fingerprint, read_unverified
from vigie_shared.errors import CommandError, LinkError, SignatureError, WireError
from vigie_shared.i18n import gettext as _

TIMEOUT_SECONDS: Final = 30.0
_ANSWER_BYTES_MAX: Final = 64 * 1024
_REFUSED: Final = frozenset({403, 422})


def enrol(code: Code, key: AgentKey) -> Membership:
    """Spend `code`; blocks. Raises CommandError where the hub refuses, LinkError where it cannot be reached."""
    authority = _ask(f"{code.url}/api/v1/enrolment/authority", None, _believing_nobody()).decode(errors="replace")
    try:
        genuine = hmac.compare_digest(fingerprint(authority), code.fingerprint)
    except WireError:
        genuine = False
    if not genuine:
        raise CommandError(
            _("{url} is not the hub that made this code: its certificates are another's").format(url=code.url)
        )
    sealed = _ask(f"{code.url}/api/v1/enrolment", signed_wish(key, code.agent_id, code.secret), _believing(authority))
    membership, envelope = read_unverified(sealed)
    if not HubKey(membership.hub_key).verify(envelope.body.encode(), envelope.signature):
        raise SignatureError(_("credentials: not signed with the key that they name"))
    if membership.agent_id != code.agent_id:
        raise WireError(_("credentials: for another agent"))
    return membership


def renew(membership: Membership, wish: Wish) -> bytes:
    """A sealed renewal; blocks. Raises CommandError where the hub refuses, LinkError where it cannot be reached."""
    return _ask(f"{membership.api_url}/api/v1/enrolment/renewal", wish, _believing(membership.authority))


def _believing(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority)


def _believing_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _ask(url: str, wish: Wish | None, context: ssl.SSLContext) -> bytes:
    """GET, or POST where there is something to say."""
    request = urllib.request.Request(  # noqa: S310 (http and https only, by the code's and the membership's pattern)
        url,
        data=wish.model_dump_json().encode() if wish else None,
        headers={"Content-Type": "application/json"} if wish else {},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            answer: bytes = response.read(_ANSWER_BYTES_MAX)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            detail = _detail(error.read(_ANSWER_BYTES_MAX)) or f"HTTP {error.code}"
        if error.code in _REFUSED:
            raise CommandError(_("the hub refuses: {reason}").format(reason=detail)) from error
        raise LinkError(_("the hub at {url} does not help: {reason}").format(url=url, reason=detail)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise LinkError(_("cannot reach the hub at {url}: {reason}").format(url=url, reason=reason)) from error


def _detail(problem: bytes) -> str:
    """What a problem document says (RFC 9457)."""
    try:
        told = json.loads(problem)
        return f"{told['title']}. {told['detail']}"
    except (ValueError, KeyError, TypeError):
        return ""
