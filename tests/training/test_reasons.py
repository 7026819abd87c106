"""Rewards within groups, what they pay for, and a policy that gives reasons for what a face shows."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from affekt.bench.studies import run_study  # noqa: E402
from affekt.catalog.face_units import face_units  # noqa: E402
from affekt.catalog.studies import recorded, study  # noqa: E402
from affekt.core.errors import UnknownNameError  # noqa: E402
from affekt.corpora.drawn_faces import drawn_faces  # noqa: E402
from affekt.models.face_reasons import FaceReason  # noqa: E402
from affekt.train.group_relative import advantages, group_relative_loss, improve  # noqa: E402
from affekt.train.reasons.policy import FaceReasoner, best_by_level  # noqa: E402
from affekt.train.reasons.rewards import REWARDS, reward  # noqa: E402
from affekt.train.reasons.stages import by_rewards, reasons_of, taught, written_and_kept  # noqa: E402

KNOWN = face_units()
groups = st.lists(st.lists(st.integers(-50, 50), min_size=4, max_size=4), min_size=1, max_size=5)


@given(groups, st.floats(-100, 100), st.floats(0.01, 100))
def test_advantages_are_within_the_group(rewards, shift, scale):
    given = torch.tensor(rewards, dtype=torch.float64)
    found = advantages(given)
    assert torch.allclose(found.sum(1), torch.zeros(len(rewards), dtype=torch.float64), atol=1e-9)
    assert torch.allclose(advantages(given * scale + shift), found, atol=1e-6)
    flat = (given == given[:, :1]).all(1)
    assert (found[flat] == 0).all()
    assert torch.allclose(found[~flat].pow(2).mean(1), torch.ones(int((~flat).sum()), dtype=torch.float64))
    # Better answers have larger advantages, in the same order.
    assert (((given[:, :, None] - given[:, None]) * (found[:, :, None] - found[:, None])) >= 0).all()


def test_rewards_that_are_none_are_refused():
    with pytest.raises(ValueError, match="two or more"):
        advantages(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="not a finite"):
        advantages(torch.tensor([[0.0, float("nan")]]))


def test_better_answers_get_likelier_and_the_ratio_is_clipped():
    logits = torch.zeros(4, requires_grad=True)
    answers, inside = torch.arange(4), torch.ones(4, 1)
    advantage = advantages(torch.tensor([[1.0, 0.0, 0.0, 3.0]]))[0]
    before = logits.detach().log_softmax(0)[answers][:, None]

    def loss(reference=before, **kwargs):
        return group_relative_loss(
            logits.log_softmax(0)[answers][:, None], before, reference, advantage, inside, **kwargs
        )

    loss(kl=0.0).backward()
    assert (logits.grad.argsort() == (-advantage).argsort()).all()
    assert logits.grad[3] < 0 < logits.grad[1]
    # As far as clipping allows and no further.
    far = torch.tensor([0.0, -4.0, -4.0, 4.0], requires_grad=True)
    after = far.log_softmax(0)[:, None]
    group_relative_loss(after, before, before, advantage, inside, kl=0.0).backward()
    assert far.grad.abs().max() == 0
    # The penalty is 0 at the reference, above it elsewhere, and leads back.
    flat = torch.zeros(4)
    assert group_relative_loss(before, before, before, flat, inside, kl=1.0) == 0
    pulled = torch.tensor([0.0, 0.0, 0.0, 2.0], requires_grad=True)
    apart = group_relative_loss(pulled.log_softmax(0)[:, None], before, before, flat, inside, kl=1.0)
    apart.backward()
    assert apart > 0
    assert pulled.grad[3] > 0
    # What stands behind the end of an answer does not count.
    long, other = torch.randn(2, 4, 3)
    mask = torch.tensor([[1.0, 1, 0]] * 4)
    one = group_relative_loss(long, other, other, advantage, mask)
    long[:, 2] += 5
    assert group_relative_loss(long, other, other, advantage, mask) == one


class Coin(torch.nn.Module):
    """Answers every question with one of three tokens, whatever is asked."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(3))

    def sample(self, questions, count):
        drawn = torch.multinomial(self.logits.detach().softmax(0), len(questions) * count, replacement=True)
        return drawn[:, None], torch.ones(len(drawn), 1)

    def log_probabilities(self, questions, tokens):
        return self.logits.log_softmax(0)[tokens]


def test_a_policy_learns_what_it_is_paid_for():
    coin = Coin()
    paid = improve(coin, torch.zeros(5, 1), lambda at, words: float(words[0] == 2), seed=1, steps=40, rate=0.1, kl=0.0)
    assert paid.logits.softmax(0)[2] > 0.8
    assert (coin.logits == 0).all(), "what was given is left as it is"
    held = improve(coin, torch.zeros(5, 1), lambda at, words: float(words[0] == 2), seed=1, steps=40, rate=0.1, kl=5.0)
    assert 1 / 3 < held.logits.softmax(0)[2] < paid.logits.softmax(0)[2]
    nothing = improve(coin, torch.zeros(5, 1), lambda at, words: 1.0, seed=1, steps=5, kl=0.04)
    assert (nothing.logits == 0).all(), "equal rewards say nothing"


