"""Every label space loads, says where it comes from, and holds what its source says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from affekt.catalog.spaces import space, spaces
from affekt.cli.spaces import command
from affekt.core.errors import UnknownNameError
from affekt.core.space import LabelSpace, quadrant

ROOT = Path(__file__).parent.parent
URL = re.compile(r"https?://[\w.-]+\.[a-z]{2,}(/\S*)?")


@pytest.mark.parametrize("id", spaces())
def test_entry_is_sound(id: str) -> None:
    s = space(id)
    assert s.id == id
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id)  # "_" is kept for the names of maps
    assert s.title and s.description.endswith(".")
    assert s.source.title and s.source.authors and s.source.note
    assert URL.fullmatch(s.source.url)
    assert s.source.year is not None and 1970 <= s.source.year <= 2026
    assert all(label == label.strip() and label for label in s.labels)
    assert bool(s.counts) == bool(s.counts_from)
    if s.counts:
        assert list(s.counts) == list(s.labels)
        assert all(n >= 0 for n in s.counts.values()) and sum(s.counts.values()) > 100
    if s.kind == "intensity":
        assert s.intensity is not None and s.intensity > 0
    if s.glosses:
        assert set(s.glosses) == set(s.labels)
    assert set(s.counts) <= set(s.labels)
    assert not s.emotionml or s.emotionml == f"http://www.w3.org/TR/emotion-voc/xml#{id}"


@pytest.mark.parametrize(
    ("id", "size"),
    [
        ("ekman", 6),
        ("ekman-neutral", 7),
        ("plutchik", 8),
        ("goemotions", 28),
        ("kote", 44),
        ("meld", 7),
        ("brighter", 6),
        ("cped", 13),
        ("empatheticdialogues", 32),
        ("mahaemotions", 11),
        ("parrott-primary", 6),
        ("parrott-secondary", 25),
        ("parrott-tertiary", 135),
        ("parrott", 166),
        ("russell", 4),
        ("everyday-categories", 17),
        ("occ-categories", 22),
        ("fsre-categories", 24),
        ("frijda-categories", 12),
        ("frijda-action-tendencies", 10),
        ("cowen-keltner", 27),
        ("emotic", 26),
    ],
)
def test_size_is_that_of_the_source(id: str, size: int) -> None:
    assert len(space(id).labels) == size


@pytest.mark.parametrize(
    ("id", "low", "high"),
    [("emobank", 1, 5), ("warriner", 1, 9), ("msp-podcast", 1, 7), ("nrc-vad", 0, 1), ("iemocap-vad", 1, 5)],
)
def test_native_ranges(id: str, low: float, high: float) -> None:
    assert [(d.name, d.low, d.high) for d in space(id).dimensions] == [
        ("valence", low, high),
        ("arousal", low, high),
        ("dominance", low, high),
    ]


def test_plutchiks_circle_is_whole() -> None:
    s = space("plutchik")
    apart = {"primary": 1, "secondary": 2, "tertiary": 3}
    seen = set()
    for blend in s.blends:
        i, j = (s.index(part) for part in blend.parts)
        assert min((i - j) % 8, (j - i) % 8) == apart[blend.order], blend.name
        seen.add(frozenset(blend.parts))
    assert len(s.blends) == len(seen) == 24  # each pair that is not opposite, once
    assert all(len(names) == 3 and names[1] == label for label, names in s.grades.items())
    assert set(s.grades) == set(s.labels)
    for a, b in s.groups["opposites"].values():
        assert (s.index(a) - s.index(b)) % 8 == 4


def test_goemotions_groups_cover_all_but_neutral_once() -> None:
    s = space("goemotions")
    for groups in s.groups.values():
        members = [label for group in groups.values() for label in group]
        assert sorted(members) == sorted(set(s.labels) - {"neutral"})


def test_parrotts_tree_agrees_with_its_tiers() -> None:
    tree, third = space("parrott"), space("parrott-tertiary")
    depth = {label: label.count("/") for label in tree.labels}
    assert [sum(d == n for d in depth.values()) for n in range(3)] == [6, 25, 135]
    assert {label for label, d in depth.items() if d == 0} == set(tree.labels) - set(tree.parents)
    for label, parent in tree.parents.items():
        assert label.rpartition("/")[0] == parent
    leaves = {label.split("/")[2]: label.split("/") for label, d in depth.items() if d == 2}
    for tier, place in (("primary", 0), ("secondary", 1)):
        for group, members in third.groups[tier].items():
            assert all(leaves[m][place] == group for m in members)


def test_unknown_space_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'goemotions'") as caught:
        space("goemotion")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("valence", "arousal", "expected"),
    [(4, 4, "Q1"), (2, 4, "Q2"), (2, 2, "Q3"), (4, 2, "Q4"), (3, 3, "Q1"), (2.99, 3, "Q2")],
)
def test_quadrant(valence: float, arousal: float, expected: str) -> None:
    assert quadrant({"valence": valence, "arousal": arousal}, space("emobank")) == expected


def test_quadrant_refuses_what_it_cannot_place() -> None:
    with pytest.raises(ValueError, match="valence is nan"):
        quadrant({"valence": float("nan"), "arousal": 2.0}, space("emobank"))
    with pytest.raises(KeyError):
        quadrant({"valence": 1.0, "arousal": 1.0}, space("vader"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"glosses": {"c": "see"}},
        {"grades": {"c": ("weak",)}},
        {"counts": {"c": 1}},
        {"parents": {"a": "c"}},
        {"groups": {"g": {"x": ("c",)}}},
        {"neutral": "c"},
        {"labels": ("a", "a")},
    ],
)
def test_a_space_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="label space 'x'"):
        LabelSpace(**({"id": "x", "title": "X", "kind": "multi", "labels": ("a", "b")} | wrong))  # type: ignore[arg-type]


# ---- command line --------------------------------------------------------------------------------------------


def run(*args: str) -> str:
    result = CliRunner().invoke(command, list(args), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_list_names_every_space() -> None:
    out = run("list")
    assert all(re.search(rf"^{re.escape(id)} ", out, re.MULTILINE) for id in spaces())
    assert out == run()
    kinds = {row["id"]: row["kind"] for row in json.loads(run("list", "--json"))}
    assert set(kinds) == set(spaces())
    assert [r["id"] for r in json.loads(run("list", "--kind", "intensity", "--json"))] == [
        id for id in spaces() if kinds[id] == "intensity"
    ]


@pytest.mark.parametrize("id", spaces())
def test_show_is_plain_when_piped(id: str) -> None:
    out = run("show", id)
    assert space(id).title in out and space(id).source.url in out
    assert "\x1b" not in out and not re.search(r"[ \t]$", out, re.MULTILINE)
    record = json.loads(run("show", id, "--json"))
    assert record["labels"] == list(space(id).labels)
    assert record["source"]["title"] == space(id).source.title


def test_show_tells_what_a_label_means_and_how_strong() -> None:
    assert re.search(r"고마움\s+gratitude", run("show", "kote"))
    out = run("show", "plutchik")
    assert "serenity … joy … ecstasy" in out and re.search(r"love\s+joy \+ trust\s+primary", out)


def test_docs_hold_the_tables_of_today() -> None:
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    assert page.endswith(run("table")), "run: affekt spaces table, and put it at the end of docs/spaces.md"


# ---- real data -----------------------------------------------------------------------------------------------


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_maps", ROOT / "scripts" / "measure_maps.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MEASURE = script()


def test_every_count_can_be_recounted() -> None:
    assert {id for id in spaces() if space(id).counts} == set(MEASURE.COUNTS)


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("AFFEKT_DATA"), reason="AFFEKT_DATA is not set")
@pytest.mark.parametrize("id", sorted(MEASURE.COUNTS))
def test_counts_equal_a_recount(id: str) -> None:
    counted_from, count = MEASURE.COUNTS[id]
    try:
        found = count(Path(os.environ["AFFEKT_DATA"]))
    except FileNotFoundError as err:
        pytest.skip(f"not at hand: {err.filename}")
    assert {k: n for k, n in found.items() if n} == {k: n for k, n in space(id).counts.items() if n}
    assert space(id).counts_from == counted_from
