"""Tell webhooks of ends: signed as Standard Webhooks has it, tried again until somebody takes it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select

from visop.analyses.columns import now
from visop.analyses.context import Context
from visop.analyses.job_json import job_json
from visop.analyses.jobs import Jobs
from visop.analyses.models import Delivery
from visop.analyses.record_json import record_json
from visop.analyses.records import Records
from visop.analyses.states import State
from visop.analyses.traces import traced_delivery
from visop.errors import FetchFailed, UrlRejected, VisopError
from visop.http.body import JSON, to_json

logger = logging.getLogger("visop.analyses.webhooks")

# At one time; the others wait for the next.
_MOST = 8
_LEASE_S = 120.0
# The waits add up to about three days.
_TRIES = 20
_FIRST_S, _LONGEST_S = 5.0, 6 * 3600.0

_PREFIX = "whsec_"


class Webhooks:
    """Sends what is due.

    Args:
        context: of the service.
        secret: signs; ``whsec_`` and base64, or any text. Empty signs nothing.
    """

    def __init__(self, context: Context, secret: str = "") -> None:
        self._context, self._secret = context, secret

    def send_due(self) -> int:
        """Send what is due, at most some; how many were tried."""
        with self._context.database.reading() as session:
            if session.scalar(_due().with_only_columns(Delivery.id).limit(1)) is None:
                return 0
        deliveries = self._claim()
        with ThreadPoolExecutor(_MOST, "visop-webhook") as threads:  # one that never answers holds up no other
            for delivery, error in zip(deliveries, threads.map(self._send, deliveries), strict=True):
                self._note(delivery, error)
        return len(deliveries)

    def _claim(self) -> list[Delivery]:
        with self._context.database.session() as session:
            found = list(session.scalars(_due().limit(_MOST).with_for_update(skip_locked=True)))
            for each in found:
                each.claim, each.lease_until = uuid.uuid4().hex, now() + timedelta(seconds=_LEASE_S)
                each.attempts += 1
        return found

    def _send(self, delivery: Delivery) -> VisopError | None:
        body = to_json(self._body(delivery))
        headers = {"Content-Type": JSON, **signed(self._secret, f"msg_{delivery.id}", body)}
        try:
            with traced_delivery(delivery) as context:
                status = self._context.fetcher.post(delivery.url, body, {**headers, **context})
        except VisopError as error:
            return error
        return None if 200 <= status < 300 else FetchFailed(f"the webhook answered with status {status}")

    def _body(self, delivery: Delivery) -> Mapping[str, Any]:
        """What is told: the record or the job as it is now, without vectors."""
        database = self._context.database
        try:
            if delivery.job_id is not None:
                owner = delivery.body.get("owner", "")
                data = job_json(database, Jobs(database, self._context.pictures).get(delivery.job_id, owner))
            else:
                owner, records = delivery.body.get("owner", ""), Records(database, self._context.pictures)
                data = record_json(records.get(delivery.analysis_id or 0, owner), vectors=False)
        except VisopError:
            data = {"id": delivery.job_id or delivery.analysis_id}
        told = delivery.created.isoformat().replace("+00:00", "Z")
        return {"type": delivery.body["type"], "timestamp": told, "data": data}

    def _note(self, delivery: Delivery, error: VisopError | None) -> None:
        with self._context.database.session() as session:
            row = session.scalar(_held(delivery))
            if row is None:
                return
            row.claim = row.lease_until = None
            row.last_error = None if error is None else str(error)
            if error is None:
                row.state, row.finished = State.DONE, now()
            elif isinstance(error, UrlRejected) or row.attempts >= _TRIES:
                row.state, row.finished = State.FAILED, now()
                logger.warning("a webhook is given up: %s", error)
            else:
                wait_s = min(_LONGEST_S, _FIRST_S * 2.0 ** (row.attempts - 1))
                row.not_before = now() + timedelta(seconds=wait_s)


def signed(secret: str, id_: str, body: bytes) -> dict[str, str]:
    """The headers of a call; without a secret they have no signature."""
    sent = str(int(time.time()))
    headers = {"webhook-id": id_, "webhook-timestamp": sent}
    if secret:
        content = f"{id_}.{sent}.".encode() + body
        digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()


def _due() -> Any:
    at = now()
    free = or_(Delivery.lease_until.is_(None), Delivery.lease_until < at)
    waits = or_(Delivery.not_before.is_(None), Delivery.not_before <= at)
    return select(Delivery).where(Delivery.state == State.QUEUED, free, waits).order_by(Delivery.id)


def _held(delivery: Delivery) -> Any:
    return select(Delivery).where(Delivery.id == delivery.id, Delivery.claim == delivery.claim).with_for_update()
