"""What a search found, in words: first whether there is a copy."""

from __future__ import annotations

from visop.detection import Box
from visop.search.match import Match, Matches

#: Above what is nearest, and no copy: of an encoder that knows likeness, and of one that does not.
LIKE, NEAREST = "Most like it, and no copy", "Nearest, and no copy"

#: Why that is shown on request only.
WHY_NOT_LIKE = "the encoder of this index knows a picture again, and nothing of what different pictures have in common"


def found_words(matches: Matches) -> str:
    """``One copy found``, ``3 copies found`` or ``No copy of this picture found``; empty if there are no verdicts."""
    if not matches.judged:
        return ""
    count = len(matches.copies)
    return {0: "No copy of this picture found", 1: "One copy found"}.get(count, f"{count} copies found")


def others_words(matches: Matches) -> str:
    """What stands above the pictures that are no copies."""
    return NEAREST if matches.only_copies else LIKE


def place_words(match: Match) -> str:
    """Which part matched which part of the query; empty if both are whole."""
    words = []
    if match.part is not None:
        label = f" ({match.part.label})" if match.part.label else ""
        words.append(f"its part {match.number}{label} at {box_words(match.part.box)}")
    if match.view is not None:
        words.append(f"your picture at {box_words(match.view)}")
    return ", ".join(words)


def box_words(box: Box) -> str:
    """``x,y,w,h`` in whole pixels."""
    return ",".join(f"{number:.0f}" for number in box)


def proof_words(match: Match) -> str:
    """What local features prove, or why they could not be asked; empty if there is nothing to say."""
    if match.unverified:
        return f"not verified: {match.unverified}"
    if match.proof is None or match.proof.found is None:
        return ""
    return ", ".join((f"proven, {match.proof.matches} places alike", *match.proof.found.edits))
