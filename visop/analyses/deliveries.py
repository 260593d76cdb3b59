"""What is to be told to webhooks: rows that are added with the end that they tell of, so that none is forgotten."""

from __future__ import annotations

from sqlalchemy.orm import Session

from visop.analyses.models import Analysis, Delivery, Job


def announce_analysis(session: Session, analysis: Analysis) -> None:
    """Have the webhook of an analysis told that it ended, if it has one."""
    if analysis.webhook:
        body = {
            "type": f"analysis.{analysis.state}",
            "id": analysis.id,
            "state": analysis.state,
            "owner": analysis.owner,
            "trace": analysis.trace,
        }
        session.add(Delivery(analysis_id=analysis.id, url=analysis.webhook, body=body))


def announce_job(session: Session, job: Job) -> None:
    """Have the webhook of a job told that it ended, if it has one."""
    if job.webhook:
        body = {"type": f"job.{job.state}", "owner": job.owner, "trace": job.trace}
        session.add(Delivery(job_id=job.id, url=job.webhook, body=body))
