"""Conditions on the rows of a table, as one writes them: `snr_db > 20 and speaker == "speaker 1"`.

    condition   = all { "or" all }
    all         = one { "and" one }
    one         = "not" one | "(" condition ")" | comparison
    comparison  = column ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
                | column [ "not" ] "in" "(" value { "," value } ")"
                | column "is" [ "not" ] "missing"
    value       = number | "text" | 'text' | true | false

Nothing is ever run: a condition becomes a tree of comparisons, which pyarrow computes. As in SQL, what is compared with
a missing value is neither true nor false, and a row is kept where the whole is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from affekt.core.errors import InputError, UnknownNameError

__all__ = ["Where", "column_of"]

Value: TypeAlias = "float | str | bool"
Test: TypeAlias = Callable[[Any], Any]
"""From a `pyarrow.Table` to one boolean for each of its rows."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<compare>==|!=|<=|>=|<|>)
    | (?P<mark>[(),])
    | `(?P<quoted>[^`]+)`
    | (?P<word>[^\W\d][\w.:-]*)
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "is", "missing", "true", "false"})
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    said: str
    at: int


def column_of(name: str, columns: Sequence[str]) -> str:
    """The column that a name stands for: that name, or the only one that has it behind a dot.

    So `snr_db` finds `measure.snr_db` and `angry` finds `score.angry`. `label` stands for `labels`, and `duration` for
    `end` less `start`, where there is no such column.

    Raises:
        UnknownNameError: There is none; the nearest are given.
        InputError: Several end like this.
    """
    if name in columns:
        return name
    ends = [c for c in columns if c.partition(".")[2] == name]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise InputError(f"{name} may be {' or '.join(ends)}", hint="Write the whole name.")
    if name == "label" and "labels" in columns:
        return "labels"
    if name == "duration" and {"start", "end"} <= set(columns):
        return name
    raise UnknownNameError("column", name, [*columns, *(c.partition(".")[2] for c in columns if "." in c)])


class Where:
    """A condition on the rows of a table.

    Args:
        condition: As above. Names with other characters than letters, digits and `_ . : -` stand in backquotes.
        schema: The `pyarrow.Schema` of the table. A list of texts is compared by what is in it: `labels == "angry"`
            is true of rows that have the label.

    Raises:
        InputError: It cannot be read; what is wrong stands there with its place.
        UnknownNameError: It names a column that is not there; the nearest are given.
    """

    def __init__(self, condition: str, schema: Any) -> None:
        self.condition = condition
        self._schema = schema
        self._tokens = list(self._split())
        self._next = 0
        self._deep = 0
        if not self._tokens:
            raise InputError("The condition is empty", hint='Write one such as: snr_db > 20 and label == "angry"')
        self._test = self._either()
        if self._next < len(self._tokens):
            raise self._wrong("and, or, or the end is expected", self._tokens[self._next])

    def keep(self, table: Any) -> Any:
        """The rows of a `pyarrow.Table` with the schema for which the condition is true."""
        return table.filter(self._test(table))  # missing counts as false

    def _split(self) -> Any:
        at = 0
        while at < len(self.condition.rstrip()):
            found = _TOKEN.match(self.condition, at)
            if found is None or found.lastgroup is None:
                rest = self.condition[at:].lstrip()
                hint = "Write == to compare." if rest.startswith("=") else "Texts stand in quotation marks."
                raise InputError(f"The condition cannot be read from {rest[:20]!r} on", where=self.condition, hint=hint)
            kind, said = found.lastgroup, found[found.lastgroup]
            if kind == "word" and said.lower() in _WORDS:
                kind, said = "key", said.lower()
            elif kind == "quoted":
                kind = "word"
            yield _Token(kind, said, found.start(found.lastgroup))
            at = found.end()

    def _wrong(self, expected: str, token: _Token | None = None) -> InputError:
        what = f"at {token.said!r} (character {token.at + 1})" if token else "at its end"
        return InputError(f"The condition is wrong {what}: {expected}", where=self.condition)

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, *said: str) -> bool:
        token = self._peek()
        if token is not None and token.kind in ("key", "mark") and token.said in said:
            self._next += 1
            return True
        return False

    def _want(self, said: str) -> None:
        if not self._take(said):
            raise self._wrong(f"{said!r} is expected", self._peek())

    def _either(self) -> Test:
        import pyarrow.compute as pc

        tests = [self._all()]
        while self._take("or"):
            tests.append(self._all())
        return _joined(tests, pc.or_kleene)

    def _all(self) -> Test:
        import pyarrow.compute as pc

        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return _joined(tests, pc.and_kleene)

    def _one(self) -> Test:
        import pyarrow.compute as pc

        self._deep += 1
        if self._deep > _DEEPEST:
            raise InputError(f"The condition is nested deeper than {_DEEPEST} levels", where=self.condition[:60])
        try:
            if self._take("not"):
                inner = self._one()
                return lambda table: pc.invert(inner(table))
            if self._take("("):
                inner = self._either()
                self._want(")")
                return inner
            return self._comparison()
        finally:
            self._deep -= 1

    def _comparison(self) -> Test:
        import pyarrow.compute as pc

        token = self._peek()
        if token is None or token.kind != "word":
            raise self._wrong("the name of a column is expected", token)
        self._next += 1
        name = column_of(token.said, self._schema.names)
        if self._take("is"):
            present = self._take("not")
            self._want("missing")
            return lambda table: pc.invert(_missing(table, name)) if present else _missing(table, name)
        turned = self._take("not")
        if turned or (token := self._peek()) is None or token.kind != "compare":
            self._want("in")
            self._want("(")
            values = [self._value(name)]
            while self._take(","):
                values.append(self._value(name))
            self._want(")")
            among = _joined([_compared(name, "==", value) for value in values], pc.or_kleene)
            return (lambda table: pc.invert(among(table))) if turned else among
        self._next += 1
        return _compared(name, token.said, self._value(name, token))

    def _value(self, name: str, compare: _Token | None = None) -> Value:
        token = self._peek()
        if token is None or (token.kind not in ("number", "text") and token.said not in ("true", "false")):
            hint = (
                "" if token is None or token.kind != "word" else f"; a text stands in quotation marks: '{token.said}'"
            )
            raise self._wrong(f"a number or a text is expected{hint}", token)
        self._next += 1
        value: Value
        if token.kind == "number":
            value = float(token.said)
        else:
            value = token.said[1:-1] if token.kind == "text" else token.said == "true"
        kind = _kind(self._schema, name)
        given = "text" if isinstance(value, str) else "truth" if isinstance(value, bool) else "number"
        wanted = {"list": "text"}.get(kind, kind)
        if wanted != given:
            said = {"text": "a text, in quotation marks", "number": "a number", "truth": "true or false"}.get(wanted)
            raise self._wrong(f"{name} is compared with {said}" if said else f"{name} cannot be compared", token)
        if kind in ("list", "truth") and compare is not None and compare.said not in ("==", "!="):
            raise self._wrong(f"{name} is compared with == or !=", compare)
        return value


def _kind(schema: Any, name: str) -> str:
    import pyarrow.types as types

    if name == "duration" and name not in schema.names:
        return "number"
    of = schema.field(name).type
    if types.is_boolean(of):
        return "truth"
    if types.is_integer(of) or types.is_floating(of):
        return "number"
    if types.is_string(of) or types.is_large_string(of):
        return "text"
    if (types.is_list(of) or types.is_large_list(of)) and types.is_string(of.value_type):
        return "list"
    return "other"


def _column(table: Any, name: str) -> Any:
    import pyarrow.compute as pc

    if name == "duration" and name not in table.column_names:
        return pc.subtract(table["end"], table["start"])
    return table[name].combine_chunks()


def _missing(table: Any, name: str) -> Any:
    import pyarrow.compute as pc

    return pc.is_null(_column(table, name), nan_is_null=True)


def _compared(name: str, how: str, value: Value) -> Test:
    import pyarrow as pa
    import pyarrow.compute as pc

    compare = {"==": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater,
               ">=": pc.greater_equal}[how]  # fmt: skip

    def test(table: Any) -> Any:
        column = _column(table, name)
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            rows = pc.list_parent_indices(column).filter(pc.equal(pc.list_flatten(column), value))
            has = pc.is_in(pa.array(range(len(column)), rows.type), value_set=rows)
            return has if how == "==" else pc.invert(has)
        found = compare(column, value)
        # NaN is missing, and not unequal to all.
        return pc.if_else(pc.is_nan(column), None, found) if pa.types.is_floating(column.type) else found

    return test


def _joined(tests: Sequence[Test], how: Callable[[Any, Any], Any]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(table: Any) -> Any:
        found = tests[0](table)
        for each in tests[1:]:
            found = how(found, each(table))
        return found

    return test
