"""The next emotion from the last ones and from personality, on rows that are made so that it matters."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from affekt.bench.transition import ANCHORS, fit, temperament, transition
from affekt.cli.bench import command
from affekt.core.errors import DataError

HEAD = "Speaker_1\tSpeaker_2\tPersonality\tUtterance_1\tUtterance_2\tUtterance_3\tEmotion_1\tEmotion_2\tEmotion_3\t" \
       "Sentiment_1\tSentiment_2\tSentiment_3\n"  # fmt: skip


def test_the_regression_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.normal(size=(300, 3)), np.ones(300)])
    y = (x[:, :2].argmax(axis=1) + rng.integers(0, 2, 300)) % 3
    beta = fit(x, np.eye(3)[y], strength=2.0)
    theirs = linear_model.LogisticRegression(C=0.5, tol=1e-8, max_iter=5000).fit(x[:, :3], y)
    logits = x @ beta
    ours = np.exp(logits - logits.max(1, keepdims=True))
    assert np.abs(ours / ours.sum(1, keepdims=True) - theirs.predict_proba(x[:, :3])).max() < 1e-3


def test_temperament_is_the_published_regression():
    found = temperament(np.array([[0.1, 0.2, 0.3, 0.4, 0.5]]))
    assert found[0] == pytest.approx(
        [0.21 * 0.3 + 0.59 * 0.4 + 0.19 * 0.5, 0.15 * 0.1 + 0.3 * 0.4 - 0.57 * 0.5, 0.25 * 0.1 + 0.17 * 0.2 + 0.6 * 0.3
         - 0.32 * 0.4]
    )  # fmt: skip


def release(folder, matters):
    """Two people: with `matters`, one mirrors the partner, the other goes back to being neutral."""
    rng = np.random.default_rng(2)
    people = {"Ann": [0.9, 0.1, 0.9, 0.1, 0.1], "Ben": [0.1, 0.9, 0.1, 0.9, 0.9]}
    emotions = list(ANCHORS)
    lines = [HEAD]
    for i in range(900):
        who = ("Ann", "Ben")[i % 2]
        own, partner = rng.choice(emotions, 2)
        mirrors = who == "Ann" if matters else rng.random() < 0.5
        nxt = partner if mirrors else "neutral"
        if rng.random() < 0.2:
            nxt = rng.choice(emotions)
        cells = [who, "X", json.dumps(people[who]), f"a {i}", f"b {i}", f"c {i}", own, partner, nxt, *["neutral"] * 3]
        lines.append("\t".join(cells) + "\n")
    (folder / "peld").mkdir()
    (folder / "peld" / "Dyadic_PELD.tsv").write_text("".join(lines), encoding="utf-8")


def test_personality_helps_where_it_decides_and_not_where_it_does_not(tmp_path):
    for name, matters in (("yes", True), ("no", False)):
        (tmp_path / name).mkdir()
        release(tmp_path / name, matters)
    found = transition(data=tmp_path / "yes", samples=200)
    assert found.difference["weighted_f1"].low > 0.1
    assert found.with_personality["macro_f1"].value > found.floors["most frequent"]["macro_f1"] + 0.2
    plain = transition(data=tmp_path / "no", samples=200)
    assert abs(plain.difference["weighted_f1"].value) < 0.08
    result = CliRunner().invoke(command, ["transition", "--data", str(tmp_path / "yes"), "--bootstrap", "20", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["rows"] == found.rows
    assert told["with_personality"]["macro_f1"]["value"] == pytest.approx(found.with_personality["macro_f1"].value)
    shown = CliRunner().invoke(command, ["transition", "--data", str(tmp_path / "yes"), "--bootstrap", "20"]).output
    assert "personality adds" in shown and "Chosen on dev" in shown


def test_a_corpus_without_personality_is_refused(tmp_path):
    release(tmp_path, False)
    path = tmp_path / "peld" / "Dyadic_PELD.tsv"
    path.write_text(path.read_text().replace("[0.9, 0.1, 0.9, 0.1, 0.1]", ""))
    with pytest.raises(DataError, match="lacks"):
        transition(data=tmp_path, samples=5)


@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_on_the_corpus_the_last_emotions_tell_more_than_chance():
    found = transition(samples=100)
    assert found.rows == 644
    assert found.without["macro_f1"].value > found.floors["most frequent"]["macro_f1"]
