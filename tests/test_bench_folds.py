"""Recipes of the voice on folds of speakers: what is learned from what, and what the runs say. The voices are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acted import small_catalog, write_emodb, write_ravdess
from click.testing import CliRunner

from affekt.bench import read_run, rescore, run_task, slices, task
from affekt.bench.folds import run_folds
from affekt.bench.runs import largest_change
from affekt.catalog.recipes import voice_recipe
from affekt.catalog.spaces import space
from affekt.cli.bench import command
from affekt.core.errors import CatalogError, InputError
from affekt.media.sound import sound_of
from affekt.models.registry import load, load_voice

ACTORS = (1, 4, 8)  # one man, two women, each in a fold of its own
RECIPE = voice_recipe("functionals")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_ravdess(tmp_path_factory.mktemp("data"), ACTORS)


@pytest.fixture(scope="module", autouse=True)
def catalog(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEKT_CATALOG", str(small_catalog(data)))
        yield


@pytest.fixture(scope="module")
def runs(data, catalog, tmp_path_factory):
    """Folders of the two ways of reading, the one beside the speaker's manner by the command."""
    out = tmp_path_factory.mktemp("runs")
    run_folds("ravdess", RECIPE, recipe_name="functionals", out=out / "alone", alone=True, data=data, samples=200)
    args = ["folds", "ravdess", "--recipe", "functionals", "--data", str(data), "--bootstrap", "200"]
    done = CliRunner().invoke(command, [*args, "--out", str(out / "beside")])
    assert done.exit_code == 0, done.output
    assert "Intervals draw 3 speakers anew" in " ".join(done.stdout.split())
    return out


def test_all_speakers_are_answered_in_one_run(runs):
    run, answers = read_run(runs / "beside")
    assert len(answers) == 16 * len(ACTORS) and answers.answered.all()
    assert dict(zip(answers.facts["speaker"], answers.facts["fold"], strict=True)) == {
        "01": "1",
        "04": "2",
        "08": "3",
    }
    assert run.spec["folds"] == 3 and len(run.spec["strengths"]) == 3
    assert set(run.spec["strengths"]) <= set(RECIPE.strengths)
    assert run.model == "functionals@1.0 by folds" and run.spec["split"] == "all"
    assert np.allclose(answers.scores.sum(1), 1) and run.notes["clusters"] == {"of": "speaker", "number": 3}


def test_a_speakers_own_manner_helps_where_speakers_differ(runs):
    beside, alone = (read_run(runs / name)[0].scores["uar"] for name in ("beside", "alone"))
    assert beside.value > 0.6
    assert beside.value > alone.value + 0.1
    assert beside.n == alone.n == 16 * len(ACTORS)
    guesses = [read_run(runs / "alone")[0].scores[k].value for k in ("accuracy", "top2_accuracy", "top3_accuracy")]
    assert guesses == sorted(guesses) and guesses[0] < guesses[2]


def test_scores_are_the_same_when_computed_again(runs):
    assert largest_change(*rescore(runs / "alone")) == 0


def test_a_fold_learns_nothing_of_its_own_labels(runs, tmp_path):
    swapped = write_ravdess(tmp_path / "data", ACTORS, swapped=4)
    # The sounds of actor 4 are the same, under each other's names.
    run_folds("ravdess", RECIPE, recipe_name="functionals", out=tmp_path / "run", alone=True, data=swapped, samples=10)
    before, after = (read_run(folder)[1] for folder in (runs / "alone", tmp_path / "run"))
    own = [i for i, speaker in enumerate(before.facts["speaker"]) if speaker == "04"]
    other = {tuple(sorted(row)) for row in after.scores[own].round(5).tolist()}
    assert {tuple(sorted(row)) for row in before.scores[own].round(5).tolist()} == other
    rest = [i for i in range(len(before)) if i not in own]
    assert not np.allclose(before.scores[rest], after.scores[rest])


def test_gaps_of_sexes_stand_beside_those_of_speakers(runs):
    _, answers = read_run(runs / "alone")
    chosen = task("ravdess")
    by_sex = slices(chosen, answers, by="sex", min_rows=16, samples=200)
    assert {g.name: g.rows for g in by_sex.groups} == {"female": 32, "male": 16}
    assert by_sex.within is not None and by_sex.within.number == 3 and by_sex.within.of == "speaker"
    assert by_sex.within.low <= by_sex.within.high
    # Speakers change their group whole: one of three is the man, so no gap is surer than one in three.
    assert by_sex.gap is not None and by_sex.gap.p > 0.25
    by_speaker = slices(chosen, answers, by="speaker", min_rows=10, samples=200)
    assert len(by_speaker.groups) == 3 and by_speaker.within is None
    low = min(g.value for g in by_speaker.groups)
    assert low == pytest.approx(by_sex.within.low) and all(g.low < g.high for g in by_speaker.groups)
    # Each speaker has both takes: groups that cut across speakers are regrouped within them.
    takes = slices(chosen, answers, by="statement", min_rows=10, samples=50)
    assert takes.gap is not None and 0 < takes.gap.p <= 1


