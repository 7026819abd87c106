"""Maps carry probabilities without inventing any, and say what they lose."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from test_spaces import MEASURE, URL

from affekt.catalog.load import names
from affekt.catalog.maps import centroids, centroids_from, direct, maps_from, space_map
from affekt.catalog.spaces import space, spaces
from affekt.cli.spaces import command
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.space import Centroid, Centroids, Dimension, LabelSpace, SpaceMap, compose

MAPS = names("maps")
STATED = [n for n in MAPS if isinstance(direct(*n.split("_to_")), SpaceMap)]
NEGATIVE = ("sadness", "anger", "fear")
BRIDGES = [n for n in MAPS if n not in STATED]


def categories(id: str, labels: str, **more: object) -> LabelSpace:
    return LabelSpace(**({"id": id, "title": id, "kind": "single", "labels": tuple(labels)} | more))  # type: ignore[arg-type]


def a_map(weights: Mapping[str, Mapping[str, float]], a: str = "abcd", b: str = "xyz", **more: object) -> SpaceMap:
    origin, target = categories("o", a, **more), categories("t", b)
    return SpaceMap("o>t", origin, target, weights)


# ---- every entry ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAPS)
def test_entry_is_sound(name: str) -> None:
    origin, target = name.split("_to_")
    m = direct(origin, target)
    assert m.id == f"{origin}>{target}" and m.origin.id == origin and m.target.id == target
    assert m.source.title and m.source.authors and m.source.year and m.source.note
    ours = m.source.authors == "The Affekt developers"
    assert ours or URL.fullmatch(m.source.url)
    if isinstance(m, SpaceMap):
        assert m.weights
        assert m.measured == (name in MEASURE.WEIGHTS)
    else:
        assert name in MEASURE.CENTROIDS
    if isinstance(m, SpaceMap) and m.source.title == "Our own reading" and "tree" not in m.source.note:
        # What is our own reading gives its reason, if not for all labels then for each that has no target.
        assert set(m.origin.labels) - set(m.weights) <= set(m.reasons)


@pytest.mark.parametrize("id", spaces())
def test_every_reachable_space_has_a_map_with_a_loss(id: str) -> None:
    for target in maps_from(id):
        m = space_map(id, target)
        report = m.loss()
        assert 0 < report.coverage <= 1 + 1e-9
        assert 0 <= report.bits_lost <= report.bits_before + 1e-9
        assert bool(m.route) == (f"{id}_to_{target}" not in MAPS)
        if m.route:
            assert f"{id} > {m.route} > {target}" in m.source.note


# ---- what the sources say ------------------------------------------------------------------------------------


def test_goemotions_maps_are_the_authors() -> None:
    groups = space("goemotions").groups
    for target, group in (("ekman", "ekman"), ("goemotions-sentiment", "sentiment")):
        m = space_map("goemotions", target)
        for name, members in groups[group].items():
            assert all(m.weights[label] == {name: 1.0} for label in members)
    assert space_map("goemotions", "ekman").loss().dropped == ("neutral",)
    assert space_map("goemotions", "ekman-neutral").loss().coverage == pytest.approx(1.0)


def test_goemotions_to_plutchik_follows_the_circle_where_it_speaks() -> None:
    circle, m = space("plutchik"), space_map("goemotions", "plutchik")
    named = {also: b for b in circle.blends for also in (b.name, *b.also)}
    grades = {name: label for label, names in circle.grades.items() for name in names}
    for label, row in m.weights.items():
        if label in grades:
            assert row == {grades[label]: 1.0}
        elif label in named:
            assert row == dict.fromkeys(named[label].parts, 0.5)
        else:
            assert m.reasons[label].startswith("Ours")


def test_parrotts_tiers_commute() -> None:
    up = compose(space_map("parrott-tertiary", "parrott-secondary"), space_map("parrott-secondary", "parrott-primary"))
    assert up.weights == space_map("parrott-tertiary", "parrott-primary").weights
    to_six = compose(space_map("parrott-tertiary", "parrott-secondary"), space_map("parrott-secondary", "ekman"))
    assert to_six.weights == space_map("parrott-tertiary", "ekman").weights


@pytest.mark.parametrize(("a", "b"), [("ekman", "big6"), ("ekman", "brighter"), ("meld", "ekman-neutral")])
def test_renaming_there_and_back_is_nothing(a: str, b: str) -> None:
    there, back = space_map(a, b), space_map(b, a)
    assert compose(there, back).weights == {label: {label: 1.0} for label in space(a).labels}
    assert there.loss().bits_lost == pytest.approx(0, abs=1e-12)


# ---- finding -------------------------------------------------------------------------------------------------


def test_a_space_maps_to_itself_unchanged() -> None:
    m = space_map("goemotions", "goemotions")
    scores = {label: i / 30 for i, label in enumerate(m.origin.labels)}
    assert m.apply(scores) == pytest.approx(scores)
    assert m.loss().bits_lost == pytest.approx(0, abs=1e-12)


def test_a_composed_map_says_its_way() -> None:
    m = space_map("goemotions", "big6")
    assert m.route == "ekman" and "goemotions > ekman > big6" in m.source.note
    assert m.weights["gratitude"] == {"happiness": 1.0}


def test_what_cannot_be_reached_lists_what_can() -> None:
    with pytest.raises(InputError, match=r"you can reach: .*plutchik"):
        space_map("goemotions", "kote")
    with pytest.raises(InputError, match="No map starts at 'sentiment'"):
        space_map("sentiment", "ekman")
    with pytest.raises(InputError, match="dimensional"):
        space_map("ekman-neutral", "emobank")
    with pytest.raises(InputError, match=r"Measured: .*ekman-neutral in emobank"):
        centroids("kote", "emobank")


@pytest.mark.parametrize(("a", "b"), [("ekmann", "ekman"), ("ekman", "plutchick"), ("meldd", "meldd")])
def test_unknown_names_name_the_nearest(a: str, b: str) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean"):
        space_map(a, b)
    with pytest.raises(UnknownNameError, match="Did you mean"):
        centroids(a, b)


# ---- applying ------------------------------------------------------------------------------------------------


@st.composite
def maps(draw: st.DrawFn, *, full: bool = False, kind: str = "single") -> SpaceMap:
    weights = {}
    for label in "abcd":
        parts = draw(st.lists(st.floats(0, 1), min_size=3, max_size=3))
        total = sum(parts)
        scale = 1.0 if full else draw(st.floats(0, 1))
        if total > 0.01:
            row = {t: min(p / total * scale, 1.0) for t, p in zip("xyz", parts, strict=True)}
            weights[label] = {t: p for t, p in row.items() if p > 0}
        elif full:
            weights[label] = {"x": 1.0}
    return a_map({k: v for k, v in weights.items() if v}, kind=kind)


scores = st.fixed_dictionaries(dict.fromkeys("abcd", st.floats(0, 1)))
distribution = scores.filter(lambda s: sum(s.values()) > 0.01).map(
    lambda s: {k: v / sum(s.values()) for k, v in s.items()}
)


@settings(deadline=None)
@given(maps(kind="multi"), scores)
def test_apply_stays_a_probability(m: SpaceMap, p: dict[str, float]) -> None:
    out = m.apply(p)
    assert list(out) == list("xyz")
    assert all(-1e-12 <= v <= 1 + 1e-12 for v in out.values())
    for target, value in out.items():  # at least the strongest single contribution, at most their sum
        parts = [p[o] * row.get(target, 0.0) for o, row in m.weights.items()]
        assert max(parts, default=0.0) - 1e-9 <= value <= sum(parts) + 1e-9


@settings(deadline=None)
@given(maps(full=True), distribution)
def test_apply_keeps_the_sum_of_a_distribution(m: SpaceMap, p: dict[str, float]) -> None:
    assert sum(m.apply(p).values()) == pytest.approx(1.0)


@settings(deadline=None)
@given(maps(), distribution)
def test_what_has_no_target_is_left_out_not_spread(m: SpaceMap, p: dict[str, float]) -> None:
    assert sum(m.apply(p).values()) == pytest.approx(m.loss(p).coverage)


@settings(deadline=None)
@given(maps(), maps(), distribution)
def test_composing_is_applying_twice(first: SpaceMap, second: SpaceMap, p: dict[str, float]) -> None:
    onward = {("x", "y", "z", "w")["abcd".index(k)]: v for k, v in second.weights.items() if k != "d"}
    middle = first.target
    then = SpaceMap("t>u", middle, categories("u", "xyz"), {k: v for k, v in onward.items() if k in "xyz"})
    assert compose(first, then).apply(p) == pytest.approx(then.apply(first.apply(p)))


@settings(deadline=None)
@given(maps(), distribution)
def test_loss_is_between_nothing_and_everything(m: SpaceMap, p: dict[str, float]) -> None:
    r = m.loss(p)
    assert -1e-9 <= r.bits_lost <= r.bits_before + 1e-9
    assert r.bits_before <= 2 + 1e-9  # four labels
    assert 0 <= r.coverage <= 1 + 1e-9


def test_compose_refuses_maps_that_do_not_meet() -> None:
    with pytest.raises(ValueError, match="cannot go on from 'ekman'"):
        compose(space_map("goemotions", "ekman"), space_map("meld", "ekman-neutral"))


# ---- loss ----------------------------------------------------------------------------------------------------

EVEN = dict.fromkeys("abcd", 1.0)


@pytest.mark.parametrize(
    ("weights", "bits", "coverage"),
    [
        ({"a": {"x": 1.0}, "b": {"y": 1.0}, "c": {"z": 1.0}}, 0.0, 0.75),  # one dropped label is still known
        ({"a": {"x": 1.0}, "b": {"x": 1.0}, "c": {"y": 1.0}, "d": {"z": 1.0}}, 0.5, 1.0),  # two of four merged
        ({"a": {"x": 1.0}, "b": {"x": 1.0}, "c": {"y": 1.0}, "d": {"y": 1.0}}, 1.0, 1.0),
        ({label: {"x": 1.0} for label in "abcd"}, 2.0, 1.0),  # all merged: all is lost
        ({"a": {"x": 1.0}, "b": {"y": 1.0}}, 0.5, 0.5),  # two dropped labels cannot be told apart
        ({label: {"x": 0.5, "y": 0.5} for label in "abcd"}, 2.0, 1.0),  # a target that says nothing
    ],
)
def test_bits(weights: dict[str, dict[str, float]], bits: float, coverage: float) -> None:
    r = a_map(weights).loss(EVEN, counted_on="four alike")
    assert r.bits_before == pytest.approx(2.0)
    assert r.bits_lost == pytest.approx(bits)
    assert r.coverage == pytest.approx(coverage)
    assert r.distribution == "four alike"


def test_loss_uses_the_origins_counts_unless_told() -> None:
    m = a_map({"a": {"x": 1.0}, "b": {"x": 1.0}}, counts={"a": 3, "b": 1, "c": 4}, counts_from="here")
    assert m.loss().coverage == pytest.approx(0.5) and m.loss().distribution == "here"
    assert m.loss({"a": 1.0}).bits_lost == 0.0
    assert a_map({"a": {"x": 1.0}}).loss().distribution == "uniform"


@pytest.mark.parametrize("counts", [{"a": -1.0}, {"a": math.nan}, {"zzz": 3.0}, {"a": 0.0}])
def test_loss_refuses_counts_that_are_none(counts: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="counts must be finite"):
        a_map({"a": {"x": 1.0}}).loss(counts)


@pytest.mark.parametrize("weights", [{"q": {"x": 1.0}}, {"a": {"q": 1.0}}, {"a": {"x": 1.5}}, {"a": {"x": 0.0}}])
def test_a_map_that_fits_no_space_is_refused(weights: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValueError, match="map 'o>t'"):
        a_map(weights)


# ---- dimensions ----------------------------------------------------------------------------------------------

PLANE = LabelSpace(
    id="va", title="VA", kind="dimensional", dimensions=(Dimension("valence", -1, 1), Dimension("arousal", -1, 1))
)


def bridge(points: Mapping[str, Centroid]) -> Centroids:
    return Centroids("o>va", categories("o", "abcd"), PLANE, points)


def point(v: float, a: float, sd: float = 0.2) -> Centroid:
    return Centroid({"valence": v, "arousal": a}, {"valence": sd, "arousal": sd}, 50)


THREE = bridge({"a": point(0.6, 0.4), "b": point(-0.6, 0.4), "c": point(-0.5, -0.5)})


@settings(deadline=None)
@given(scores.filter(lambda s: s["a"] + s["b"] + s["c"] > 0.01))
def test_dimensions_lie_within_the_points(p: dict[str, float]) -> None:
    out = THREE.to_dimensions(p)
    assert -0.6 - 1e-9 <= out["valence"] <= 0.6 + 1e-9 and -0.5 - 1e-9 <= out["arousal"] <= 0.4 + 1e-9


def test_dimensions_without_a_known_label_are_undefined() -> None:
    assert all(math.isnan(v) for v in THREE.to_dimensions({"d": 0.9}).values())


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1))
def test_labels_from_dimensions_are_the_gaussian_posterior(v: float, a: float) -> None:
    out = THREE.to_labels({"valence": v, "arousal": a})
    density = {
        label: NormalDist(p.mean["valence"], 0.2).pdf(v) * NormalDist(p.mean["arousal"], 0.2).pdf(a)
        for label, p in THREE.points.items()
    }
    total = sum(density.values())
    assert out == pytest.approx({k: d / total for k, d in density.items()}, rel=1e-6, abs=1e-12)


def test_there_and_back_finds_the_label() -> None:
    for label in THREE.points:
        back = THREE.to_labels(THREE.to_dimensions({label: 1.0}))
        assert max(back, key=back.__getitem__) == label


def test_prior_and_missing_dimensions() -> None:
    assert THREE.to_labels({"arousal": 0.4})["a"] == pytest.approx(THREE.to_labels({"arousal": 0.4})["b"])
    assert THREE.to_labels({"arousal": 0.4}, prior={"a": 3.0, "b": 1.0})["a"] == pytest.approx(0.75)
    assert THREE.to_labels({"valence": 900.0})["a"] == pytest.approx(1.0)  # far outside nothing overflows


@pytest.mark.parametrize("values", [{}, {"dominance": 1.0}, {"valence": math.nan}])
def test_labels_need_a_finite_value(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="finite value"):
        THREE.to_labels(values)


def test_means_alone_do_not_go_back() -> None:
    c = bridge({"a": Centroid({"valence": 0.1, "arousal": 0.1})})
    assert not c.reversible and c.to_dimensions({"a": 0.3}) == pytest.approx({"valence": 0.1, "arousal": 0.1})
    with pytest.raises(ValueError, match="means only"):
        c.to_labels({"valence": 0.0})


@pytest.mark.parametrize(
    "points",
    [
        {"q": point(0, 0)},
        {"a": point(1.5, 0)},
        {"a": point(0, 0, sd=0.0)},
        {"a": Centroid({"valence": 0.0})},
    ],
)
def test_points_that_fit_no_space_are_refused(points: dict[str, Centroid]) -> None:
    with pytest.raises(ValueError, match="centroids 'o>va'"):
        bridge(points)


@pytest.mark.parametrize("name", BRIDGES)
def test_measured_points_make_sense(name: str) -> None:
    c = direct(*name.split("_to_"))
    assert isinstance(c, Centroids)
    assert "Doubt" in c.source.note or "alphabetical" in c.source.note
    if {"valence"} <= {d.name for d in c.target.dimensions}:
        valence = {label: p.mean["valence"] for label, p in c.points.items()}
        pleasant = "happy" if "happy" in valence else "joy"
        unpleasant = ("sad", "angry", "fearful", "fear") if "happy" in valence else NEGATIVE
        assert max(valence[label] for label in unpleasant if label in valence) < valence[pleasant]
    if c.reversible:
        assert all(p.n >= 10 for p in c.points.values())


def test_points_are_taken_over_by_spaces_that_only_rename() -> None:
    c = centroids("meld", "emobank")
    assert c.route == "ekman-neutral" and c.points["joy"] == centroids("ekman-neutral", "emobank").points["joy"]
    assert "emobank" not in centroids_from("goemotions")  # there twelve labels share one point
    assert centroids("isear", "enisear-appraisals").points["guilt"].mean["responsibility"] > 0.8


# ---- command line --------------------------------------------------------------------------------------------


def run(*args: str) -> str:
    result = CliRunner().invoke(command, ["map", *args], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_map_prints_the_loss() -> None:
    out = run("goemotions", "ekman")
    assert "\x1b" not in out and not re.search(r"[ \t]$", out, re.MULTILINE)
    assert re.search(r"merged\s+12 into joy", out)
    assert re.search(r"no target\s+neutral", out) and re.search(r"never reached\s+none", out)
    r = space_map("goemotions", "ekman").loss()
    assert f"{r.bits_lost:.2f} of {r.bits_before:.2f} bits lost" in out and f"{r.coverage:.1%}" in out
    assert "GoEmotions, original/train.tsv" in out and "ekman_mapping.json" in out


def test_map_as_json_is_the_map() -> None:
    record = json.loads(run("goemotions", "plutchik", "--json"))
    assert record["weights"]["love"] == {"joy": 0.5, "trust": 0.5}
    assert record["no_target"] == ["neutral"] and record["never_reached"] == []
    assert record["bits_lost"] == pytest.approx(space_map("goemotions", "plutchik").loss().bits_lost)


def test_why_gives_reasons() -> None:
    assert "Boredom is none of the six." in run("kote", "ekman", "--why")
    assert "without reasons" in run("goemotions", "ekman", "--why")
    assert "It was measured." in run("meld", "sentiment", "--why")


def test_map_on_ones_own_counts(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("label,count\njoy,10\nanger,10\nannoyance,10\nneutral,10\n", encoding="utf-8")
    record = json.loads(run("goemotions", "ekman", "--counts", str(file), "--json"))
    assert record["coverage"] == pytest.approx(0.75)
    assert record["bits_before"] == pytest.approx(2.0) and record["bits_lost"] == pytest.approx(0.5)
    assert str(file) == record["counted_on"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("joyy,3\n", UnknownNameError, "'joy'"),
        ("joy,3,4\n", InputError, "3 cells"),
        ("joy,many\n", InputError, "line 1"),
        ("joy,nan\n", InputError, "0 or more"),
        ("label,count\njoy,-2\n", InputError, "line 2"),
        ("", InputError, "No label"),
        (None, InputError, "cannot be read"),
        (b"\xff\xfe\x00", InputError, "cannot be read"),
    ],
)
def test_counts_that_are_wrong_are_named(tmp_path: Path, text: str | bytes | None, error: type, says: str) -> None:
    file = tmp_path / "mine.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = CliRunner().invoke(command, ["map", "goemotions", "ekman", "--counts", str(file)])
    assert isinstance(result.exception, error) and says in str(result.exception)


@pytest.mark.parametrize("pair", [("ekman-neutral", "emobank"), ("emobank", "ekman-neutral")])
def test_map_between_labels_and_dimensions(pair: tuple[str, str]) -> None:
    out = run(*pair)
    assert re.search(r"joy\s+3\.\d\d ± 0\.\d\d", out) and "CC BY-SA" in out
    record = json.loads(run(*pair, "--json"))
    assert record["centroids"]["joy"]["n"] > 100 and record["missing"] == []


def test_map_to_quadrants_says_the_rule() -> None:
    assert "high from 3, arousal from 3" in run("emobank", "russell")
    assert json.loads(run("msp-podcast", "russell", "--json"))["cut"] == {"valence": 4.0, "arousal": 4.0}


@pytest.mark.parametrize("name", MAPS)
def test_every_map_prints(name: str) -> None:
    out = run(*name.split("_to_"))
    assert "Source" in out and "Traceback" not in out


# ---- real data -----------------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("AFFEKT_DATA"), reason="AFFEKT_DATA is not set")
@pytest.mark.parametrize("name", sorted([*MEASURE.CENTROIDS, *MEASURE.WEIGHTS]))
def test_measured_maps_equal_a_new_measurement(name: str) -> None:
    root = Path(os.environ["AFFEKT_DATA"])
    m = direct(*name.split("_to_"))
    try:
        found = (MEASURE.CENTROIDS.get(name) or MEASURE.WEIGHTS[name])[2](root)
    except FileNotFoundError as err:
        pytest.skip(f"not at hand: {err.filename}")
    if isinstance(m, SpaceMap):
        assert {k: dict(v) for k, v in m.weights.items()} == found
    else:
        assert {k: (dict(p.mean), p.n) for k, p in m.points.items()} == {
            k: (p["mean"], p.get("n", 0)) for k, p in found.items()
        }
        for label, p in m.points.items():
            np.testing.assert_allclose(list(p.sd.values()), list(found[label].get("sd", {}).values()))
