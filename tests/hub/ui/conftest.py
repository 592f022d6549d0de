"""The same hub as the API's tests have."""

from tests.hub.api.conftest import hub, script, stranger

__all__ = ["hub", "script", "stranger"]
