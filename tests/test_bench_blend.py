"""Blends of recorded runs: votes and means by hand, choices on dev alone, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.bench import compare, read_run, rescore
from affekt.bench.answers import Answers
from affekt.bench.blend import blend, combine, forward_selection
from affekt.bench.runs import largest_change, store
from affekt.bench.scoring import statistics
from affekt.bench.tasks import task
from affekt.cli.bench import command
from affekt.core.errors import InputError, UnknownNameError

MULTI, SINGLE, VALUES = "semeval2025-a", "cheer-ekman", "emobank"
EMOTIONS = task(MULTI).space.labels
LANGUAGES = ("de", "ro", "sw")


def answers_of(name: str, truth: np.ndarray, guess: np.ndarray, *, silent: frozenset[int] = frozenset()) -> Answers:
    """Answers with given gold and scores or values; rows in `silent` have none."""
    chosen = task(name)
    n = len(truth)
    labelled = chosen.entry.target == "labels"
    reasons = tuple("refused" if i in silent else None for i in range(n))
    open_rows = np.array([r is not None for r in reasons])
    guess = np.where(open_rows[:, None], np.nan, guess)
    none = np.zeros((n, 0))
    if chosen.space.kind == "single" and labelled:
        labels = (np.arange(guess.shape[1]) == np.nan_to_num(guess).argmax(1)[:, None]).astype(float)
    else:
        labels = (np.nan_to_num(guess) >= 0.5).astype(float)
    labels = np.where(open_rows[:, None], 0.0, labels) if labelled else none
    values = none if labelled else guess
    return Answers(
        ids=tuple(f"r{i}" for i in range(n)),
        target=chosen.entry.target,
        label_names=chosen.space.labels if labelled else (),
        dimension_names=() if labelled else chosen.all_names,
        truth=truth,
        labels=labels,
        scores=guess if labelled else none,
        dimensions=values,
        low=np.full_like(values, np.nan),
        high=np.full_like(values, np.nan),
        confidence=np.full(n, np.nan),
        abstained=reasons,
        rating_rows=np.zeros(0, dtype=np.intp),
        ratings=np.zeros((0, values.shape[1])),
        facts={"language": tuple(LANGUAGES[i % 3] for i in range(n))},
    )


def noisy(truth: np.ndarray, rng: np.random.Generator, noise: np.ndarray | float) -> np.ndarray:
    return np.clip(0.25 + 0.5 * truth + rng.normal(0, 1, truth.shape) * noise, 0.01, 0.99)


def put(folder: Path, model: str, split: str, name: str, answers: Answers) -> str:
    folder.mkdir(parents=True)
    store(task(name), answers, folder=folder, model=model, split=split, spec={}, versions={}, samples=5, seed=0)
    return str(folder)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Three members, each good at one language; a fourth that is poor at all."""
    root, rng = tmp_path_factory.mktemp("pool"), np.random.default_rng(3)
    out: dict[str, list[str]] = {"dev": [], "test": []}
    for split in out:
        truth = (rng.random((600, len(EMOTIONS))) < 0.35).astype(float)
        for k in range(4):
            noise = np.array([0.12 if i % 3 == k else 0.45 for i in range(600)])[:, None] if k < 3 else 0.8
            answers = answers_of(MULTI, truth, noisy(truth, rng, noise))
            out[split].append(put(root / f"{k}-{split}", f"member{k}@1", split, MULTI, answers))
    return out


def value(run) -> float:
    return run.scores["macro_f1"].value


def test_a_blend_of_members_that_differ_beats_the_best_of_them(pool, tmp_path):
    singles = [value(read_run(folder)[0]) for folder in pool["test"]]
    for rule, by in (("mean", None), ("vote", None), ("select", "language"), ("mean", "language")):
        made = blend(pool["test"], rule=rule, out=tmp_path / f"{rule}{by}", dev=pool["dev"], by=by, samples=50)
        found = compare([*pool["test"], tmp_path / f"{rule}{by}"], baseline=made.best, samples=200)
        contrast = found.contrasts["macro_f1"][made.run.model]
        assert contrast.better is True, (rule, by)
        assert made.best == made.members[int(np.argmax(singles))]
        stored, now = rescore(tmp_path / f"{rule}{by}")
        assert largest_change(stored, now) == 0
    assert value(read_run(tmp_path / "selectlanguage")[0]) > value(read_run(tmp_path / "vote None".replace(" ", ""))[0])


