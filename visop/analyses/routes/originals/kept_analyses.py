"""What the originals do with a picture: analyse it while the caller waits, and keep the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visop.analyses.context import Context
from visop.analyses.errors import NoSuchAnalysis, WrongState
from visop.analyses.models import Analysis
from visop.analyses.records import Records
from visop.analyses.routes.originals.refusals import NOT_AN_IMAGE, NotThere, of_field, of_module
from visop.analyses.routes.originals.upload import Upload
from visop.analyses.states import State
from visop.analyses.submitting import Submitting, Wish
from visop.errors import DeadlinePassed, InvalidInput

# Of the name of a file, which is told and nothing else.
_NAME_CHARS = 255


@dataclass(frozen=True)
class KeptAnalyses:
    """The records of a service, as clients of the originals use them. May be used from several threads.

    Attributes:
        context: of the service.
        records: of the service.
        submitting: makes and replaces records.
    """

    context: Context
    records: Records
    submitting: Submitting

    @property
    def modules(self) -> list[str]:
        """The names of the operators."""
        return list(self.context.operators)

    def check(self, upload: Upload, field: str) -> None:
        """Refuse what is no picture, in the words of the original and in ours, before anything is kept of it."""
        try:
            self.context.pictures.check(upload.data)
        except InvalidInput as error:
            raise of_field(field, NOT_AN_IMAGE, str(error)) from error

    def create(self, upload: Upload, modules: Sequence[str], owner: str, timeout_s: float) -> Analysis:
        """Analyse a picture, and keep the record.

        Raises:
            Refused: all operators failed; the record is kept as one that failed.
            DeadlinePassed: workers have it, and were not done in time.
        """
        wish = Wish(upload.data, upload.name[:_NAME_CHARS], modules, owner, timeout_s=timeout_s)
        return _unless_failed(self.submitting.create(wish))

    def replace(
        self, token: int, upload: Upload | None, modules: Sequence[str], owner: str, timeout_s: float
    ) -> Analysis:
        """Analyse once more: another picture, or the same; the results take the place of those before.

        Args:
            token: of the record.
            upload: None keeps the picture.
            modules: none keeps those that it was given to.
            owner: whose record it is.
            timeout_s: in which it shall be done, in seconds.

        Raises:
            NotThere: there is no such record, or it has no picture.
            Refused, DeadlinePassed: as for ``create``.
        """
        name = upload.name[:_NAME_CHARS] if upload else ""
        wish = Wish(upload.data if upload else None, name, modules, owner, timeout_s=timeout_s)
        try:
            return _unless_failed(self.submitting.replace(token, wish, owner))
        except (NoSuchAnalysis, WrongState):
            raise NotThere from None

    def done(self, token: int, owner: str) -> Analysis:
        """A record with a result. Raises NotThere."""
        try:
            found = self.records.get(token, owner)
        except NoSuchAnalysis:
            raise NotThere from None
        if found.state != State.DONE:
            raise NotThere
        return found

    def delete(self, token: int, owner: str) -> None:
        """Delete a record, and its picture if no other is of it. Raises NotThere."""
        try:
            self.records.delete(token, owner)
        except NoSuchAnalysis:
            raise NotThere from None

    def picture(self, analysis: Analysis) -> bytes:
        """The file. Raises NotThere if there is none."""
        if analysis.digest is None:
            raise NotThere
        return self.context.pictures.store.read(analysis.digest)


def _unless_failed(analysis: Analysis) -> Analysis:
    if analysis.state == State.DONE:
        return analysis
    if State(analysis.state).is_end:
        raise of_module(analysis.error or f"the analysis is {analysis.state}")
    raise DeadlinePassed(f"workers are not done with it yet; the result will be at /analyses/{analysis.id}")
