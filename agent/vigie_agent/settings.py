"""All settings of an agent: read once from a TOML file and the environment, handed on by section."""

import difflib
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vigie_agent.camera_settings import CameraSettings, ClipSettings, MotionSettings, PlateSettings, Section
from vigie_agent.hotlists.settings import HotlistSettings, LawSettings
from vigie_agent.store.settings import StoreSettings
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_agent.uplink.settings import HeartbeatSettings, UplinkSettings
from vigie_agent.video.settings import VideoSettings
from vigie_shared import profiles
from vigie_shared.errors import SettingsError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import AgentId

ENV_PREFIX: Final = "VIGIE_AGENT__"


class DiscoverySettings(Section):
    """`[discovery]`: the announcement by which a hub on the same network finds this agent."""

    enabled: bool = Field(default=True, description="Whether the agent announces itself by multicast DNS.")
    interfaces: tuple[str, ...] = Field(
        default=(),
        description="Interfaces to announce on, by name (`eth0`) or address. None where empty: a network that is not "
        "the owner's own need not hear of the box, and enrolment needs no announcement.",
    )


class MetricsSettings(Section):
    """`[metrics]`: figures for Prometheus."""

    port: int | None = Field(
        default=None, ge=0, le=65_535, description="Port that answers Prometheus; none is open where it is not set."
    )
    address: str = Field(default="127.0.0.1", description="Address to listen on; only this machine by default.")


class AgentSettings(BaseSettings):
    """The root: one per process."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__", hide_input_in_errors=True
    )

    profile: Path | None = Field(
        default=None,
        description="A firmware profile, its path from this file's folder: defaults for a kind of device.",
    )
    law_profile: Path | None = Field(
        default=None,
        description="A law profile, its path from this file's folder: what may be kept. `[law]` can be stricter only.",
    )
    agent_id: AgentId = Field(description="Short name of this agent, unique at its hub: `a-z`, `0-9`, `-`.")
    data_dir: Path = Field(description="Folder for the store and the agent's key, on a local disk.")
    discovery: DiscoverySettings = DiscoverySettings()
    cameras: tuple[CameraSettings, ...] = Field(default=(), max_length=256)
    motion: MotionSettings = MotionSettings()
    plates: PlateSettings = PlateSettings()
    clips: ClipSettings = ClipSettings()
    store: StoreSettings = StoreSettings()
    hotlists: HotlistSettings = HotlistSettings()
    law: LawSettings = LawSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    metrics: MetricsSettings = MetricsSettings()
    uplink: UplinkSettings = UplinkSettings()
    link: LinkSettings = LinkSettings()
    video: VideoSettings = VideoSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _camera_ids_are_unique(self) -> "AgentSettings":
        seen: set[str] = set()
        for camera in self.cameras:
            if camera.camera_id in seen:
                raise ValueError(_("two cameras are called {camera_id}").format(camera_id=camera.camera_id))
            seen.add(camera.camera_id)
        return self


def load(path: Path) -> AgentSettings:
    """Read `path` and the environment; SettingsError says in one line what is wrong and where."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(_("cannot read {path}: {reason}").format(path=path, reason=error.strerror)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(_("{path} is not TOML: {reason}").format(path=path, reason=error)) from error
    _refuse_unknown_variables()
    if isinstance(profile := values.get("profile"), str):
        values = profiles.merged(profiles.load(path.parent / profile).settings, values)
    law = _law(path, values)
    try:
        return _lawful(AgentSettings(**profiles.merged({"law": law.model_dump(exclude_unset=True)}, values)), law, path)
    except ValidationError as error:
        raise SettingsError(_one_line(error, path)) from error
    except ValueError as error:  # a variable of the environment that is not what its section needs
        raise SettingsError(_("environment: {reason}").format(reason=error)) from error


def _law(path: Path, values: Mapping[str, Any]) -> LawSettings:
    """What the law profile asks, if one is named; it says nothing of anything else."""
    if not isinstance(profile := values.get("law_profile"), str):
        return LawSettings()
    asked = profiles.load(path.parent / profile)
    try:
        if asked.kind != "law" or set(asked.settings) != {"law"}:
            raise ValueError(_("a law profile has kind “law”, and settings of [law] alone"))
        return LawSettings(**asked.settings["law"])
    except ValueError as error:
        text = _("{path}: {key}: {message}")
        raise SettingsError(text.format(path=path, key="law_profile", message=error)) from error


def _lawful(settings: AgentSettings, law: LawSettings, path: Path) -> AgentSettings:
    """`settings`, unless they keep longer than the law profile lets them, wherever that was written."""
    most, asked = law.keep_non_hits_seconds, settings.law.keep_non_hits_seconds
    if most is not None and (asked is None or asked > most):
        text = _("{path}: law.keep_non_hits_seconds: the law profile allows {most:g} at most")
        raise SettingsError(text.format(path=path, most=most))
    return settings


def chosen_cameras(settings: AgentSettings, camera_ids: Sequence[str]) -> list[CameraSettings]:
    """The cameras of these ids, all where none is given; raises SettingsError for an unknown one."""
    known = {camera.camera_id: camera for camera in settings.cameras}
    for camera_id in camera_ids:
        if camera_id not in known:
            raise SettingsError(
                _("no camera is called {camera_id}; there are: {known}").format(
                    camera_id=camera_id, known=", ".join(known) or "–"
                )
            )
    return [known[camera_id] for camera_id in camera_ids or known]


def _refuse_unknown_variables() -> None:
    for variable in os.environ:
        section = variable.removeprefix(ENV_PREFIX).split("__")[0].lower()
        if variable.startswith(ENV_PREFIX) and section not in AgentSettings.model_fields:
            raise SettingsError(_unknown(section, _("environment variable {name}").format(name=variable)))


def _one_line(error: ValidationError, path: Path) -> str:
    faults = error.errors(include_url=False, include_input=False)
    first, *more = sorted(faults, key=lambda fault: fault["type"] != "extra_forbidden")  # a misspelt key is missing too
    key = ".".join(str(part) for part in first["loc"]) or _("the settings")
    if first["type"] == "extra_forbidden":
        line = _unknown(key, str(path))
    elif first["type"] == "missing":
        line = _("{path}: {key} is missing").format(path=path, key=key)
    else:
        message = first["msg"].removeprefix("Value error, ")
        line = _("{path}: {key}: {message}").format(path=path, key=key, message=message)
    return line + (_(" (and {count} more)").format(count=len(more)) if more else "")


def _unknown(key: str, where: str) -> str:
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    near = difflib.get_close_matches(plain, list(known_keys(AgentSettings)), n=1, cutoff=0.5)
    line = _("{where}: unknown setting “{key}”").format(where=where, key=key)
    return line + (_("; did you mean “{near}”?").format(near=near[0]) if near else "")


def known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting by its dotted name, `cameras.source`, sections included."""
    for name, field in model.model_fields.items():
        yield prefix + name
        for section in _sections(field.annotation):
            yield from known_keys(section, f"{prefix}{name}.")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from _sections(part)
