"""What every route is handed: the services, and who asks."""

from typing import Annotated

from fastapi import Depends, Query, Request

from vigie_hub.api.services import Services

LIMIT_MAX = 500


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _user(request: Request) -> str:
    user: str = request.state.caller.user
    return user


ServicesOf = Annotated[Services, Depends(_services)]
UserOf = Annotated[str, Depends(_user)]
CursorOf = Annotated[str | None, Query(description="`next` of the page before")]
LimitOf = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
