"""Studies of conversations, run on ones that are made: examples, pairs of emotion and cause, partners, listeners."""

from __future__ import annotations

import json
import os
import shutil

import msgspec
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the train extra")

from affekt.bench import conversations
from affekt.bench.conversations import (
    captions,
    demonstrations,
    felt,
    pairs,
    partners,
    plan_of,
    run_conversations,
    talks,
    voiced,
)
from affekt.catalog.studies import Variant, studies, study
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.metrics.dynamics import response_lag
from affekt.metrics.regression import concordance_cc, pearson_cc

PLANS = {
    "captions": captions,
    "demonstrations": demonstrations,
    "felt": felt,
    "pairs": pairs,
    "partners": partners,
    "talks": talks,
    "voiced": voiced,
}


def values(entry, **how):
    return {found.metric: {name: [s.value for s in each] for name, each in found.of.items()}
            for found in run_conversations(entry, **how)}  # fmt: skip


def test_every_study_of_conversations_has_plans():
    found = [study(name) for name in studies() if study(name).trains == "conversation"]
    assert {entry.conversation["problem"] for entry in found} == set(PLANS) == set(conversations._PROBLEMS)
    for entry in found:
        entry.check()
        kind = PLANS[entry.conversation["problem"]]._Plan
        assert len({str(plan_of(kind, entry, v.conversation)) for v in entry.ways}) == len(entry.ways)
    with pytest.raises(UnknownNameError, match="felt"):
        run_conversations(msgspec.structs.replace(found[0], conversation={"problem": "feld"}))
    wrong = {**found[0].conversation, "colour": "red"}
    with pytest.raises(CatalogError, match="colour"):
        run_conversations(msgspec.structs.replace(found[0], conversation=wrong))
    with pytest.raises(CatalogError, match="about conversations"):
        msgspec.structs.replace(study("concordance"), conversation={"problem": "felt"}).check()


def test_one_model_a_listener_predicts_new_stories_and_finds_the_delay():
    entry = msgspec.structs.replace(study("felt-stories"), seeds=(7,))
    found = values(entry)
    ccc, pcc = ({name: each[0] for name, each in found[key].items()} for key in ("ccc", "pcc"))
    assert ccc["one-for-each"] > ccc["one-for-all"] + 0.2
    assert ccc["one-for-each"] > ccc["for-each-no-delay"] + 0.2
    for wrong in ("for-each-stretched", "for-each-shifted"):  # correlation lets them pass, concordance does not
        assert pcc[wrong] == pytest.approx(pcc["one-for-each"], abs=1e-6)
        assert ccc[wrong] < ccc["one-for-each"] - 0.02
    assert found["lag_error"]["one-for-each"][0] < 2 < found["lag_error"]["one-for-all"][0]


def test_the_lag_of_a_response_is_found_also_where_it_goes_against_its_driver():
    rng = np.random.default_rng(3)
    driver = np.convolve(rng.normal(size=700), np.ones(9) / 9, "same")
    for lag in (0, 4, 31):
        late = np.concatenate([rng.normal(size=lag) / 9, driver[: len(driver) - lag]])
        noisy = late + rng.normal(0, 0.1, len(late))
        assert response_lag(driver, noisy, most=40).steps == lag
        against = response_lag(driver, -0.3 * noisy + 2, most=40)
        assert against.steps == lag and against.correlation < -0.7
    assert np.isnan(response_lag(np.ones(9), np.ones(9), most=2).correlation)
    with pytest.raises(ValueError, match="no lags"):
        response_lag([1, 2], [1, 2], most=5)
    truth = rng.normal(size=50)
    assert pearson_cc(truth=truth, prediction=3 * truth + 1) == pytest.approx(1)
    assert concordance_cc(truth=truth, prediction=3 * truth + 1) < 0.7


