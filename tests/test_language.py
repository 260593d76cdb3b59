"""One word for one thing, in everything that a user or a newcomer reads."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Line number and text of something to be read.
Passage = tuple[int, str]


@dataclass(frozen=True)
class Rule:
    """Words that are not used, what is said in their place, and where they are meant all the same.

    Attributes:
        words: a regular expression, of any case.
        instead: what to write.
        but: path -> a regular expression of what the words may stand in there.
    """

    words: str
    instead: str
    but: dict[str, str]

    def broken_by(self, path: str, text: str) -> Iterator[str]:
        """What of a passage is against the rule."""
        for place, meant in self.but.items():
            if path.startswith(place):
                text = re.sub(meant, "", text, flags=re.IGNORECASE)
        yield from (found[0] for found in re.finditer(self.words, text, re.IGNORECASE))


RULES = [
    Rule(r"\bhouses?\b", "say what holds it: 'inputs held at once'", {"visop/synthetic/": "houses?"}),
    Rule(r"\bdoors?\b", "admission", {"visop/synthetic/": "doors?"}),
    Rule(r"\bguard(s|ed|ing)?\b", "middleware, check, limit", {}),
    Rule(r"\b(other|another|common|whose) rooms?\b", "package, module", {}),
    Rule(r"\bwho(ever)? has\b", "subject, verb, object", {}),
    Rule(r"(^|[.:;] )it has\.", "say what it does", {}),
    Rule(
        r"\bphotos?\b",
        "picture; 'photograph' where it must be one",
        {"": r"[~/.\w]*/photos\b|--photos|\bPHOTOS\b|photos__\d|PHOTOS=\S+"},
    ),
    Rule(r"\bcomplain(s|ts?|ed)?\b|\bfault(s|y)?\b", "error; over HTTP, problem", {}),
    Rule(
        r"\bopkit\b",
        "visop",
        {
            "CHANGELOG.md": r"\bopkit\b",
            "docs/reference/encoder-file.md": r"\bopkit\b",
            "docs/explanation/vector-space.md": r"\bopkit\b",
            "visop/models/fingerprint.py": r"\bopkit\b",
        },
    ),
]

# A module that does not read the command line does not know its flags.
FLAG = Rule(
    r"(?<![\w-])--([a-z][a-z-]+\b|$)",
    "the name of the argument; the command line makes a flag of it",
    {
        "visop/settings.py": "--$",  # where flags are made of names
        "visop/models/export.py": "--(quantise|pictures|windows)",  # a program of its own, which it starts
    },
)


def read_files() -> list[str]:
    """Everything that a user or a newcomer reads."""
    patterns = [
        "visop/**/*.py",
        "visop/**/*.html",
        "visop/**/*.jinja",
        "visop/analyses/page/*.js",
        "visop/http/page/*.js",
        "visop/page/*.js",
        "visop/web/page/**/*.js",
        "docs/**/*.md",
    ]
    patterns += ["*.md", "*.py", "Dockerfile*", "Makefile", "rpc/*.proto", "data/*.sh", "deploy/*", "benchmarks/*.py"]
    paths = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(ROOT)) for path in paths if "_pb2" not in path.name)


def passages(path: str) -> Iterator[Passage]:
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".py"):
        # One word alone is a name, and no sentence.
        yield from (passage for passage in strings(text) if " " in passage[1].strip())
        yield from comments(text)
    elif path.endswith(".md"):
        yield from prose(text)
    else:
        yield from enumerate(text.splitlines(), 1)


def strings(source: str) -> Iterator[Passage]:
    """String constants, docstrings among them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for number, line in enumerate(node.value.splitlines()):
                yield node.lineno + number, without_code(line)


def comments(source: str) -> Iterator[Passage]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], without_code(token.string)


def prose(markdown: str) -> Iterator[Passage]:
    """Without blocks of code, whose names are those of files and flags."""
    inside = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside and not line.startswith("    "):
            yield number, without_code(line)


def without_code(line: str) -> str:
    return re.sub(r"``.*?``|`[^`]*`", "", line)


@pytest.mark.parametrize("path", read_files())
def test_words_are_those_that_were_agreed_upon(path: str) -> None:
    found = [
        f"{path}:{number}: {word!r}: {rule.instead}"
        for number, text in passages(path)
        for rule in RULES
        for word in rule.broken_by(path, text)
    ]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize(
    "path", [path for path in read_files() if path.startswith("visop/") and not path.startswith("visop/cli/")]
)
def test_only_the_command_line_names_flags(path: str) -> None:
    if not path.endswith(".py"):
        return
    text = (ROOT / path).read_text("utf-8")
    found = [f"{path}:{number}: {word}" for number, line in strings(text) for word in FLAG.broken_by(path, line)]
    assert found == [], "\n".join(found)