def test_rewards_by_name():
    truth = FaceReason(frozenset({"AU6", "AU12"}), "happiness", frozenset({"glasses", "bald"}))
    close = FaceReason(frozenset({"AU12"}), "happiness", frozenset({"bald"}))
    other = FaceReason(frozenset({"AU15"}), "anger", frozenset())
    for name in REWARDS:
        assert reward({name: 2.0}, truth=truth, said=truth) == 2.0
        assert 0 <= reward({name: 1.0}, truth=truth, said=other) <= 1
        assert reward({name: 1.0}, truth=truth, said=None) == 0
    assert reward({"units": 1.0}, truth=truth, said=close) == pytest.approx(2 / 3)
    assert reward({"consistent": 1.0, "emotion": 1.0}, truth=truth, said=close) == 2
    # One display is another, one leaf is missing: 2 edits between trees of 8 and 7 nodes.
    assert reward({"tree": 1.0}, truth=truth, said=close) == pytest.approx(1 - 2 / 15)
    with pytest.raises(UnknownNameError, match="Did you mean 'units'"):
        reward({"unit": 1.0}, truth=truth, said=truth)


@pytest.fixture(scope="module")
def faces():
    return drawn_faces(12, 4, seed=3, frames=2, noise=0.02, occluded=0.0)


def test_a_policy_writes_what_it_was_taught(faces):
    torch.manual_seed(0)
    pictures, truth = torch.from_numpy(faces.pictures), reasons_of(faces, attributes=True)
    start = FaceReasoner(attributes=True)
    # A curriculum of one epoch each: the first teaches attributes alone.
    words, levels = start.tokens(truth)
    assert start.read(words[0].tolist()) == truth[0]
    assert [start.words[k] for k in words[0][levels[0] == 2].tolist()] == [
        "<emotion>",
        truth[0].emotion,
        "</emotion>",
        "<end>",
    ]
    net = taught(start, pictures, truth, seed=1, epochs=60)
    said = net.reasons(pictures)
    assert np.mean([one == true for one, true in zip(said, truth, strict=True)]) > 0.5
    torch.manual_seed(1)
    best = best_by_level(net, pictures, count=4)
    assert np.mean([one is not None for one in best]) > 0.9
    assert (
        np.mean([one is not None and one.emotion == true.emotion for one, true in zip(best, truth, strict=True)]) > 0.5
    )

    # What is drawn has the probabilities that are said of it.
    drawn, inside = net.sample(pictures[:2], 3)
    said_of = net.log_probabilities(pictures[:2], drawn)
    assert said_of.shape == drawn.shape == inside.shape
    assert torch.allclose(net.log_probabilities(pictures[1:2], drawn[3:]), said_of[3:], atol=1e-4)
    assert (inside.sum(1) == (drawn == net.end).int().argmax(1) + 1)[(drawn == net.end).any(1)].all()


def test_the_first_third_of_a_curriculum_is_about_attributes(faces):
    pictures, truth = torch.from_numpy(faces.pictures), reasons_of(faces, attributes=True)
    torch.manual_seed(0)
    start = FaceReasoner(attributes=True)
    words, levels = start.tokens(truth)

    def far(net, level):
        with torch.no_grad():
            return float(net.loss(pictures, words, (levels == level).float()))

    early = taught(start, pictures, truth, seed=1, epochs=1, curriculum=True)
    whole = taught(start, pictures, truth, seed=1, epochs=1)
    assert far(early, 0) < far(start, 0)
    assert far(early, 2) > far(whole, 2), "nothing was said of emotions yet"


def test_rewards_teach_and_what_is_kept_is_consistent(faces):
    torch.manual_seed(0)
    pictures, truth = torch.from_numpy(faces.pictures), reasons_of(faces)
    net = taught(FaceReasoner(), pictures, truth, seed=1, epochs=15)

    def format_share(one):
        torch.manual_seed(2)
        words, _ = one.sample(pictures, 4)
        return np.mean([one.read(row) is not None for row in words.tolist()])

    paid = by_rewards(net, pictures, truth, {"format": 1.0}, seed=1, steps=12)
    assert format_share(paid) > format_share(net)
    emotions = [one.emotion for one in truth]
    places, kept = written_and_kept(paid, pictures, emotions, seed=1)
    assert places
    assert all(one.consistent and one.emotion == emotions[k] for k, one in zip(places, kept, strict=True))


SMALL = {
    "face-units": {"people": 6, "labelled": 6, "unlabelled": 6, "epochs": 3, "steps": 2},
    "face-trees": {"people": 6, "labelled": 6, "epochs": 3, "steps": 2},
    "event-frames": {"rows": 12, "tested": 12, "epochs": 1},
}
RUN = {
    "face-units": ("rewarded", "taught-alone", "and-round", "taught-all"),
    "face-trees": ("neither", "both-best-of-8"),
    "event-frames": ("evenly", "and-tubes", "and-tubes-drawn"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_study_of_reasons_runs_through(name, tmp_path):
    pytest.importorskip("cv2", reason="needs the video extra")
    entry = study(name)
    keep = [v for v in entry.variants if v.name in RUN[name]]
    fusion = {**entry.fusion, **SMALL[name]}
    tables = run_study(msgspec.structs.replace(entry, fusion=fusion, seeds=(1,), variants=tuple(keep)), tmp_path)
    assert tables[0].metric == entry.metric
    assert {o.name for o in tables[0].outcomes} == {v.name for v in keep}
    # What hardly learned may answer nothing that can be read, and then has no other score.
    whole = next(t for t in tables if t.metric in ("answered", "event_held"))
    assert all(0 <= o.mean <= 1 for o in whole.outcomes)
    recorded_of = recorded(name)
    if recorded_of is not None:
        shown = {t["metric"] for t in recorded_of["further"]} | {entry.metric}
        assert {t.metric for t in tables} == shown