def test_searched_examples_beat_drawn_ones():
    entry = msgspec.structs.replace(study("demonstrations"), task="shifting", seeds=(1,), variants=(
        Variant(name="drawn", conversation={"examples": "drawn"}),
        Variant(name="searched", conversation={"examples": "searched"}),
    ))  # fmt: skip
    found = values(entry, limit=400)["macro_f1"]
    assert found["searched"][0] > found["drawn"][0] + 0.3


def test_a_partner_is_read_where_the_words_are_silent():
    shared = {"problem": "partners", "corpus": "shifting", "split": "dev"}
    entry = msgspec.structs.replace(study("partners"), conversation=shared, seeds=(1,))
    found = values(entry)["macro_f1"]
    assert found["turn"][0] > found["majority"][0] + 0.1
    assert found["own"][0] > found["turn"][0]  # half of the turns say nothing by themselves


NEWS = {
    "joy": ("We won the cup!", "I am so happy, this is wonderful!"),
    "anger": ("They broke my window.", "I hate them, I am furious!"),
    "sadness": ("Our dog died this morning.", "I am so sad, I cannot stop crying."),
}
PLAIN = ("The bus is at nine.", "I bought some bread.", "He works in an office.", "It is the second door.")


@pytest.fixture
def ecf(tmp_path):
    """Conversations in the layout of ECF: news, and a turn later the emotion that it caused."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "ecf_semeval2024_t3" / "data"
    folder.mkdir(parents=True)
    number = 0
    for split, count in (("train", 90), ("test", 40)):
        rows = []
        for _ in range(count):
            number += 1
            label = str(rng.choice(list(NEWS)))
            news, felt_ = NEWS[label]
            before = [str(rng.choice(PLAIN)) for _ in range(int(rng.integers(1, 3)))]
            texts = [*before, news, felt_, str(rng.choice(PLAIN))]
            at = len(before) + 2  # counted from 1
            rows.append(
                {
                    "conversation_ID": number,
                    "conversation": [
                        {"utterance_ID": i, "text": text, "speaker": "AB"[i % 2],
                         "emotion": label if i == at else "neutral"}
                        for i, text in enumerate(texts, 1)
                    ],
                    "emotion-cause_pairs": [[f"{at}_{label}", f"{at - 1}_{news}"]],
                }
            )  # fmt: skip
        (folder / f"Subtask_1_{split}.json").write_text(json.dumps(rows), encoding="utf-8")
    return tmp_path


def test_pairs_are_found_in_two_stages_and_gold_emotions_are_the_bound(ecf):
    found = values(study("emotion-then-cause"), data=ecf)
    f1 = {name: each[0] for name, each in found["pair_f1"].items()}
    assert f1["gold-emotions"] >= max(f1["told"], f1["not-told"]) > 0.8
    assert f1["at-once"] > 0.5
    assert all(found["pair_strict_f1"][name][0] <= f1[name] + 1e-6 for name in f1)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_captions_from_what_is_heard_are_nearer_than_ones_dealt_out():
    entry = study("captions")
    short = msgspec.structs.replace(entry, seeds=(2,), conversation={**entry.conversation, "dialogues": 8, "turns": 4})
    found = values(short)
    assert set(found) == {f"rouge_l_{facet}" for facet in ("speaker", "style", "emotion", "overall")}
    assert found["rouge_l_overall"]["heard"][0] > found["rouge_l_overall"]["dealt-out"][0]


@pytest.mark.data
@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_the_filter_keeps_conversations_whose_turns_are_more_alike():
    pytest.importorskip("torch", reason="needs the train extra")
    entry = study("talks")
    short = msgspec.structs.replace(entry, seeds=(1,), conversation={**entry.conversation, "dialogues": 60})
    found = values(short)
    coherence = {name: each[0] for name, each in found["coherence"].items()}
    assert coherence["kept-half"] > coherence["left-half"]
    assert coherence["any-half"] > found["coherence_by_chance"]["any-half"][0]
