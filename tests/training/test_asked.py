"""Models that are asked by name: questions, rows made of them, and a model that answers in spaces it never saw.

Needs the `train` extra.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from train_data import make_corpora, rainy_emobank

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from tokenizers import Tokenizer

from affekt.analysis import analyze
from affekt.bench.runs import run_task
from affekt.bench.studies import run_study
from affekt.catalog.recipes import Fresh, HeadPlan, Recipe
from affekt.catalog.spaces import space, spaces
from affekt.catalog.studies import Study
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.models.asked import AskedRecogniser
from affekt.models.questions import columns_of, question_tokens, wordings
from affekt.models.registry import load
from affekt.train.asking import cast, every_question, for_asking
from affekt.train.make import make_model
from affekt.train.names import NameLikeness
from affekt.train.start import fresh_folder
from affekt.train.targets import Rows, token_rows

FRESH = Fresh(corpora=("goemotions", "emobank"), vocabulary=600, width=32, layers=2, attention_heads=2, inner=64)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """EmoBank rows of rain, which are unpleasant, and of sun, which are pleasant; GoEmotions rows as they come."""
    folder = make_corpora(tmp_path_factory.mktemp("data"))
    rainy_emobank(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(data, tmp_path_factory):
    return fresh_folder(FRESH, tmp_path_factory.mktemp("encoder") / "start", data=data)


def recipe(encoder, **changed):
    return msgspec.convert(
        {
            "title": "t",
            "licence": "Apache-2.0",
            "languages": ["en"],
            "bits": 32,
            "encoder": str(encoder),
            "asks": {},
            "heads": {
                "go": {"space": "goemotions"},
                "feeling": {"space": "emobank", "of": "dimensions"},
            },
            "stages": [
                {
                    "epochs": 12,
                    "rate": 3e-3,
                    "head_rate": 1e-2,
                    "batch": 16,
                    "parts": [
                        {"corpus": "goemotions", "head": "go", "objective": "multi_label", "rows": 40},
                        {"corpus": "emobank", "head": "feeling", "objective": "squared_error"},
                    ],
                }
            ],
            **changed,
        },
        Recipe,
    )


@pytest.fixture(scope="module")
def model(data, encoder, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "asked"
    make_model(recipe(encoder), "asked", out, data=data, floats=False)
    return out


@pytest.mark.parametrize("name", spaces())
def test_every_name_of_every_space_is_asked_for_in_words_of_its_own(name):
    found = space(name)
    for of in ("labels", "intensities", "dimensions"):
        ways = [wordings(found, column, of) for column in columns_of(found, of)]
        for each in zip(*ways, strict=True):
            assert len(set(each)) == len(each)
        assert not any("_" in w or "{" in w for way in ways for w in way)


def test_a_dimension_is_asked_for_with_what_its_ends_mean():
    assert wordings(space("emobank"), "valence", "dimensions")[0] == (
        "How high is the valence, from unpleasant to pleasant?"
    )


def rows_and_tokens(encoder, values):
    texts = [f"rain again {i}" for i in range(len(values))]
    ids = [str(i) for i in range(len(values))]
    return Rows(ids, texts, np.array(values, float)), token_rows(encoder / "tokenizer.json", texts, 32)


def test_every_known_value_becomes_a_row_and_most_absent_labels_do_not(encoder):
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    rng = np.random.default_rng(0)
    n = len(space("goemotions").labels)
    values = (rng.random((40, n)) < 0.05).astype(float)
    values[3] = np.nan
    plan = HeadPlan(space="goemotions")
    rows, tokens = rows_and_tokens(encoder, values)
    made, asked = cast(rows, tokens, plan, tokenizer=tokenizer, negatives=2.0, seed=1)
    yes = int(np.nansum(values))
    assert made.values.shape == (3 * yes, 1) and made.values.sum() == yes
    assert "3" not in made.ids
    every = question_tokens(tokenizer, space("goemotions"), "labels")
    asked_first = {tuple(w) for ways in every for w in ways}
    for one, text_id, value in zip(asked, made.ids, made.values[:, 0], strict=True):
        own = tokens[int(text_id)][1:]
        assert np.array_equal(one[-len(own) :], own)
        question = tuple(one[: -len(own)])
        assert question in asked_first
        column = next(j for j, ways in enumerate(every) if any(tuple(w) == question for w in ways))
        assert values[int(text_id), column] == value
    assert len({tuple(one) for one in asked}) > yes
    again = cast(rows, tokens, plan, tokenizer=tokenizer, negatives=2.0, seed=1)
    assert again[0].ids == made.ids and all(map(np.array_equal, again[1], asked))
    few, _ = cast(rows, tokens, plan, tokenizer=tokenizer, negatives=2.0, seed=1, most=10)
    assert len(few.ids) == 10


def test_values_are_asked_for_wherever_they_are_known(encoder):
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    plan = HeadPlan(space="emobank", of="dimensions")
    rows, tokens = rows_and_tokens(encoder, [[1.0, np.nan, 3.0], [2.0, 2.5, np.nan]])
    made, _ = cast(rows, tokens, plan, tokenizer=tokenizer, negatives=0.0, seed=1)
    assert made.values[:, 0].tolist() == [1.0, 3.0, 2.0, 2.5] and made.ids == ["0", "0", "1", "1"]
    assert len(every_question(tokens, plan, tokenizer=tokenizer)) == 6


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"context": 2}, "turns"),
        (
            {
                "heads": {
                    "go": {"space": "goemotions"},
                    "feeling": {"space": "emobank", "of": "dimensions", "mix_layers": True},
                }
            },
            "lower layers",
        ),
    ],
)
def test_what_such_a_model_cannot_have_is_refused(encoder, changed, said):
    with pytest.raises(CatalogError, match=said):
        for_asking(recipe(encoder, **changed))


def test_an_objective_over_all_names_is_refused_and_one_label_becomes_a_yes_or_no(encoder):
    plan = recipe(encoder)
    part = plan.stages[0].parts[1]
    replace = msgspec.structs.replace
    bad = replace(plan, stages=(replace(plan.stages[0], parts=(replace(part, objective="ccc"),)),))
    with pytest.raises(CatalogError, match="squared_error"):
        for_asking(bad)
    single = replace(plan.stages[0].parts[0], objective="one_label")
    done = for_asking(replace(plan, stages=(replace(plan.stages[0], parts=(single,)),)))
    assert done.stages[0].parts[0].objective == "multi_label"


def test_it_learns_what_it_is_asked_and_answers_alike_whatever_is_read_beside(model, data, tmp_path):
    reader = load(model)
    assert isinstance(reader, AskedRecogniser) and reader.spec.space == "goemotions"
    clips = [Clip("1", "sun again 3"), Clip("2", "rain again 3"), Clip("3", ""), Clip("4", "sun again 5 " * 60)]
    sun, rain, empty, long = reader.predict(clips, space="emobank")
    assert sun.dimensions["valence"] > rain.dimensions["valence"] + 0.5
    assert empty.abstained == "empty" and len(long.trajectory) > 1
    alone = reader.predict(clips[1:2], space="emobank")[0]
    assert alone.dimensions == pytest.approx(rain.dimensions, abs=1e-5)
    run = run_task("emobank", reader, out=tmp_path / "run", data=data, samples=20)
    assert run.scores["pcc_valence"].value > 0.8 and run.spec["mapped_from"] is None


@pytest.mark.parametrize("name", ["plutchik", "enisear", "semeval2007", "enisear-appraisals", "xed"])
def test_it_answers_in_spaces_that_it_never_saw(model, name):
    found = space(name)
    (said,) = load(model).predict([Clip("1", "sun again 3")], space=name)
    assert said.space == name and tuple(said.scores) == found.labels
    assert tuple(said.dimensions) == tuple(d.name for d in found.dimensions)
    assert all(0 <= v <= 1 for v in said.scores.values())
    if found.kind == "single":
        assert sum(said.scores.values()) == pytest.approx(1) and len(said.labels) == 1
    for d in found.dimensions:
        assert d.low <= said.dimensions[d.name] <= d.high


def test_a_space_of_ones_own_can_be_asked_for(model, tmp_path, monkeypatch):
    folder = tmp_path / "catalog" / "spaces"
    folder.mkdir(parents=True)
    (folder / "weather.toml").write_text(
        'title = "Weather"\ndescription = "Of the sky."\nkind = "multi"\nlabels = ["storm", "calm"]\n'
        '[source]\ntitle = "ours"\nauthors = "us"\nyear = 2026\n'
    )
    monkeypatch.setenv("AFFEKT_CATALOG", str(tmp_path / "catalog"))
    (row,) = analyze(["rain again 2"], model=model, space="weather")
    assert set(row.scores) == {"storm", "calm"}
    with pytest.raises(UnknownNameError, match="weather"):
        load(model).predict([Clip("1", "rain")], space="wether")


def test_a_study_over_tasks_decides_on_their_mean(data, encoder, tmp_path):
    entry = msgspec.convert(
        {
            "title": "t",
            "question": "q",
            "published": "p",
            "works": [],
            "task": "emobank",
            "metric": "pcc_valence",
            "mean": True,
            "unseen": {"emobank": ["pcc_arousal"]},
            "seeds": [1, 2],
            "baseline": "names",
            "recipe": {"asks": {}},
            "stage": {"epochs": 2, "rate": 2e-3, "batch": 16, "patience": 0, "precision": "float32"},
            "part": {"rows": 60},
            "variants": [{"name": "names", "floor": "names"}, {"name": "asked"}],
        },
        Study,
    )
    mean, *each = run_study(entry, tmp_path, data=data, encoder=str(encoder))
    assert [(t.task, t.metric) for t in each] == [("emobank", "pcc_valence"), ("emobank", "pcc_arousal")]
    assert mean.outcomes[1].mean == pytest.approx(each[1].outcomes[1].mean)
    assert mean.outcomes[1].contrast.difference.value == pytest.approx(
        each[1].outcomes[1].mean - each[1].outcomes[0].mean
    )


def test_the_likest_name_is_given(data, encoder):
    floor = NameLikeness("goemotions", encoder=str(encoder))
    (said,) = floor.predict([Clip("1", "surprise")])
    assert said.labels == ("surprise",) and said.scores["surprise"] == pytest.approx(1, abs=1e-4)
