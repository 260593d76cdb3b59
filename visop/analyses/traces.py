"""The trace of a request, kept with what it queued, so that the work goes on in it whoever does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sqlalchemy import select

from visop.analyses.database import Database
from visop.analyses.models import Analysis, Delivery, Job
from visop.tracing.active import tracer
from visop.tracing.current import ending
from visop.tracing.spans import Attributes, Headers, Tracer

#: The pictures of a job beyond so many are analysed in traces of their own, which link to that of its request: what
#: keeps traces limits the size of one.
MOST_OF_JOB = 1000

_WORK = {"messaging.operation.type": "process", "messaging.destination.name": "analyses"}


@contextmanager
def traced_work(database: Database, analyses: Sequence[Analysis]) -> Iterator[None]:
    """Trace the work on analyses in the block: in the trace of the request that asked for them.

    Where several requests did, it is a trace of its own that links to theirs, and each of theirs has a span, too.

    Args:
        database: has the jobs.
        analyses: of one job, or of none.
    """
    opened = tracer()
    if opened is None:
        yield
        return
    contexts = _contexts(database, analyses)
    is_one = len(contexts) == 1 and (analyses[0].item or 0) < MOST_OF_JOB
    attributes: Attributes = {**_WORK, "messaging.batch.message_count": len(analyses)}
    span = opened.begin(
        "process analyses",
        "consumer",
        attributes,
        headers=contexts[0] if is_one else {},
        linked=() if is_one else contexts,
    )
    with ending(span), _in_each(opened, contexts if len(contexts) > 1 else (), span.headers()):
        yield


def _contexts(database: Database, analyses: Sequence[Analysis]) -> list[Headers]:
    """Those that are kept with analyses or their job, each once."""
    kept = [each.trace for each in analyses]
    if analyses and analyses[0].job_id is not None:
        with database.reading() as session:
            kept.append(session.scalar(select(Job.trace).where(Job.id == analyses[0].job_id)))
    return list({tuple(sorted(each.items())): each for each in kept if each}.values())


@contextmanager
def _in_each(opened: Tracer, contexts: Sequence[Headers], work: Headers) -> Iterator[None]:
    with ExitStack() as stack:
        for each in contexts:
            span = opened.begin("process analyses", "consumer", _WORK, headers=each, linked=[work])
            stack.callback(span.end)
        yield


@contextmanager
def traced_delivery(delivery: Delivery) -> Iterator[Headers]:
    """Trace a call of a webhook in the block, in the trace of what it tells of; gives what is to be sent with it."""
    opened, kept = tracer(), delivery.body.get("trace")
    if opened is None or not kept:
        yield {}
        return
    attributes: Attributes = {"http.request.method": "POST", "http.request.resend_count": delivery.attempts - 1}
    with ending(opened.begin("POST webhook", "client", attributes, headers=kept)) as span:
        yield span.headers()
