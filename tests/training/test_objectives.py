"""What every objective must keep: true gradients, no order of rows, no order of labels, nothing from the unasked.

Needs the `train` extra.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from affekt.core.errors import InputError, UnknownNameError  # noqa: E402
from affekt.train.objectives import objective, objectives  # noqa: E402
from affekt.train.objectives.labels import pair_penalties  # noqa: E402

ROWS, COLUMNS = 7, 4
LEVELS = 3
EVERY = objectives()
OF_HEAD = [name for name in EVERY if objective(name, np.eye(COLUMNS)).on == "head"]


def example(name, seed=0):
    """Training targets, outputs and targets of a batch as the objective takes them, in float64."""
    rng = np.random.default_rng(seed)
    given = (rng.random((60, COLUMNS)) < [0.5, 0.3, 0.1, 0.2]).astype(float)
    given[:COLUMNS] = np.eye(COLUMNS)
    made = objective(name, given)
    batch = given[:ROWS]
    if made.reading in ("levels",):
        batch = rng.integers(0, LEVELS + 1, batch.shape).astype(float)
    elif made.reading in ("dimensions", "strengths", "none"):
        batch = rng.normal(size=batch.shape)
        if name == "mean_and_spread":
            batch[:, COLUMNS // 2 :] = rng.random((ROWS, COLUMNS // 2))
    width = COLUMNS * made.units if made.on == "head" else 5
    outputs = torch.tensor(rng.normal(size=(ROWS, width)), requires_grad=True)
    return given, made, outputs, torch.tensor(batch)


def loss_of(made, outputs, targets):
    """As the loop sums it up."""
    return made.loss(outputs, targets).sum()


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_those_of_finite_differences(name):
    _, made, outputs, targets = example(name)
    if name == "mean_and_spread":
        # The spread takes the error of the mean as a constant, so only the spread's own gradient is a derivative.
        held = outputs.detach()[:, : COLUMNS // 2]
        spread = outputs.detach()[:, COLUMNS // 2 :].requires_grad_()
        assert torch.autograd.gradcheck(lambda s: loss_of(made, torch.cat([held, s], 1), targets), spread)
    else:
        assert torch.autograd.gradcheck(lambda z: loss_of(made, z, targets), outputs, atol=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_a_row_counts_the_same_wherever_it_stands(name):
    _, made, outputs, targets = example(name)
    order = torch.tensor(np.random.default_rng(1).permutation(ROWS))
    assert torch.allclose(made.loss(outputs, targets)[order], made.loss(outputs[order], targets[order]))


@pytest.mark.parametrize("name", OF_HEAD)
def test_labels_may_stand_in_any_order(name):
    given, made, outputs, targets = example(name)
    order = np.random.default_rng(2).permutation(COLUMNS)
    if name == "mean_and_spread":
        half = np.random.default_rng(2).permutation(COLUMNS // 2)
        order = np.concatenate([half, half + COLUMNS // 2])
    moved = objective(name, given[:, order])
    units = (order[:, None] * made.units + np.arange(made.units)).ravel()
    assert torch.allclose(made.loss(outputs, targets), moved.loss(outputs[:, units], targets[:, order]))


@pytest.mark.parametrize("name", OF_HEAD)
def test_what_nobody_was_asked_about_has_no_gradient(name):
    _, made, outputs, targets = example(name)
    column = COLUMNS - 1
    targets[2, column] = torch.nan
    if made.reading == "single":
        pytest.skip("a softmax sets every label against all others")
    total = loss_of(made, outputs, targets)
    assert torch.isfinite(total)
    total.backward()
    units = slice(column * made.units, (column + 1) * made.units)
    if made.reading == "multi" and name == "unlikely_pairs":
        return  # the penalty looks at what is given, whoever was asked
    assert (outputs.grad[2, units] == 0).all() and (outputs.grad[3, units] != 0).any()


@pytest.mark.parametrize("name", OF_HEAD)
def test_the_truth_costs_less_than_its_opposite(name):
    _, made, _outputs, targets = example(name)
    if made.reading == "levels":
        steps = torch.arange(1, LEVELS + 1)
        right = ((targets[:, :, None] >= steps) * 8.0 - 4.0).flatten(1)
        wrong = -right
    elif made.reading in ("multi", "single"):
        right, wrong = targets * 8 - 4, 4 - targets * 8
    else:
        right, wrong = targets, -targets
    assert loss_of(made, right.double(), targets) < loss_of(made, wrong.double(), targets)


def test_focal_without_focus_and_balance_without_rarity_are_plain():
    given, plain, outputs, targets = example("multi_label")
    assert torch.allclose(objective("focal", gamma=0.0).loss(outputs, targets), plain.loss(outputs, targets))
    assert torch.allclose(
        objective("class_balanced", given, beta=0.0).loss(outputs, targets), plain.loss(outputs, targets), atol=1e-5
    )


def test_balance_lifts_the_rare_side():
    given, plain, _outputs, _targets = example("multi_label")
    balanced = objective("class_balanced", given, beta=0.999)
    rare = int(given.sum(0).argmin())
    hit = torch.zeros(1, COLUMNS)
    hit[0, rare] = 1.0
    z = torch.zeros(1, COLUMNS)
    assert balanced.loss(z, hit) > plain.loss(z, hit)


def test_penalties_are_highest_for_pairs_never_seen():
    given = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]], float)
    found = pair_penalties(given)
    assert found[0, 1] == 0.0 and found[0, 2] == found[1, 2] == 1.0 and np.all(np.diag(found) == 0)
    apart, plain = objective("unlikely_pairs", given, strength=2.0), objective("multi_label")
    both = torch.tensor([[5.0, -5.0, 5.0]])
    target = torch.tensor([[1.0, 0.0, 1.0]])
    p = torch.sigmoid(both)
    by_hand = plain.loss(both, target) + 2.0 * (p[0, 0] * p[0, 2] + p[0, 1] * p[0, 2])
    assert torch.allclose(apart.loss(both, target), by_hand)


def test_one_label_with_votes_is_the_divergence_from_them():
    z = torch.randn(1, 3, dtype=torch.float64)
    votes = torch.tensor([[3.0, 1.0, 0.0]], dtype=torch.float64)
    share = votes / 4
    entropy = -(share[share > 0] * share[share > 0].log()).sum()
    divergence = torch.nn.functional.kl_div(z.log_softmax(1), share, reduction="sum")
    assert torch.allclose(objective("one_label").loss(z, votes)[0], divergence + entropy)


def test_ccc_is_the_one_that_is_measured():
    from affekt.metrics import concordance_cc

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    loss = objective("ccc", error=0.0).loss(torch.tensor(x), torch.tensor(y))
    assert float(loss[0]) == pytest.approx(1 - concordance_cc(truth=y[:, 0], prediction=x[:, 0]))


def test_contrast_prefers_embeddings_in_the_order_of_values():
    value = torch.linspace(-1, 1, 12, dtype=torch.float64)[:, None]
    made = objective("rank_n_contrast")
    ordered = torch.cat([value * 4, torch.zeros(12, 2)], 1)
    mixed = ordered[torch.randperm(12, generator=torch.Generator().manual_seed(0))]
    assert made.loss(ordered, value).mean() < made.loss(mixed, value).mean()


def test_a_missing_spread_leaves_only_the_mean():
    outputs, targets = torch.randn(2, 4), torch.rand(2, 4)
    targets[:, 2:] = torch.nan
    both, error = objective("mean_and_spread"), objective("squared_error")
    assert torch.allclose(both.loss(outputs, targets), error.loss(outputs[:, :2], targets[:, :2]))


def test_what_is_not_known_is_named():
    with pytest.raises(UnknownNameError, match="multi_label"):
        objective("multilabel")
    with pytest.raises(InputError, match=r"no setting gama.*gamma"):
        objective("focal", gama=1.0)
    with pytest.raises(InputError, match="needs the training targets"):
        objective("class_balanced")
