"""docs/reference/settings.md: every setting of both sides, from their pydantic models."""

import ast
import importlib
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.reference.pages import NOTE, table

ROOTS: Final = {"agent": ("vigie_agent.settings", "AgentSettings"), "hub": ("vigie_hub.settings", "HubSettings")}
LIMITS: Final = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "max_length": "at most {} long"}
KINDS: Final = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
HEAD: Final = """\
# Settings

One TOML file a process, read once at the start. Each value can also come from the environment, which wins:
`VIGIE_AGENT__CLIPS__PRE_ROLL_SECONDS=10` is `pre_roll_seconds` in `[clips]` of the agent. A key that is not
listed here is refused, with the nearest one that is. `name[].key` stands in a `[[name]]` table, one each.

`VIGIE_LANGUAGE` (`en`, `fr`, `ar`) sets the language of commands and messages; without it, the locale does.
"""


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation: of a section, an optional one, or a list of them."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from sections(part)


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The string under each attribute, as PEP 257 has it."""
    texts: dict[str, str] = {}
    for kind in reversed([kind for kind in model.__mro__ if kind.__module__.startswith("vigie_")]):
        body = typing.cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]).body
        for line, below in pairwise(body):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(below, ast.Expr):
                texts[line.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return texts


def kind_of(annotation: Any) -> str:
    """What a value is, in a word that who writes TOML knows."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return KINDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (tuple, list):
        return f"list of {kind_of(parts[0])}"
    if origin is typing.Annotated:
        return kind_of(parts[0])
    return " or ".join(kind_of(part) for part in parts if part is not type(None))


def default_of(field: FieldInfo) -> str:
    """A default as TOML writes it."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value in (None, (), [], ""):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def limits_of(field: FieldInfo) -> str:
    """The range of a value."""
    marks = [(getattr(mark, name, None), form) for mark in field.metadata for name, form in LIMITS.items()]
    return ", ".join(form.format(limit) for limit, form in marks if limit is not None)


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str, str]]:
    """Every setting: its dotted name, kind, default, range and meaning."""
    texts = attribute_docstrings(model)
    for name, field in model.model_fields.items():
        inner = list(sections(field.annotation))
        if not inner:
            what = field.description or texts.get(name, "")
            yield f"{prefix}{name}", kind_of(field.annotation), default_of(field), limits_of(field), what
        for section in inner:
            many = "[]" if typing.get_origin(field.annotation) in (tuple, list) else ""
            yield from settings_of(section, f"{prefix}{name}{many}.")


def root(side: str) -> type[BaseModel]:
    """The settings of one side's process."""
    module, name = ROOTS[side]
    found: type[BaseModel] = getattr(importlib.import_module(module), name)
    return found


def page() -> str:
    """The whole page."""
    parts = [NOTE, HEAD]
    for side in ROOTS:
        rows = [(f"`{key}`", *rest) for key, *rest in settings_of(root(side))]
        parts += [f"## {side.capitalize()}\n", table(("setting", "kind", "default", "range", "meaning"), rows)]
    return "\n".join(parts)
