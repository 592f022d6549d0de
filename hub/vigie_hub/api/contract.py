"""The API's contract as OpenAPI 3.1: what FastAPI gathers, and what it cannot know."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from vigie_hub.api.problems import MEDIA_TYPE, Problem

PROBLEM_RESPONSE: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


def contract_of(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; made once."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title, version=api.version, summary=api.summary, description=api.description, routes=api.routes
        )
        parts = document["components"]
        parts["schemas"]["Problem"] = Problem.model_json_schema()
        parts["securitySchemes"] = {
            "basic": {"type": "http", "scheme": "basic"},
            "session": {"type": "apiKey", "in": "cookie", "name": "vigie_session"},
        }
        document["security"] = [{"basic": []}, {"session": []}]
        api.openapi_schema = document
    return api.openapi_schema
