"""Every test starts with the same environment: none of the caller's `VIGIE_*`, in English."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Hide the caller's settings and language, from processes that tests start too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VIGIE_")]:
            patch.delenv(name)
        patch.setenv("VIGIE_LANGUAGE", "en")
        patch.setenv("NO_COLOR", "1")
        patch.delenv("FORCE_COLOR", raising=False)
        yield


@pytest.fixture(autouse=True)
def environment_is_left_as_found(clean_environment: None) -> Iterator[None]:
    """Fail a test that changes the environment other than by `monkeypatch`."""
    before = _environment()
    yield
    if changed := sorted(name for name, _value in before ^ _environment()):
        pytest.fail(f"environment left changed: {', '.join(changed)}", pytrace=False)


def _environment() -> set[tuple[str, str]]:
    return {item for item in os.environ.items() if item[0] != "PYTEST_CURRENT_TEST"}
