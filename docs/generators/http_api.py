"""The HTTP interface, from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from markdown import code, sentence, table

from visop.contract import OperatorInfo
from visop.http.app import build_app
from visop.http.endpoint import Endpoint
from visop.serving.convert import identity_json, identity_of
from visop.settings import Settings
from visop.web.engine.routes import engine_routes
from visop.web.engine.service import EngineService
from visop.web.indexes.registry import Indexes
from visop.web.indexes.routes import index_routes
from visop.web.routes import search_routes
from visop.web.search_server import both
from visop.web.service import SearchService

Json = Mapping[str, Any]

# Statuses that are no problems. FastAPI declares a 422 of its own where there are parameters; they end with a 400 here.
# Errors of the original engine have another form.
_OTHERS = ("200", "201", "422", "4XX", "5XX")
_FIELD_HEAD = ("field", "type", "meaning")


def reference(*paths: str, kind: str = "encoder") -> str:
    """These paths of an operator of a kind: what each takes, and what it answers."""
    document = _document(kind)
    operations = ((path, method, each) for path in paths for method, each in document["paths"][path].items())
    return "\n\n".join(text for operation in operations for text in _operation(document, *operation))


def _document(kind: str = "encoder") -> Json:
    """Of an operator that is never called: the routes hold on to it, and nothing more."""
    search = both(search_routes(cast(SearchService, None)), index_routes(cast(Indexes, None)))
    search = both(search, engine_routes(cast(EngineService, None)))
    info = OperatorInfo(name="visop", fingerprint="", dimension=0, metric_type="L2", type=kind)
    identity = identity_json(identity_of(info, "", Settings()))
    return build_app(cast(Endpoint, None), identity, Settings(), "127.0.0.1", search).openapi()


def _operation(document: Json, path: str, method: str, operation: Json) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield f"{sentence(operation['summary'])} {operation.get('description', '')}".strip()
    if parameters := operation.get("parameters"):
        yield _parameters(document, parameters)
    yield from _bodies(document, operation.get("requestBody", {}).get("content", {}))
    answers = operation["responses"]
    success = answers["201" if "201" in answers else "200"]
    for media_type, content in success.get("content", {}).items():
        if content["schema"]:
            yield from _answer(document, media_type, content, success["description"])
    yield f"Problems: {', '.join(code(status) for status in sorted(answers) if status not in _OTHERS)}."


def _parameters(document: Json, parameters: Sequence[Json]) -> str:
    rows = (
        [code(each["name"]), each["in"], _kind(document, each["schema"]), each.get("description", "–")]
        for each in parameters
    )
    return table(["parameter", "in", "type", "meaning"], rows)


def _bodies(document: Json, contents: Json) -> Iterator[str]:
    """Fields of a form are told in the words of the JSON fields of that name, where they have none of their own."""
    told: dict[str, str] = {}
    for media_type, content in contents.items():
        schema = _resolved(document, content["schema"])
        if "properties" not in schema:
            yield f"Body, `{media_type}`: the {_kind(document, schema)}."
            continue
        for name, field in schema["properties"].items():
            told[name] = field.get("description", told.get(name, "–"))
        yield f"Body, `{media_type}`:"
        rows = ([code(name), _kind(document, each), told[name]] for name, each in schema["properties"].items())
        yield table(_FIELD_HEAD, rows)


def _answer(document: Json, media_type: str, content: Json, description: str) -> Iterator[str]:
    schema = _resolved(document, content["schema"])
    of_each = _resolved(document, schema.get("items", {}))
    if "properties" in of_each:
        yield f"Answer, `{media_type}`: {description}"
        yield table(_FIELD_HEAD, _rows(document, of_each, "[]."))
    elif "properties" in schema:
        yield f"Answer, `{media_type}`: {schema.get('description', description)}"
        yield table(_FIELD_HEAD, _rows(document, schema, ""))
    else:
        yield f"Answer, `{media_type}`: {description}"


def _rows(document: Json, schema: Json, prefix: str) -> Iterator[list[str]]:
    for name, field in schema["properties"].items():
        yield [code(prefix + name), _kind(document, field), field.get("description", "–")]
        alternatives = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
        inner = _resolved(document, alternatives[0].get("items", alternatives[0]))
        if "properties" in inner:
            yield from _rows(document, inner, f"{prefix}{name}{'[]' if 'items' in field else ''}.")


def _kind(document: Json, schema: Json) -> str:
    schema = _resolved(document, schema)
    default = schema.get("default")
    if isinstance(default, bool | int | float | str) and default != "":
        told = default if isinstance(default, str) else json.dumps(default)
        return f"{_type(document, schema)}, default {code(told)}"
    return _type(document, schema)


def _type(document: Json, schema: Json) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(document, each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(code, schema["enum"]))
    if schema.get("type") == "array":
        return f"{_kind(document, schema['items'])} []"
    return "file" if schema.get("format") == "binary" else str(schema.get("type", "any"))


def _resolved(document: Json, schema: Json) -> Json:
    found: Any = document
    for part in schema.get("$ref", "").split("/")[1:]:
        found = found[part]
    return cast(Json, found) if "$ref" in schema else schema


def problems() -> str:
    """Every status of a problem, and what it means."""
    operations = [each for path in _document()["paths"].values() for each in path.values()]
    answers = {
        status: each["description"] for operation in operations for status, each in operation["responses"].items()
    }
    return table(
        ["status", "meaning"], ([status, answers[status]] for status in sorted(answers) if status not in _OTHERS)
    )
