"""Tables on narrow terminals: no word is broken, and what is left out is said."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from affekt.cli._tables import NarrowTable, terminal
from affekt.cli.bench import command as bench
from affekt.cli.corpora import command as corpora
from affekt.cli.models import command as models
from affekt.cli.study import command as study

COMMANDS = [(corpora, "list"), (bench, "list"), (models, "list"), (study, "list")]


def shown(table: NarrowTable, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=False)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


words = st.lists(st.text("abcde", min_size=1, max_size=9), min_size=1, max_size=5).map(" ".join)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=4), st.integers(36, 120))
def test_words_stay_whole_and_lines_fit(rows: list[tuple[str, str, str]], width: int) -> None:
    table = NarrowTable("one", "two", "three", left=("one", "two", "three"), drop=("two",), wrap=("one", "three"))
    for row in rows:
        table.add_row(*row)
    lines = shown(table, width)
    assert all(len(line.rstrip()) <= width for line in lines)
    there = set(" ".join(lines).split())
    dropped = any(line.startswith("Not shown") for line in lines)
    for one, two, three in rows:
        assert {*one.split(), *three.split(), *(() if dropped else two.split())} <= there


def test_columns_go_in_the_order_that_was_named() -> None:
    table = NarrowTable("name", "a", "b", "value", left=("name",), drop=("b", "a"))
    table.add_row("something", "x" * 20, "y" * 20, "1.5")
    assert "Not shown" not in "".join(shown(table, 80))
    assert shown(table, 50)[-1] == "Not shown for want of width: b."
    assert shown(table, 35)[-1] == "Not shown for want of width: b, a."


def test_what_goes_into_a_pipe_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    out = CliRunner().invoke(corpora, ["list"], catch_exceptions=False).stdout
    assert "commercial" in out.splitlines()[0] and "Not shown" not in out
    monkeypatch.setenv("COLUMNS", "80")
    assert terminal().width == 80


@pytest.mark.parametrize(("command", "verb"), COMMANDS, ids=lambda value: getattr(value, "name", value))
def test_lists_are_readable_at_80_columns(command, verb, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = CliRunner().invoke(command, [verb], catch_exceptions=False).stdout
    monkeypatch.setenv("COLUMNS", "80")
    narrow = CliRunner().invoke(command, [verb], catch_exceptions=False).stdout
    assert all(len(line.rstrip()) <= 80 for line in narrow.splitlines() if "affekt " not in line)
    assert "…" not in narrow
    told = re.sub(r"Not shown for want of width: .*", "", narrow)
    assert set(told.split()) <= set(wide.split())
