"""Best-worst scaling with a chooser: what it picks, what counts make of it, and the two runs that it leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from bench_helpers import WORDS, WordReader
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.bench import compare, read_run
from affekt.bench.bestworst import Plan, choose, scale, scale_task, strengths
from affekt.cli.bench import command
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.metrics.bestworst import make_tuples

EMOTIONS = ("Anger", "Disgust", "Fear", "Joy", "Sadness", "Surprise")
WORD_OF = {"Anger": "angry", "Fear": "scared", "Joy": "happy", "Sadness": "sad", "Surprise": "wow"}


def write_cheer(root: Path, n: int = 60) -> Path:
    folder = root / "cheer_ekman"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        rows = []
        for i in range(n):
            label = list(WORD_OF)[i % 5]
            text = f"she was {WORD_OF[label]} and her hand shook {'x' * (i // 5)} ."
            rows.append(
                {
                    "sentence_id": f"{split}{i}",
                    "body_part_token_idx": 5,
                    "tokens": text.split(),
                    "preceding_context_tokens": [],
                    "label": label,
                }
            )
        (folder / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")
    return root


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 30), st.integers(2, 4), st.integers(0, 1000))
def test_a_steady_chooser_picks_the_most_and_the_least(n, size, seed):
    rng = np.random.default_rng(seed)
    strength = {f"t{i}": float(v) for i, v in enumerate(rng.integers(0, 5, n))}  # many equal ones
    tuples = make_tuples(list(strength), size=size, per_item=4, seed=seed)
    answers = choose(tuples, strength, plan=Plan(size=size, judges=2), rng=rng)
    assert len(answers) == 2 * len(tuples)
    for answer in answers:
        values = [strength[item] for item in answer.items]
        assert strength[answer.best] == max(values) and strength[answer.worst] == min(values)


def test_scores_follow_the_order_and_not_the_scale_of_what_the_chooser_sees():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(80, 3))
    ids = [f"t{i}" for i in range(80)]
    one = scale(ids, table, ("a", "b", "c"), plan=Plan(per_item=12))
    two = scale(ids, np.exp(table) * np.array([1, 50, 1000]), ("a", "b", "c"), plan=Plan(per_item=12))
    assert one.labels == two.labels
    for j, emotion in enumerate(("a", "b", "c")):
        np.testing.assert_array_equal(one.scores[emotion].scores, two.scores[emotion].scores)
        by_id = one.scores[emotion].as_mapping()
        assert np.corrcoef(table[:, j], [by_id[i] for i in ids])[0, 1] > 0.9


def test_a_chooser_that_is_too_generous_with_one_emotion_is_put_right():
    rng = np.random.default_rng(1)
    truth = rng.integers(3, size=300)
    table = rng.normal(size=(300, 3)) + 3 * np.eye(3)[truth]
    ids = [f"t{i}" for i in range(300)]
    generous = table + np.array([4.0, 0.0, 0.0])
    direct = float((generous.argmax(1) == truth).mean())
    found = scale(ids, generous, ("a", "b", "c"), plan=Plan(per_item=16))
    scaled = np.mean([found.labels[name] == "abc"[truth[i]] for i, name in enumerate(ids)])
    assert direct < 0.6 < 0.85 < scaled


def test_noise_makes_choices_less_reliable_and_judges_make_up_for_it():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(80, 1))
    ids = [f"t{i}" for i in range(80)]

    def reliability(**plan):
        return scale(ids, table, ("a",), plan=Plan(**plan)).reliability["a"].spearman

    steady, noisy = reliability(), reliability(noise=2.0)
    assert noisy < steady - 0.2
    assert reliability(noise=2.0, judges=8) > noisy + 0.1


def test_two_runs_of_one_chooser_are_left_to_compare(tmp_path):
    data = write_cheer(tmp_path / "data")
    found, runs = scale_task("cheer-ekman", WordReader(), out=tmp_path / "out", data=data, samples=20)
    assert found.tuples == 120 and set(found.reliability) == set(EMOTIONS)
    compared = compare([tmp_path / "out" / "direct", tmp_path / "out" / "best-worst"], samples=20)
    assert compared.baseline == "words@1, direct"
    spec = runs["best-worst"].spec
    assert spec["mapped_from"] == "goemotions" and spec["best_worst"]["per_item"] == 8
    _, answers = read_run(tmp_path / "out" / "best-worst")
    given_labels = {i: answers.label_names[row.argmax()] for i, row in zip(answers.ids, answers.labels, strict=True)}
    for i, name in enumerate(answers.ids):
        if found.labels[name] is None:
            assert answers.abstained[i] == "two emotions share first place" and not answers.labels[i].any()
        else:
            assert given_labels[name] == found.labels[name] and answers.abstained[i] is None
    assert runs["direct"].scores["accuracy"].value > 0.8  # the words are in the text


def test_strengths_are_log_odds_over_a_map():
    clips = [Clip(id="a", text=f"{next(iter(WORDS))} you"), Clip(id="b", text="")]
    predictions, table = strengths(WordReader(), clips, "cheer-ekman")
    assert table.shape == (2, 6) and np.isnan(table[1]).all()
    shares = np.array([predictions[0].scores[name] for name in EMOTIONS])
    np.testing.assert_allclose(1 / (1 + np.exp(-table[0])), np.clip(shares, 1e-9, 1 - 1e-9))


def test_what_cannot_be_scaled_is_refused(tmp_path):
    table = np.zeros((3, 1))
    with pytest.raises(InputError, match="tuples of 4"):
        scale(["a", "b", "c"], table, ("x",), plan=Plan())
    with pytest.raises(InputError, match="twice"):
        scale(["a", "a", "c"], table, ("x",), plan=Plan(size=2))
    with pytest.raises(InputError, match="no strength"):
        scale(["a", "b", "c"], table * np.nan, ("x",), plan=Plan(size=2))
    with pytest.raises(InputError, match="one label a row"):
        scale_task("goemotions", WordReader(), out=tmp_path)
    for arguments, message in (
        (["cheer-ekman"], "one chooser"),
        (["cheer-ekman", "--model", "text-en", "--prototypes"], "one chooser"),
        (["texts.csv", "--model", "text-en"], "not known"),
    ):
        done = CliRunner().invoke(command, ["best-worst", *arguments, "--out", str(tmp_path / "o")])
        assert isinstance(done.exception, InputError) and message in str(done.exception)


def test_a_table_of_texts_gets_scores_and_both_labels(tmp_path):
    file = tmp_path / "posts.csv"
    rows = [f"p{i},I am {list(WORD_OF.values())[i % 5]} number {i}" for i in range(20)]
    file.write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    arguments = ["best-worst", str(file), "--space", "ekman", "--model", "text-en", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(command, [*arguments, "--per-item", "4"])
    assert done.exit_code == 0, done.output
    assert "20 texts" in done.output and "split-half reliability" in done.output
    table = list(csv.DictReader((tmp_path / "out" / "scores.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["id"] for row in table] and {row["id"] for row in table} == {f"p{i}" for i in range(20)}
    assert all(-1 <= float(row["joy"]) <= 1 for row in table)
    assert {row["direct"] for row in table} <= {e.lower() for e in EMOTIONS}