def test_the_best_member_of_each_group_is_chosen_on_dev(pool, tmp_path):
    made = blend(pool["test"], rule="select", out=tmp_path / "run", dev=pool["dev"], by="language", samples=5)
    for k, language in enumerate(LANGUAGES):
        assert max(made.weights[language], key=made.weights[language].get) == f"member{k}@1"
    _, mixed = read_run(tmp_path / "run")
    for k, language in enumerate(LANGUAGES):
        _, own = read_run(pool["test"][k])
        rows = [i for i, spoken in enumerate(own.facts["language"]) if spoken == language]
        np.testing.assert_array_equal(mixed.labels[rows], own.labels[rows])
        np.testing.assert_array_equal(mixed.scores[rows], own.scores[rows])


def test_a_poor_member_gets_little_weight(pool, tmp_path):
    made = blend(pool["test"], rule="mean", out=tmp_path / "run", dev=pool["dev"], samples=5)
    weights = made.weights[""]
    assert sum(weights.values()) == pytest.approx(1, abs=1e-5)
    assert weights["member3@1"] < min(weights[f"member{k}@1"] for k in range(3))
    spec = read_run(tmp_path / "run")[0].spec["blend"]
    assert spec["chosen_on"] == "dev" and spec["weights"][""] == weights


def test_small_groups_go_by_what_is_chosen_on_all_rows(pool, tmp_path):
    made = blend(pool["test"], rule="select", out=tmp_path / "run", dev=pool["dev"], by="language", min_rows=201)
    assert set(made.weights) == {""}


def test_the_gold_of_the_rows_that_are_answered_has_no_part_in_the_choice(pool, tmp_path):
    """The blend of rows whose gold was shuffled gives the same answers."""
    rng = np.random.default_rng(0)
    shuffled = []
    for k, folder in enumerate(pool["test"]):
        _, answers = read_run(folder)
        other = replace(answers, truth=answers.truth[np.random.default_rng(1).permutation(len(answers))])
        shuffled.append(put(tmp_path / f"s{k}", f"member{k}@1", "test", MULTI, other))
    for rule, by in (("mean", "language"), ("vote", None), ("select", "language")):
        name = f"{rule}-{rng.integers(1 << 30)}"
        blend(pool["test"], rule=rule, out=tmp_path / name, dev=pool["dev"], by=by, samples=5)
        blend(shuffled, rule=rule, out=tmp_path / f"{name}-shuffled", dev=pool["dev"], by=by, samples=5)
        one, two = (read_run(tmp_path / f)[1] for f in (name, f"{name}-shuffled"))
        np.testing.assert_array_equal(one.labels, two.labels)
        np.testing.assert_array_equal(one.scores, two.scores)


# --- the rules by hand


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10_000), st.booleans())
def test_votes_equal_counting_by_hand(members, seed, single):
    rng = np.random.default_rng(seed)
    name = SINGLE if single else MULTI
    chosen = task(name)
    truth = np.eye(6)[rng.integers(6, size=12)] if single else (rng.random((12, 6)) < 0.4).astype(float)
    silent = [frozenset(np.flatnonzero(rng.random(12) < 0.2).tolist()) for _ in range(members)]
    tables = [answers_of(name, truth, rng.random((12, 6)), silent=s) for s in silent]
    weights = rng.dirichlet(np.ones(members))  # no ties but by exact chance
    made = combine(chosen, "vote", tables, weights=weights)
    for i in range(12):
        counted: Counter[int] = Counter()
        present = [m for m in range(members) if i not in silent[m]]
        for m in present:
            for label in np.flatnonzero(tables[m].labels[i]):
                counted[int(label)] += weights[m]
        total = sum(weights[m] for m in present)
        if not present:
            assert made.abstained[i] == "refused" and not made.labels[i].any()
            continue
        assert made.abstained[i] is None
        expected = {counted.most_common(1)[0][0]} if single else {k for k, v in counted.items() if v > total / 2}
        assert set(np.flatnonzero(made.labels[i]).tolist()) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_members_does_not_matter_to_means_and_equal_members_change_nothing(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 0.5, (9, 3))
    tables = [answers_of(VALUES, truth, truth + rng.normal(0, 1, truth.shape)) for _ in range(3)]
    weights = rng.dirichlet(np.ones(3))
    chosen, order = task(VALUES), rng.permutation(3)
    one = combine(chosen, "mean", tables, weights=weights)
    two = combine(chosen, "mean", [tables[i] for i in order], weights=weights[order])
    np.testing.assert_allclose(one.dimensions, two.dimensions)
    by_hand = sum(w * t.dimensions for w, t in zip(weights, tables, strict=True))
    np.testing.assert_allclose(one.dimensions, by_hand)
    same = combine(chosen, "mean", [tables[0]] * 3, weights=weights)
    np.testing.assert_allclose(same.dimensions, tables[0].dimensions)


