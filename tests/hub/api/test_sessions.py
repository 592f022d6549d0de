from vigie_hub.api.sessions import AGE_SECONDS_MAX, IDLE_SECONDS_MAX, Sessions


def test_token_opens_until_closed() -> None:
    sessions = Sessions()
    token = sessions.open("amal", 0)
    assert sessions.user(token, 1) == "amal"
    sessions.close(token)
    assert sessions.user(token, 1) is None


def test_other_tokens_open_nothing() -> None:
    sessions = Sessions()
    sessions.open("amal", 0)
    assert sessions.user("", 0) is None
    assert sessions.user("guess", 0) is None


def test_use_prolongs_a_session_but_not_for_ever() -> None:
    sessions = Sessions()
    token, now, step = sessions.open("amal", 0), 0.0, IDLE_SECONDS_MAX - 1
    while now + step <= AGE_SECONDS_MAX:
        now += step
        assert sessions.user(token, now) == "amal"
    assert sessions.user(token, AGE_SECONDS_MAX + 1) is None


def test_full_table_ends_the_session_unused_for_longest() -> None:
    sessions = Sessions(sessions_max=2)
    first, second = sessions.open("amal", 0), sessions.open("badr", 1)
    sessions.user(first, 2)
    third = sessions.open("dina", 3)
    assert [sessions.user(token, 4) for token in (first, second, third)] == ["amal", None, "dina"]
