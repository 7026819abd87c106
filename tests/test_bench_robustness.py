"""A recipe of the voice under simulated conditions, on folds of speakers. The voices are made."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from acted import small_catalog, write_ravdess
from click.testing import CliRunner

from affekt.bench.folds import run_folds
from affekt.bench.robustness import robustness
from affekt.catalog.recipes import voice_recipe
from affekt.cli.main import cli
from affekt.core.errors import InputError, UnknownNameError


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of functionals with one strength, which need not be searched for."""
    text = (resources.files("affekt.catalog") / "recipes" / "functionals.toml").read_text("utf-8")
    file = tmp_path_factory.mktemp("recipe") / "plain.toml"
    file.write_text(re.sub(r"(?m)^strengths = .*$", "strengths = [0.01]", text), "utf-8")
    return file


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    data = write_ravdess(tmp_path_factory.mktemp("data"), (1, 4, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEKT_CATALOG", str(small_catalog(data)))
        yield data


@pytest.fixture(scope="module")
def found(data: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("out") / "curves.json"
    given = ["--condition", "white", "--learn", "all", "--bootstrap", "100", "--out", str(out)]
    done = CliRunner().invoke(
        cli, ["bench", "robustness", "ravdess", "--recipe", str(recipe), "--data", str(data), *given]
    )
    assert done.exit_code == 0, done.output
    assert "As recorded" in done.stdout and "White noise, alone: learning under all brings" in done.stdout
    return json.loads(out.read_text())


def test_every_condition_and_way_has_its_score(found: dict) -> None:
    keys = [(p["manner"], p["condition"], p["level"], p["learned"]) for p in found["points"]]
    levels = [("", 0.0), *(("white", level) for level in (20.0, 10.0, 5.0, 0.0))]
    assert keys == [(m, c, v, way) for m in ("alone", "beside") for c, v in levels for way in ("clean", "all")]
    assert all(p["low"] <= p["uar"] <= p["high"] for p in found["points"])
    assert (found["rows"], found["speakers"]) == (48, 3)


def test_noise_costs_and_what_learning_from_noise_brings_is_counted(found: dict) -> None:
    points = [p for p in found["points"] if p["manner"] == "alone"]
    score = {(p["condition"], p["level"], p["learned"]): p["uar"] for p in points}
    assert score["white", 0.0, "clean"] < score["", 0.0, "clean"] - 0.05
    (white,) = (s for s in found["steps"] if s["manner"] == "alone")
    mean = {way: np.mean([score["white", level, way] for level in (20.0, 10.0, 5.0, 0.0)]) for way in ("clean", "all")}
    assert white["gain"] == pytest.approx(mean["all"] - mean["clean"], abs=2e-5)
    assert white["regained"] == pytest.approx(white["gain"] / (score["", 0.0, "clean"] - mean["clean"]), abs=1e-3)


def test_as_recorded_it_is_what_the_folds_give(data: Path, recipe: Path, found: dict, tmp_path: Path) -> None:
    run = run_folds(
        "ravdess", voice_recipe(str(recipe)), recipe_name="plain", out=tmp_path / "run", data=data, samples=100
    )
    clean = {p["manner"]: p for p in found["points"] if not p["condition"] and p["learned"] == "clean"}
    assert clean["beside"]["uar"] == pytest.approx(run.scores["uar"].value, abs=1e-5)


def test_other_people_are_heard_and_names_are_checked(data: Path, recipe: Path) -> None:
    plain = voice_recipe(str(recipe))
    asked = {"recipe_name": "plain", "asked": ["babble"], "learned": [], "every": 8, "samples": 20}
    found = robustness("ravdess", plain, data=data, **asked)
    assert found.rows == 6 and set(found.learned) == {"clean"} and not found.steps
    assert [p.level for p in found.points if p.manner == "beside"] == [0.0, 20.0, 10.0, 5.0, 0.0]
    with pytest.raises(UnknownNameError, match="distance"):
        robustness("ravdess", plain, recipe_name="x", asked=["distnce"], data=data)
    with pytest.raises(UnknownNameError, match="all"):
        robustness("ravdess", plain, recipe_name="x", learned=["al"], data=data)
    with pytest.raises(InputError, match="no folds of speakers"):
        robustness("goemotions", plain, recipe_name="x", data=data)
