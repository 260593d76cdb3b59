"""Submit many pictures of this machine to a service, as a job: in requests of a bounded size, from where it stopped."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from visop.analyses.form_body import form_body
from visop.analyses.service_client import ServiceClient
from visop.client import Backoff
from visop.errors import VisopError
from visop.sources import read_input, stored_name

#: Of one request, unless a single picture has more.
MOST_BYTES = 8_000_000
MOST_PICTURES = 64

# For one request, with the waits between its tries.
_PATIENCE_S = 90.0


@dataclass
class Sent:
    """How far a submission is.

    Attributes:
        job: as the service last described it.
        unreadable: the pictures that could not be read here, each with its error.
    """

    job: dict[str, Any]
    unreadable: dict[str, VisopError] = field(default_factory=dict)


def key_of(names: Sequence[str], *more: object) -> str:
    """What is the same for the same pictures, unchanged, and the same options: the key of their job."""
    digest = hashlib.sha256(repr(more).encode())
    for name in names:
        digest.update(f"\n{stored_name(name)}{_facts(name)}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _facts(name: str) -> str:
    try:
        facts = os.stat(name)
    except (OSError, ValueError):
        return ""
    return f" {facts.st_size} {facts.st_mtime_ns}"


def submit_pictures(
    service: ServiceClient, job: dict[str, Any], names: Sequence[str], max_bytes: int, on_sent: Callable[[int], object]
) -> Sent:
    """Upload the pictures that an open job does not have yet, and close it.

    Args:
        service: where the job is.
        job: as the service described it; its first pictures may be there.
        names: files, all of them, in the same order each time.
        max_bytes: of one picture.
        on_sent: called with the count of pictures each time that some are there.

    Raises:
        VisopError: the service did not take them. The same call again goes on from there.
    """
    sent = Sent(job)
    known = sum(job["counts"].values())
    on_sent(known)
    for part in _parts(names, known, max_bytes, sent.unreadable):
        fields = {"first": str(part[0][0])}
        body, kind = form_body(fields, [("image", stored_name(name), data) for _, name, data in part])
        _post(service, f"jobs/{job['id']}/pictures", body, kind)
        on_sent(len(part))
    sent.job = service.call("PATCH", f"jobs/{job['id']}", {"complete": True})
    return sent


def _post(service: ServiceClient, path: str, body: bytes, kind: str) -> None:
    """Send a form, again if the service is away for a while: it knows by their positions which pictures it has."""
    deadline, failures = time.monotonic() + _PATIENCE_S, 0
    while True:
        try:
            service.call("POST", path, body=body, headers={"Content-Type": kind})
        except VisopError as error:
            failures += 1
            Backoff(retries=20).pause(error, failures, deadline)
        else:
            return


_Picture = tuple[int, str, bytes]


def _parts(
    names: Sequence[str], first: int, max_bytes: int, unreadable: dict[str, VisopError]
) -> Iterator[list[_Picture]]:
    """Pictures from the first on that follow one another, as many as fit a request."""
    part, size = list[_Picture](), 0
    for number in range(first, len(names)):
        data = read_input(names[number], max_bytes)
        if isinstance(data, VisopError):
            unreadable[names[number]] = data
            continue
        if isinstance(data, str):
            continue
        if part and (size + len(data) > MOST_BYTES or len(part) >= MOST_PICTURES or part[-1][0] != number - 1):
            yield part
            part, size = [], 0
        part.append((number, names[number], data))
        size += len(data)
    if part:
        yield part