def test_the_command_shows_gaps_beside_speakers(runs):
    shown = CliRunner().invoke(command, ["slices", str(runs / "alone"), "--by", "sex", "--min-rows", "16"])
    assert shown.exit_code == 0, shown.output
    assert "Within the groups each speaker of 3 by itself" in " ".join(shown.stdout.split())


def test_the_corpus_learned_beside_is_carried_to_the_labels_of_the_task(tmp_path, monkeypatch):
    root = write_emodb(write_ravdess(tmp_path / "data", (1, 4)), (3, 8))
    monkeypatch.setenv("AFFEKT_CATALOG", str(small_catalog(root)))
    run = run_folds("emodb", RECIPE, recipe_name="functionals", out=tmp_path / "run", alone=True, data=root, samples=50)
    _, answers = read_run(tmp_path / "run")
    assert run.spec["learned_beside"] == ("ravdess",) or run.spec["learned_beside"] == ["ravdess"]
    assert answers.label_names == space("emodb").labels
    boredom = answers.label_names.index("boredom")
    assert not answers.labels[:, boredom].any() and answers.scores[:, boredom].max() < 0.05  # nobody was bored
    assert run.scores["uar"].value > 1 / 6


def test_rows_that_a_model_learned_from_are_refused(tmp_path, data):
    with pytest.raises(InputError, match=r"voice@1\.0 learned from 'ravdess'.*bench folds ravdess --recipe"):
        run_task("ravdess", load_voice(jobs=1), out=tmp_path / "run", data=data)
    with pytest.raises(InputError, match="learned from 'emodb'"):
        run_task("emodb-six", load_voice(jobs=1), out=tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()
    done = CliRunner().invoke(
        command, ["run", "ravdess", "--model", "voice", "--data", str(data), "--out", str(tmp_path / "r")]
    )
    assert isinstance(done.exception, InputError) and not (tmp_path / "r").exists()


def test_what_does_not_go_together_is_said(tmp_path, data, monkeypatch):
    with pytest.raises(InputError, match="has no folds of speakers"):
        run_folds("goemotions", RECIPE, recipe_name="functionals", out=tmp_path / "a", data=data)
    with pytest.raises(InputError, match="has no folds of speakers"):
        run_folds("emodb-six", RECIPE, recipe_name="functionals", out=tmp_path / "a", data=data)
    with pytest.raises(CatalogError, match=r"makes a model that reads texts.*functionals, voice"):
        voice_recipe("text-en")
    with pytest.raises(InputError, match="no text"):
        run_task("ravdess", load("text-en", jobs=1), out=tmp_path / "b", data=data)
    few = write_ravdess(tmp_path / "few", (1, 4))
    for file in list((few / "ravdess" / "Actor_04").iterdir())[:3]:
        file.unlink()
    monkeypatch.setenv("AFFEKT_CATALOG", str(small_catalog(few)))
    with pytest.raises(InputError, match=r"ravdess 04 has 13 recordings, and a manner needs 16"):
        run_folds("ravdess", RECIPE, recipe_name="functionals", out=tmp_path / "c", data=few)


def test_an_utterance_is_heard_from_its_first_speech_to_its_last():
    ear = load_voice(jobs=1)
    assert (ear.cut.least_silence, ear.cut.padding, ear.cut.longest) == (0.5, 0.1, 15.0)
    hum = sound_of(
        (0.1 * np.sign(np.sin(2 * np.pi * 150 * np.arange(32_000) / 16_000))).astype(np.float32), rate=16_000
    )
    whole, heard = ear.hear(hum), ear.hear_utterance(hum)
    assert whole is not None and heard is not None and whole.shape == heard.shape


def test_recipes_are_told_apart_by_their_kind(tmp_path):
    from affekt.catalog.recipes import Recipe, VoiceRecipe, recipe

    assert isinstance(recipe("voice"), VoiceRecipe) and isinstance(recipe("text-en"), Recipe)
    file = tmp_path / "mine.toml"
    source = Path(str(__import__("affekt").__file__)).parent / "catalog" / "recipes" / "functionals.toml"
    file.write_text(source.read_text("utf-8").replace('"egemaps"', '"full"'), "utf-8")
    assert voice_recipe(str(file)).functionals == "full"
    file.write_text(source.read_text("utf-8").replace('"egemaps"', '"opensmile"'), "utf-8")
    with pytest.raises(CatalogError, match="opensmile"):
        voice_recipe(str(file))
