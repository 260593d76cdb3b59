"""``visop compare``: is a picture an edited copy of another? What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.cli.console import complain, filled, imports, note, reason
from visop.cli.flags import Commands, add_calibration, add_command, explain, new_file
from visop.cli.operator_flags import add_local_operator
from visop.cli.proving import Files, draw, proof_of, proof_words
from visop.cli.settings_flags import read_settings
from visop.errors import UsageError, VisopError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visop.contract import Encoder, Image
    from visop.evaluation.compare import Comparison
    from visop.matching.proof import Proof
    from visop.settings import Settings

# As `cmp` and `diff` have it: for scripts, "no" is not an error.
COPY, NOT_A_COPY, TROUBLE = 0, 1, 2

_NOTES = """\
The threshold comes with the encoder file. It was calibrated on pictures whose edited copies were known, so that at most
--fpr of the pairs of different pictures are taken for copies; the number of pairs limits how low that rate can be. An
encoder without a calibration gives the distance and no verdict: `visop evaluate` measures one, and --calibration uses
it. Of a picture with nearly nothing on it, such as a blank page, there is no verdict either: all of them look alike.

A proof does not rest on the vector: local features (SIFT) of the two are paired, and where enough of them lie in the
second picture as in the first, by one transformation, one is a copy of the other or of a part of it, whatever the
vectors say. What is said to be done was done to the second, if the first is the original. That there is no
proof says little: a flat picture has few features, and a strong edit leaves few.

exit status:
  0 a copy    1 not a copy    2 an error, or no verdict

examples:
  visop compare original.jpg suspect.jpg
  visop compare original.jpg https://example.org/suspect.jpg --fpr 1e-2
  visop compare original.jpg suspect.jpg --draw seen.png
  visop compare a.png b.png --weights my-encoder.safetensors --json

  visop evaluate pictures/ --encoder vgg16
  visop compare a.png b.png --model vgg16 --calibration evaluation/calibration.json
"""

_UNCALIBRATED = (
    "there is no calibration of this very encoder. `visop evaluate FOLDER --encoder ...` measures one on your "
    "pictures, and --calibration evaluation/calibration.json uses it"
)


def add_parser(commands: Commands) -> None:
    """Add ``compare`` to the commands of ``visop``."""
    summary = "say whether a picture is an edited copy of another; exit status 0 or 1"
    parser = add_command(commands, "compare", run, summary, _NOTES)
    parser.add_argument("pictures", nargs=2, metavar="PICTURE", help="a file or an http(s) URL")
    add_calibration(parser)
    parser.add_argument(
        "--draw",
        type=new_file,
        metavar="FILE.png",
        help="draw the two side by side: where the one lies in the other, and what of the two agrees",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_local_operator(parser, was_operator=True)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print; the exit status."""
    try:
        verdict = _compare(arguments)
    except UsageError as error:
        return complain(explain(error, arguments), TROUBLE)
    except VisopError as error:
        return complain(reason(error), TROUBLE)
    print(json.dumps(verdict.facts(), indent=2) if arguments.json else filled(_words(verdict), sys.stdout))
    if isinstance(verdict.proof, VisopError):
        note(f"no proof by local features: {reason(verdict.proof)}")
    if verdict.is_copy is None:
        why = _why_none(verdict.comparison, arguments.pictures)
        return complain(filled(f"no verdict: {why}", sys.stderr), TROUBLE)
    return COPY if verdict.is_copy else NOT_A_COPY


@dataclasses.dataclass(frozen=True)
class _Verdict:
    """What the vectors say, and what the local features say: None of pictures with nearly nothing on them."""

    comparison: Comparison
    proof: Proof | VisopError | None

    @property
    def proven(self) -> Proof | None:
        """The proof, if there is one."""
        return self.proof if self.proof is not None and not isinstance(self.proof, VisopError) else None

    @property
    def is_copy(self) -> bool | None:
        """Whether one or the other says so."""
        return True if self.proven is not None and self.proven.is_copy else self.comparison.is_copy

    def facts(self) -> dict[str, Any]:
        facts = dataclasses.asdict(self.comparison)
        by_vector = {"is_copy_by_vector": facts["is_copy"]}
        proof = None if self.proven is None else self.proven.facts()
        return {**facts, "is_copy": self.is_copy, **by_vector, "proof": proof}


