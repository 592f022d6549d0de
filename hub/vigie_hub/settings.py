"""The hub's settings: one TOML file, each value overridden by `VIGIE_HUB__SECTION__KEY`; read once, then frozen."""

import difflib
import os
import socket
import ssl
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vigie_shared.addresses import is_loopback, plain_beyond_loopback
from vigie_shared.errors import CommandError, SettingsError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import ICE_SERVERS_MAX, IceServers, IceUrl

_PREFIX: Final = "VIGIE_HUB__"
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104
Port = Annotated[int, Field(ge=0, le=65_535)]


def _not_in_the_clear(url: str) -> str:
    if scheme := plain_beyond_loopback(url):
        raise ValueError(_("beyond this machine it must be {scheme}://…").format(scheme=scheme))
    return url


BusUrl = Annotated[str, Field(pattern=r"^(nats|tls)://[^/\s]+$"), AfterValidator(_not_in_the_clear)]
ApiUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+$"), AfterValidator(_not_in_the_clear)]


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NatsSettings(Section):
    """Where nats-server is; with `--embedded-nats` the hub starts one there."""

    url: BusUrl = "nats://127.0.0.1:4222"
    """The hub's own way to nats-server; `tls://` beyond this machine."""
    agents_url: BusUrl | None = None
    """The same server as agents reach it, where that differs."""
    agents_urls_more: tuple[BusUrl, ...] = Field(default=(), max_length=8)
    """Where else agents may find it: by another network, or at the address that it is going to have."""
    stream_bytes_max: int = Field(default=4 * 1024**3, ge=1024**2)
    """A full stream refuses; what it refuses waits in the agents' outboxes."""
    stream_hours: float = Field(default=48, gt=0)
    """How long the stream keeps events that the hub has not read."""
    replicas: int = Field(default=1, ge=1, le=5)
    """Servers of a cluster that keep the stream: 3 survive the loss of one."""


class ApiSettings(Section):
    """Where the page and the HTTP API listen."""

    host: str = "127.0.0.1"
    """The address to listen on: this machine alone unless changed."""
    port: Port = 8080
    """The port to listen on; 0 takes a free one."""
    url: ApiUrl | None = None
    """The same as agents reach it, where that differs; enrolment codes name it."""


class TlsSettings(Section):
    """Certificates for nats-server and the API beyond this machine; without them the hub makes its own."""

    certificate: Path | None = None
    """The server's certificate and what is between it and the authority, PEM."""
    key: Path | None = None
    """Its private key, PEM."""
    authority: Path | None = None
    """The certificate authority that agents are to believe, PEM."""

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        given = {self.certificate is None, self.key is None, self.authority is None}
        if len(given) > 1:
            raise ValueError(_("certificate, key and authority go together: give all three, or none"))
        return self


class FleetSettings(Section):
    """How agents become known."""

    discover: bool = True
    """Whether announcements on the local network are shown; they enrol nobody."""
    interfaces: tuple[str, ...] = ()
    """Interfaces to listen on, by name (`eth0`) or address; none where empty: the hub asks no network unbidden."""


class VideoSettings(Section):
    """How clips are pulled, and cameras watched live."""

    pulls_at_once: int = Field(default=4, ge=1, le=64)
    """Pulls that run at the same time, all agents together."""
    road: Literal["auto", "tcp", "channel"] = "auto"
    """How clips come: over TCP (HTTPS to the API), over WebRTC's data channel, or by whichever is faster."""
    ice_servers: tuple[IceUrl, ...] = Field(default=(), max_length=ICE_SERVERS_MAX)
    """STUN and TURN servers, `turns:turn.example.org:5349?transport=tcp`, for the hub, its agents and viewers; none:
    host candidates only."""
    turn_secret_file: Path | None = None
    """A file with the secret that the TURN server knows (coturn's `static-auth-secret`): the hub makes credentials with
    it that last 8 hours."""
    turn_authority_file: Path | None = None
    """The certificate authority that the hub and its agents believe about `turns:` servers, PEM; none: those that each
    machine believes. Browsers know their own."""
    viewers_max: int = Field(default=200, ge=1, le=10_000)
    """Views of live video and of clips at the edge that are open at the same time."""
    viewers_per_user_max: int = Field(default=16, ge=1, le=1_000)
    """How many of them one user may have."""

    def ice(self) -> IceServers:
        """The servers, with what the files hold; raises SettingsError where one cannot be read."""
        return IceServers(self.ice_servers, self.turn_secret(), self.turn_authority())

    def turn_secret(self) -> str | None:
        """What `turn_secret_file` holds; raises SettingsError where it cannot be read."""
        return _read_setting("video.turn_secret_file", self.turn_secret_file)

    def turn_authority(self) -> str | None:
        """What `turn_authority_file` holds; raises SettingsError where it cannot be read, or is no certificate."""
        authority = _read_setting("video.turn_authority_file", self.turn_authority_file)
        if authority is not None:
            try:
                ssl.create_default_context(cadata=authority)
            except ssl.SSLError as error:
                raise SettingsError(
                    _("video.turn_authority_file: {path} holds no certificate (PEM)").format(
                        path=self.turn_authority_file
                    )
                ) from error
        return authority


