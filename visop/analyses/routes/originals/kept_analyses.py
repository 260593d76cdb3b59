"""What the originals do with a picture: analyse it at once, and keep the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visop.analyses.analyse import analyse
from visop.analyses.columns import now
from visop.analyses.context import Context
from visop.analyses.errors import NoSuchAnalysis
from visop.analyses.models import Analysis
from visop.analyses.records import Ended, NewAnalysis, Records
from visop.analyses.routes.originals.refusals import NOT_AN_IMAGE, NotThere, of_field, of_module
from visop.analyses.routes.originals.upload import Upload
from visop.analyses.states import State
from visop.analyses.stored import outcome_of
from visop.errors import InvalidInput

# Of the name of a file, which is told and nothing else.
_NAME_CHARS = 255


@dataclass(frozen=True)
class KeptAnalyses:
    """The records of a service, as clients of the originals use them. May be used from several threads.

    Attributes:
        context: of the service.
        records: of the service.
    """

    context: Context
    records: Records

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

    def create(self, upload: Upload, modules: Sequence[str], owner: str) -> Analysis:
        """Analyse a picture, and keep the record.

        Raises:
            Refused: all operators failed; the record is kept as one that failed.
        """
        kept = self.context.pictures.keep(upload.data)
        new = NewAnalysis(modules, owner, upload.name[:_NAME_CHARS], kept)
        return _unless_failed(self.records.create(new, self._ended(upload.data, modules)))

    def replace(self, token: int, upload: Upload | None, modules: Sequence[str] | None, owner: str) -> Analysis:
        """Analyse once more: another picture, or the same; the results take the place of those before.

        Args:
            token: of the record.
            upload: None keeps the picture.
            modules: None keeps those that it was given to.
            owner: whose record it is.

        Raises:
            NotThere: there is no such record.
            Refused: as for ``create``.
        """
        before = self._get(token, owner)
        names = list(modules or before.operators)
        data = upload.data if upload else self.picture(before)
        new = NewAnalysis(names, owner)
        if upload:
            new = NewAnalysis(names, owner, upload.name[:_NAME_CHARS], self.context.pictures.keep(data))
        return _unless_failed(self.records.replace(token, new, self._ended(data, names)))

    def done(self, token: int, owner: str) -> Analysis:
        """A record with a result. Raises NotThere."""
        found = self._get(token, owner)
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

    def _get(self, token: int, owner: str) -> Analysis:
        try:
            return self.records.get(token, owner)
        except NoSuchAnalysis:
            raise NotThere from None

    def _ended(self, data: bytes, modules: Sequence[str]) -> Ended:
        started = now()
        operators = self.context.named(list(modules))
        [answers] = analyse([data], operators, self.context.settings.request_timeout_s)
        return Ended(outcome_of(answers), answers, started)


def _unless_failed(analysis: Analysis) -> Analysis:
    if analysis.state == State.DONE:
        return analysis
    raise of_module(analysis.error or "the analysis failed")
