"""The states of analyses, of jobs, and of the result of one operator."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Of an analysis. The last three are ends, which only a new analysis of the same record leaves."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in ENDS


#: Of analyses.
ENDS = frozenset({State.DONE, State.FAILED, State.CANCELLED})


class JobState(StrEnum):
    """Of a job of many analyses. It is ``queued`` only while its pictures are still being listed."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


#: Lower comes first: one picture that somebody waits for, and the pictures of a job.
INTERACTIVE, BATCH = 0, 10