def test_a_tie_goes_to_the_heavier_member():
    truth = np.eye(6)[[0, 1]]
    left, right = answers_of(SINGLE, truth, np.eye(6)[[2, 3]]), answers_of(SINGLE, truth, np.eye(6)[[4, 3]])
    for weights in ([0.5, 0.5], [0.5 + 1e-12, 0.5 - 1e-12]):
        made = combine(task(SINGLE), "vote", [left, right], weights=np.array(weights))
        assert made.labels.argmax(1).tolist() == [2, 3]
    made = combine(task(SINGLE), "vote", [left, right], weights=np.array([0.4, 0.6]))
    assert made.labels.argmax(1).tolist() == [4, 3]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000))
def test_forward_selection_is_never_worse_than_the_best_member(members, seed):
    rng = np.random.default_rng(seed)
    best = rng.dirichlet(np.ones(members))
    heights = rng.random(members)

    def worth(w):
        return float(heights @ w - 0.3 * ((w - best) ** 2).sum())

    weights = forward_selection(worth, members)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    assert worth(weights) >= max(worth(np.eye(members)[i]) for i in range(members)) - 1e-12


def test_means_of_values_have_scores_of_their_own(tmp_path):
    rng = np.random.default_rng(5)
    folders: dict[str, list[str]] = {"dev": [], "test": []}
    for split, found in folders.items():
        truth = rng.normal(3, 0.5, (300, 3))
        for k in range(2):
            answers = answers_of(VALUES, truth, truth + rng.normal(0, 0.5 + k, truth.shape))
            found.append(put(tmp_path / f"{split}{k}", f"m{k}@1", split, VALUES, answers))
    made = blend(folders["test"], rule="mean", out=tmp_path / "run", dev=folders["dev"], samples=20)
    assert made.weights[""]["m0@1"] > made.weights[""]["m1@1"] > 0
    assert made.run.scores["pcc_valence"].value > read_run(folders["test"][0])[0].scores["pcc_valence"].value
    _, answers = read_run(tmp_path / "run")
    again = statistics(task(VALUES), answers)["pcc_valence"].value
    assert again == pytest.approx(made.run.scores["pcc_valence"].value, abs=1e-12)
    with pytest.raises(InputError, match="nobody votes"):
        blend(folders["test"], rule="vote", out=tmp_path / "no", dev=folders["dev"])


# --- what is refused


def test_what_does_not_fit_together_is_refused(pool, tmp_path):
    test, dev = pool["test"], pool["dev"]
    out = tmp_path / "run"
    cases = [
        (dict(runs=test[:1], rule="vote"), "two runs or more"),
        (dict(runs=test, rule="select"), "--dev"),
        (dict(runs=test, rule="mean"), "--dev"),
        (dict(runs=test, rule="vote", by="language"), "--dev"),
        (dict(runs=test, rule="vote", dev=dev[:2]), "4 members and 2 runs"),
        (dict(runs=test, rule="vote", dev=[dev[1], dev[0], *dev[2:]]), "is of member0@1"),
        (dict(runs=test, rule="vote", dev=test), "split test"),
        (dict(runs=test, rule="vote", weights=[1, 2]), "no weights of 4 members"),
        (dict(runs=test, rule="vote", weights=[0, 0, 0, 0]), "no weights"),
        (dict(runs=test, rule="select", dev=dev, weights=[1, 1, 1, 1]), "Stated weights"),
    ]
    for given_, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            blend(**given_, out=out)
        assert caught.value
    with pytest.raises(UnknownNameError, match="langauge"):
        blend(test, rule="select", dev=dev, by="langauge", out=out)
    with pytest.raises(UnknownNameError, match="macro_f2"):
        blend(test, rule="select", dev=dev, key="macro_f2", out=out)
    assert not out.exists()


def test_the_command_prints_weights_and_the_contrast_with_the_best_member(pool, tmp_path):
    arguments = ["blend", *pool["test"], "--dev", ",".join(pool["dev"]), "--by", "language", "--bootstrap", "50"]
    done = CliRunner().invoke(command, [*arguments, "--rule", "select", "--out", str(tmp_path / "a")])
    assert done.exit_code == 0, done.output
    assert "member0@1" in done.output and "best single member" in done.output
    done = CliRunner().invoke(command, [*arguments, "--rule", "mean", "--out", str(tmp_path / "b"), "--json"])
    shown = json.loads(done.output)
    assert shown["blend"]["best"] == shown["baseline"]
    row = next(r for s in shown["scores"] if s["key"] == "macro_f1" for r in s["systems"] if "mean of" in r["system"])
    assert row["better"] is True and row["difference"] > 0
