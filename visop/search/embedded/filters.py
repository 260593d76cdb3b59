"""Turn a filter in Milvus's language into a condition of SQL, whose values are all parameters.

The language: https://milvus.io/docs/boolean.md. A filter cannot inject anything: of what it says, only numbers of
parameters come into the text of the condition, and what stands there else is ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from visop.search.embedded.tokens import Token, tokens_of, wrong_at
from visop.search.errors import WrongFilter

Kind = Literal["number", "text", "truth", "names"]
Value = int | float | str

# SQLite refuses what is nested deeper than 1000, and Python's own limit is near that.
_DEEPEST = 100
_COMPARISONS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LEAST, _LARGEST = -(2**63), 2**63 - 1


@dataclass(frozen=True)
class Field:
    """What a name in a filter stands for.

    Attributes:
        kind: of its values.
        sql: an expression; of names, that of the number of the picture.
        is_of_part: whether it says something of a part, and not of the whole picture.
    """

    kind: Kind
    sql: str
    is_of_part: bool = False


@dataclass(frozen=True)
class Condition:
    """A part of a filter, or all of it.

    Attributes:
        kind: of its value.
        sql: an expression.
        values: of its parameters, in order.
        is_of_part: whether it says something of parts.
    """

    kind: Kind
    sql: str
    values: tuple[Value, ...] = ()
    is_of_part: bool = False


#: The condition that everything meets.
EVERYTHING = Condition("truth", "1")


def condition_of(expression: str, fields: Mapping[str, Field]) -> Condition:
    """Return the condition that a filter means; of an empty one, ``EVERYTHING``.

    Raises:
        WrongFilter: it is no condition over these fields.
    """
    if not expression.strip():
        return EVERYTHING
    return _Parser(expression, fields).whole()


class _Parser:
    """Reads one filter from the left to the right: one method for each level of precedence, the loosest first."""

    def __init__(self, expression: str, fields: Mapping[str, Field]) -> None:
        self._expression, self._fields = expression, fields
        self._tokens: list[Token] = list(tokens_of(expression))
        self._next = self._depth = 0

    def whole(self) -> Condition:
        found = self._either()
        if self._token.kind != "end":
            raise self._wrong(f"{self._token.text!r} is not expected there")
        return self._must_be(found, "truth")

    def _either(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongFilter(self._expression, "it is nested too deeply, or too long")
        terms = [self._both()]
        while self._takes("or", "||"):
            terms.append(self._both())
        self._depth -= 1
        return self._joined(terms, "OR")

    def _both(self) -> Condition:
        terms = [self._negated()]
        while self._takes("and", "&&"):
            terms.append(self._negated())
        return self._joined(terms, "AND")

    def _joined(self, terms: Sequence[Condition], word: str) -> Condition:
        """Join conditions in halves, for SQLite counts how deep they lie in each other."""
        if len(terms) == 1:
            return terms[0]
        half = len(terms) // 2
        one, other = (self._joined(each, word) for each in (terms[:half], terms[half:]))
        return _made("truth", f"({{}} {word} {{}})", self._must_be(one, "truth"), self._must_be(other, "truth"))

    def _negated(self) -> Condition:
        if self._takes("not", "!"):
            return _made("truth", "(NOT {})", self._must_be(self._nested(self._negated), "truth"))
        return self._compared()

    def _nested(self, read: Callable[[], Condition]) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongFilter(self._expression, "it is nested too deeply, or too long")
        found = read()
        self._depth -= 1
        return found

    def _compared(self) -> Condition:
        left = self._sum()
        if self._token.text in _COMPARISONS and self._token.kind == "sign":
            return self._chain(left)
        is_not = self._takes("not")
        if self._takes("in"):
            found = self._within(left)
        elif self._takes("like"):
            pattern = self._literal("text")
            found = _made("truth", r"({} LIKE {} ESCAPE '\')", self._must_be(left, "text"), pattern)
        elif not is_not and self._takes("is"):
            ending = "IS NOT NULL" if self._takes("not") else "IS NULL"
            self._must_take("null")
            return _made("truth", f"({{}} {ending})", left)
        elif is_not:
            raise self._wrong("expects in or like behind not")
        else:
            return left
        return _made("truth", "(NOT {})", found) if is_not else found

    def _chain(self, left: Condition) -> Condition:
        """``a < b``, or ``a < b < c``."""
        found = []
        while (token := self._token).kind == "sign" and (sign := _COMPARISONS.get(token.text)):
            self._next += 1
            right = self._sum()
            if left.kind != right.kind or left.kind == "names":
                raise self._wrong(f"cannot compare {_named(left)} with {_named(right)}", token)
            found.append(_made("truth", f"({{}} {sign} {{}})", left, right))
            left = right
        return self._joined(found, "AND")

    def _within(self, left: Condition) -> Condition:
        values = self._list()
        for value in values:
            if ("text" if isinstance(value, str) else "number") != left.kind:
                raise self._wrong(f"cannot look for {value!r} among values of {_named(left)}")
        return _made("truth", "({} IN (SELECT value FROM json_each({})))", left, _value(json.dumps(values)))

    def _sum(self) -> Condition:
        found = self._product()
        while sign := self._takes("+", "-"):
            found = self._calculated(found, sign, self._product())
        return found

    def _product(self) -> Condition:
        found = self._signed()
        while sign := self._takes("*", "/", "%"):
            found = self._calculated(found, sign, self._signed())
        return found

    def _signed(self) -> Condition:
        if sign := self._takes("-", "+"):
            if sign == "-" and self._is_least():
                return self._literal("number", is_negative=True)
            return _made("number", f"({sign}{{}})", self._must_be(self._nested(self._signed), "number"))
        base = self._primary()
        if self._takes("**"):
            exponent = self._must_be(self._nested(self._signed), "number")
            return _made("number", "power({}, {})", self._must_be(base, "number"), exponent)
        return base

    def _calculated(self, left: Condition, sign: str, right: Condition) -> Condition:
        return _made("number", f"({{}} {sign} {{}})", self._must_be(left, "number"), self._must_be(right, "number"))

    def _primary(self) -> Condition:
        token = self._token
        if token.kind in ("number", "text"):
            return self._literal()
        if self._takes("("):
            found = self._either()
            self._must_take(")")
            return found
        if token.kind != "word":
            raise self._wrong(f"{token.text!r} is not expected there" if token.text else "it ends too early")
        self._next += 1
        if (truth := token.text.lower()) in ("true", "false"):
            return _made("truth", "1" if truth == "true" else "0")
        if self._takes("("):
            return self._call(token)
        return self._named_field(token)

    def _named_field(self, token: Token) -> Condition:
        field = self._field(token)
        if self._takes("["):
            number = self._literal("number")
            self._must_take("]")
            return self._element(token, field, number)
        return Condition(field.kind, field.sql, (), field.is_of_part)

    def _element(self, token: Token, field: Field, number: Condition) -> Condition:
        if field.kind != "names":
            raise self._wrong(f"{token.text} is no list", token)
        sql = f"(SELECT name FROM names WHERE picture = {field.sql} AND position = {{}})"  # noqa: S608 - ours
        return _made("text", sql, number)

    def _call(self, function: Token) -> Condition:
        """``array_contains(names, "a")``, ``array_contains_all``, ``array_contains_any`` or ``array_length``."""
        name, field = function.text.lower(), self._names()
        if name == "array_length":
            sql = f"(SELECT count(*) FROM names WHERE picture = {field.sql})"  # noqa: S608 - ours
            found = Condition("number", sql)
        elif name == "array_contains":
            self._must_take(",")
            found = self._containing(field, self._literal("text"))
        elif name in ("array_contains_all", "array_contains_any"):
            self._must_take(",")
            wanted = [self._containing(field, _value(str(value))) for value in self._list()]
            joined = self._joined(wanted, "AND" if name.endswith("all") else "OR") if wanted else None
            found = joined or _made("truth", "1" if name.endswith("all") else "0")
        else:
            raise self._wrong(f"there is no function {function.text}", function)
        self._must_take(")")
        return found

    def _containing(self, field: Field, name: Condition) -> Condition:
        sql = f"({field.sql} IN (SELECT picture FROM names WHERE name = {{}}))"  # noqa: S608 - ours
        return _made("truth", sql, name)

    def _names(self) -> Field:
        token = self._token
        self._next += 1
        field = self._field(token) if token.kind == "word" else None
        if field is None or field.kind != "names":
            raise self._wrong(f"{token.text!r} is no list; names is one", token)
        return field

    def _field(self, token: Token) -> Field:
        if token.text not in self._fields:
            there = ", ".join(self._fields)
            raise self._wrong(f"there is no field {token.text}; there are: {there}", token)
        return self._fields[token.text]

    def _is_least(self) -> bool:
        """Whether the least whole number comes next, which is a number only together with its sign."""
        return self._token.kind == "number" and self._token.text == str(-_LEAST)

    def _literal(self, kind: Kind | None = None, *, is_negative: bool = False) -> Condition:
        token = self._token
        if token.kind not in ("number", "text") or kind not in (None, token.kind):
            raise self._wrong(f"expects a {kind or 'value'} in place of {token.text!r}")
        self._next += 1
        return _value(token.text if token.kind == "text" else self._number(token.text, is_negative=is_negative))

    def _number(self, text: str, *, is_negative: bool) -> int | float:
        # Python refuses to read a whole number of thousands of digits.
        number = int(text) if text.isdecimal() and len(text) <= len(str(_LARGEST)) else float(text)
        number = -number if is_negative else number
        if not _LEAST <= number <= _LARGEST:
            limit = f"small: at least {_LEAST}" if is_negative else f"large: at most {_LARGEST}"
            raise self._wrong(f"a number is too {limit}", self._tokens[self._next - 1])
        return number

    def _list(self) -> list[Value]:
        """``[1, 2]``, or the same in round brackets."""
        closing = "]" if self._takes("[") else self._must_take("(") and ")"
        values: list[Value] = []
        while not self._takes(closing):
            if values:
                self._must_take(",")
            is_negative = bool(self._takes("-"))
            values += self._literal("number" if is_negative else None, is_negative=is_negative).values
        return values

    @property
    def _token(self) -> Token:
        return self._tokens[min(self._next, len(self._tokens) - 1)]

    def _takes(self, *texts: str) -> str:
        """Go on behind one of these if it comes next, and return it; else an empty text."""
        token = self._token
        text = token.text.lower() if token.kind == "word" else token.text
        if token.kind not in ("word", "sign") or text not in texts:
            return ""
        self._next += 1
        return text

    def _must_take(self, text: str) -> str:
        if not self._takes(text):
            raise self._wrong(f"expects {text} in place of {self._token.text or 'the end'}")
        return text

    def _must_be(self, found: Condition, kind: Kind) -> Condition:
        if found.kind != kind:
            wanted = {"truth": "a condition", "number": "a number", "text": "a text", "names": "a list"}[kind]
            raise self._wrong(f"expects {wanted}, and not {_named(found)}")
        return found

    def _wrong(self, why: str, token: Token | None = None) -> WrongFilter:
        """The error of what stands at a token; without one, at that which comes next."""
        return wrong_at(self._expression, (token or self._token).position, why)


def _made(kind: Kind, sql: str, *of: Condition) -> Condition:
    values = tuple(value for each in of for value in each.values)
    return Condition(kind, sql.format(*(each.sql for each in of)), values, any(each.is_of_part for each in of))


def _value(value: Value) -> Condition:
    return Condition("text" if isinstance(value, str) else "number", "?", (value,))


def _named(found: Condition) -> str:
    return {"truth": "a condition", "number": "a number", "text": "a text", "names": "a list"}[found.kind]
