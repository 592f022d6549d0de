"""Offers and answers: what is wanted travels with the offer, and a refusal is told from an answer."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.commands import Refused
from vigie_shared.ids import unique_id
from vigie_shared.signaling import OFFER_REPLY, Answer, ClipWanted, Offer

ID = unique_id(datetime(2026, 3, 1, 8, tzinfo=UTC))
OFFER = Offer(session_id=ID, sdp="v=0\r\n", wanted=ClipWanted(clip_id=ID))


def test_an_offer_survives_the_wire_with_its_line_ends() -> None:
    assert Offer.model_validate_json(OFFER.model_dump_json()) == OFFER


@pytest.mark.parametrize("reply", [Answer(sdp="v=0\r\n"), Refused(reason="gone")], ids=["answer", "refusal"])
def test_a_reply_is_read_as_what_it_is(reply: Answer | Refused) -> None:
    assert OFFER_REPLY.validate_json(OFFER_REPLY.dump_json(reply)) == reply


@pytest.mark.parametrize(
    "bad",
    [{"sdp": "x" * 70_000}, {"session_id": "1"}, {"wanted": {"want": "face"}}],
    ids=lambda bad: next(iter(bad)),
)
def test_an_offer_out_of_its_bounds_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Offer.model_validate({**OFFER.model_dump(), **bad})