def _compare(arguments: argparse.Namespace) -> _Verdict:
    with imports("to compare: pip install 'visop[tools]'"):
        from visop.evaluation.compare import calibration_from, calibration_of, compare
        from visop.serving.operators import load_encoder, load_model

    settings = read_settings(arguments).settings
    operator = load_encoder(settings)
    load_model(operator)
    try:
        (first, original), (second, picture) = (_read(name, operator, settings) for name in arguments.pictures)
        file: Path | None = arguments.calibration
        calibration = calibration_from(file, operator) if file else calibration_of(operator, settings)
        comparison = compare(operator, first, second, calibration=calibration, fpr=arguments.fpr)
    finally:
        operator.close()
    files = Files(picture, original)
    proof = None if comparison.nearly_empty else proof_of(files, settings)
    verdict = _Verdict(comparison, proof)
    if arguments.draw:
        draw(arguments.draw, files, verdict.proven, settings)
    return verdict


def _read(name: str, operator: Encoder, settings: Settings) -> tuple[Image, bytes]:
    """A picture and its file, read as the server would: the same fetcher and limits. An error names it."""
    from visop.errors import InvalidInput
    from visop.images.decode import ImageLimits, decode_image
    from visop.images.fetching.fetch import Fetcher
    from visop.sources import read_input, typed_path

    try:
        data = read_input(typed_path(name), settings.max_image_bytes)
        if isinstance(data, str):
            with Fetcher.of(settings) as fetcher:
                data = fetcher.fetch(data)
        if isinstance(data, VisopError):
            raise data
        return decode_image(data, ImageLimits.of(settings), operator.decode_side), data
    except VisopError as error:
        raise InvalidInput(f"{name}: {error}") from error


def _why_none(comparison: Comparison, names: Sequence[str]) -> str:
    """Why there is no verdict."""
    from visop.images.emptiness import emptiness_words, is_nearly_empty

    pairs = zip(names, comparison.marked, strict=True)
    empty = [f"{name} is {emptiness_words(marked)}" for name, marked in pairs if is_nearly_empty(marked)]
    return f"{' and '.join(empty)}: nothing to compare" if empty else _UNCALIBRATED


def _words(verdict: _Verdict) -> str:
    """What was measured, and the verdict if there is one; a paragraph for each."""
    proof = "" if verdict.proven is None else f"\n{proof_words(verdict.proven)}"
    by_vector = _vector_words(verdict.comparison)
    if verdict.is_copy and not verdict.comparison.is_copy:
        by_vector = f"a copy, as local features prove; by the vectors alone:\n{by_vector}"
    return f"{by_vector}{proof}"


def _vector_words(comparison: Comparison) -> str:
    facts = f"similarity {comparison.similarity:.4f} (cosine), distance {comparison.distance:.4f} (L2)"
    trust = comparison.trust
    if trust is None or comparison.is_copy is None:
        return facts
    verdict, sign = ("a copy", "≥") if comparison.is_copy else ("not a copy", "<")
    return (
        f"{verdict}: {facts}; {comparison.similarity:.4f} {sign} {trust.threshold:.4f}, the threshold\n"
        f"why: at this threshold, {trust.fpr_measured:.4%} of {trust.pairs:,} pairs of an edited copy and another "
        f"picture passed for copies (they come of {trust.picture_pairs:,} pairs of pictures), and {trust.recall:.1%} "
        f"of the edited copies were recognised; measured on {trust.pictures:,} pictures ({trust.data})"
    )
