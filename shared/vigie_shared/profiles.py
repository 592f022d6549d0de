"""Firmware profiles: what is right for one kind of device, as data. A profile gives defaults, a site's settings win."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_shared.errors import SettingsError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import NAME_PATTERN


class Profile(BaseModel):
    """One file of `firmware_profiles/` or `law_profiles/`; `settings` has the shape of the agent's settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile_schema: Literal[1] = Field(alias="schema")
    slug: str = Field(pattern=NAME_PATTERN)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    kind: Literal["encoder", "vehicle", "bodycam_dock", "law"]
    extends: str | None = Field(default=None, pattern=NAME_PATTERN)
    """Another profile of the same folder, which must not extend one itself."""
    evidence: tuple[str, ...] = ()
    """Where the values come from."""
    verified_on: tuple[str, ...] = ()
    """Devices and firmware that this was really tried on; empty is honest."""
    settings: Mapping[str, Any] = Field(default_factory=dict)


def load(path: Path) -> Profile:
    """The profile of `path`, with what it extends; raises SettingsError with file, place and reason."""
    profile = _read(path)
    if profile.extends is None:
        return profile
    base = _read(path.with_name(f"{profile.extends}.toml"))
    if base.extends is not None:
        raise SettingsError(
            _("profile {path}: extends {base}, which extends {other}: one level is allowed").format(
                path=path, base=base.slug, other=base.extends
            )
        )
    return profile.model_copy(update={"settings": merged(base.settings, profile.settings)})


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the tables and values of `over` on top; lists are replaced whole."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def _read(path: Path) -> Profile:
    try:
        with path.open("rb") as stream:
            profile = Profile.model_validate(tomllib.load(stream))
    except OSError as error:
        raise SettingsError(_("profile {path}: {reason}").format(path=path, reason=error.strerror)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_("profile {path}: not TOML: {reason}").format(path=path, reason=error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            _("profile {path}: {where}: {reason}").format(path=path, where=where, reason=first["msg"])
        ) from error
    if profile.slug != path.stem:
        raise SettingsError(
            _("profile {path}: its slug is {slug}; name the file {slug}.toml").format(path=path, slug=profile.slug)
        )
    return profile
