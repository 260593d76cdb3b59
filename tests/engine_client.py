"""A client of the original engine, written from its documentation alone: the guides, and the OpenAPI file of 0.2.0."""

from __future__ import annotations

import base64
from typing import Any

import httpx


class EngineClient:
    """Calls ``/v1`` as the examples of the documentation do with curl.

    Args:
        address: HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        self.http = httpx.Client(base_url=f"http://{address}/v1", timeout=20)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call, and fail on anything but 200."""
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def error(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """The status and the name of an error."""
        answer = self.http.request(method, path, json=body)
        assert set(answer.json()) == {"message", "error"}, answer.text
        assert answer.json()["message"]
        return answer.status_code, answer.json()["error"]

    def register(self, name: str, addr: str, type_: str) -> Any:
        body = {"name": name, "addr": addr, "author": "me", "type": type_, "description": "toy", "version": "0.1.0"}
        return self.call("POST", "/operator/register", body)

    def pipeline(self, name: str, encoder: str, *processors: str) -> Any:
        """Make the instances as the guide says, and the pipeline."""
        for each in (*processors, encoder):
            self.http.post(f"/operator/{each}/instances/{each}_1")
        stages = [{"name": each, "instance": f"{each}_1"} for each in processors]
        body = {"description": "toys", "processors": stages, "encoder": {"name": encoder, "instance": f"{encoder}_1"}}
        return self.call("POST", f"/pipeline/{name}", body)

    def application(self, name: str, bucket: str, **fields: str | tuple[str, Any]) -> Any:
        """Make an application: a field has the name of its pipeline, or a type and a value."""
        made = {
            field: {"type": "pipeline", "value": of} if isinstance(of, str) else {"type": of[0], "value": of[1]}
            for field, of in fields.items()
        }
        return self.call("POST", f"/application/{name}", {"fields": made, "s3Bucket": bucket})

    def upload(self, application: str, **fields: Any) -> Any:
        """Upload one entity; bytes are the file of a picture, and text is its address."""
        [entity] = self.call("POST", f"/application/{application}/upload", {"fields": given(**fields)})
        return entity

    def search(self, application: str, topk: int = 10, score_mode: str | None = None, **fields: Any) -> list[str]:
        """The ids of what is found."""
        wanted = given(**fields) | ({"score_mode": score_mode} if score_mode else {})
        body = {"fields": wanted, "topk": topk, "nprobe": 16}
        return [each["_id"] for each in self.call("POST", f"/application/{application}/search", body)]


def given(**fields: Any) -> dict[str, Any]:
    """Fields as the documentation has them."""
    return {name: _given(value) for name, value in fields.items()}


def _given(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"data": f"data:image/png;base64,{base64.b64encode(value).decode()}"}
    return {"url": value} if isinstance(value, str) else value
