"""Any plate of each kind, made from the rules of the road and not from the grammars."""

from hypothesis import strategies as st

from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, Plate, PlateKind

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def numbers(least: int, most: int) -> st.SearchStrategy[str]:
    return st.integers(least, most).map(str)


def digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=least, max_size=most)


CIVIL = st.builds(
    Plate,
    kind=st.just("civil"),
    serial=numbers(1, 99_999),
    letter=st.sampled_from(CIVIL_LETTERS + SERVICE_LETTERS),
    region=st.integers(1, 89),
)
MOPED = st.builds(Plate, kind=st.just("moped"), serial=digits(6, 6), region=st.integers(1, 89))
DIPLOMATIC = st.builds(
    Plate,
    kind=st.just("diplomatic"),
    serial=numbers(1, 9_999),
    letter=st.sampled_from(["CD", "CMD", "CC", "PAT", "CI"]),
    region=st.integers(1, 999),
)
BEFORE_2000 = st.builds(
    Plate, kind=st.just("before2000"), serial=numbers(1, 9_999), letter=numbers(1, 99), region=st.integers(1, 9)
)


def followed_by(kind: PlateKind, digits_least: int, *tokens: str) -> st.SearchStrategy[Plate]:
    serial = digits(digits_least, 6)
    return st.builds(Plate, kind=st.just(kind), serial=serial, letter=st.sampled_from(tokens))


SERVICES = (
    followed_by("ww", 5, "WW"),
    followed_by("w18", 1, "W18"),
    followed_by("state", 5, "M", "المغرب", "ج"),
    followed_by("police", 5, "ش"),
    followed_by("forces", 5, "قس", "قمم"),
)
MOROCCAN_PLATES = st.one_of(CIVIL, MOPED, DIPLOMATIC, BEFORE_2000, *SERVICES)
EUROPEAN = st.builds(
    Plate,
    kind=st.just("european"),
    serial=st.one_of(
        st.builds("{}{}{}".format, st.text(LATIN, min_size=1, max_size=3), digits(1, 3), st.text(LATIN, max_size=2)),
        st.builds("{}{}".format, st.text(LATIN, min_size=1, max_size=2), digits(3, 5)),
        st.builds("{}{}{}".format, digits(1, 1), st.sampled_from(LATIN), digits(5, 5)),
        st.text(LATIN, min_size=4, max_size=8),
    ).filter(lambda text: 4 <= len(text) <= 8),
    country=st.sampled_from(["", "D", "SK", "EST"]),
)
ANY = st.one_of(MOROCCAN_PLATES, EUROPEAN)