class AlertSettings(Section):
    """How hits are followed up."""

    crops_at_once: int = Field(default=8, ge=1, le=64)
    """Pictures asked for at the same time, all agents together."""
    crop_timeout_seconds: float = Field(default=15, gt=0)
    """How long an agent may take to send the picture of a plate."""


class HotlistSettings(Section):
    """How hotlists reach the agents."""

    confirm_minutes: float = Field(default=15, gt=0, le=1440)
    """How often a list that has not changed is signed anew, so that agents know how old their copy is."""


class HubSettings(BaseSettings):
    """All of the hub's settings."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    data_dir: Path
    """Holds the read model, the archive and the keys; local disk only."""
    nats: NatsSettings = NatsSettings()
    api: ApiSettings = ApiSettings()
    tls: TlsSettings = TlsSettings()
    fleet: FleetSettings = FleetSettings()
    video: VideoSettings = VideoSettings()
    alerts: AlertSettings = AlertSettings()
    hotlists: HotlistSettings = HotlistSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file."""
        return env_settings, init_settings

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Read the file, if any, and the environment; raises SettingsError with one line."""
        document = _document(path) if path else {}
        where = str(path) if path else _("environment")
        for name in os.environ:
            key = name.removeprefix(_PREFIX).split("__")[0].lower()
            if name.startswith(_PREFIX) and key not in cls.model_fields:
                raise SettingsError(f"{name}: {_unknown((key,), cls)}")
        try:
            return cls(**document)
        except ValidationError as error:
            raise SettingsError(f"{where}: {_first_fault(error, cls)}") from error

    @property
    def api_is_secure(self) -> bool:
        """Whether the API speaks HTTPS: always, unless only this machine can reach it."""
        return not is_loopback(self.api.host)

    @property
    def api_url(self) -> str:
        """The API as agents reach it; raises CommandError where the settings do not say."""
        host = f"[{self.api.host}]" if ":" in self.api.host else self.api.host
        if self.api.url is None and (self.api.port == 0 or self.api.host in EVERYWHERE):
            raise CommandError(_("set api.url: the address at which agents reach this hub, https://host:port"))
        return self.api.url or f"{'https' if self.api_is_secure else 'http'}://{host}:{self.api.port}"

    @property
    def agents_url(self) -> str:
        """nats-server as agents reach it; raises CommandError where the settings do not say."""
        url = self.nats.agents_url or self.nats.url
        if urlsplit(url).hostname in EVERYWHERE:
            raise CommandError(_("set nats.agents_url: the address at which agents reach nats-server, tls://host:port"))
        return url

    @property
    def hosts(self) -> set[str]:
        """All names and addresses that the hub's certificate must bear."""
        urls = (self.nats.url, self.nats.agents_url, *self.nats.agents_urls_more, self.api.url)
        found = {urlsplit(url).hostname for url in urls if url} | {self.api.host, socket.gethostname()}
        return {host for host in found if host and host not in EVERYWHERE}

    @property
    def database_path(self) -> Path:
        """The read model's file."""
        return self.data_dir / "hub.db"

    @property
    def archive_dir(self) -> Path:
        """Where pulled clips lie."""
        return self.data_dir / "archive"


def _read_setting(name: str, path: Path | None) -> str | None:
    """What the file that setting `name` names holds; raises SettingsError where it cannot be read."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(_("{name}: {path} cannot be read").format(name=name, path=path)) from error
    if not text:
        raise SettingsError(_("{name}: {path} is empty").format(name=name, path=path))
    return text


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            _("{path}: {reason}; name the hub's settings file with --settings").format(path=path, reason=error.strerror)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(_("{path}: not TOML: {reason}").format(path=path, reason=error)) from error


def _first_fault(error: ValidationError, model: type[BaseModel]) -> str:
    faults = error.errors(include_url=False, include_input=False)
    fault = min(faults, key=lambda one: one["type"] != "extra_forbidden")  # a misspelt key is missing too
    if fault["type"] == "extra_forbidden":
        return _unknown(fault["loc"], model)
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return _("setting {name} is missing: set it").format(name=name)
    return _("setting {name}: {reason}").format(name=name, reason=fault["msg"])


def _unknown(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """One line on a key that no setting has, with the nearest that one has."""
    known: type[BaseModel] = model
    for part in location[:-1]:
        if isinstance(part, str):
            inner = known.model_fields[part].annotation
            known = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else Section
    name = ".".join(str(part) for part in location)
    near = difflib.get_close_matches(str(location[-1]), known.model_fields, n=1, cutoff=0.5)
    if near:
        return _("unknown setting {name}: did you mean {near}?").format(name=name, near=near[0])
    return _("unknown setting {name}: here one of {known} can stand").format(
        name=name, known=", ".join(sorted(known.model_fields))
    )
