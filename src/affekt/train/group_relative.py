"""Group-relative policy optimisation: several answers to each question, each judged against the others.

After Shao et al. (2024), "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models", eq. 3
and 4: the advantage of an answer is its reward, less the mean of its group, over the group's standard deviation; the
ratio to the policy that answered is clipped as in PPO (Schulman et al. 2017); a penalty keeps the policy near a
reference. There is no net that learns what rewards to expect.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["Policy", "advantages", "group_relative_loss", "improve"]


class Policy(Protocol):
    """What answers questions with sequences of tokens."""

    def sample(self, questions: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Draw answers.

        Args:
            questions: Shape (questions, ...).
            count: Answers to each.

        Returns:
            Tokens, shape (questions * count, length), the answers to a question one after the other; and which of
            them belong to the answer, 0 or 1 of the same shape.
        """
        ...

    def log_probabilities(self, questions: Tensor, tokens: Tensor) -> Tensor:
        """Log probability of each token of answers, shape (questions * count, length), after the tokens before it."""
        ...


Net = TypeVar("Net", bound="nn.Module")


def advantages(rewards: Tensor) -> Tensor:
    """How much better each answer is than the others of its group, in standard deviations of the group.

    Args:
        rewards: Shape (questions, group).

    Returns:
        The same shape, each row with mean 0; 0 throughout where all rewards of a group are equal. The same whatever
        is added to all rewards of a group, and whatever above 0 they are multiplied by.

    Raises:
        ValueError: A group has fewer than two answers, or a reward is not finite.
    """
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ValueError(f"rewards have shape {tuple(rewards.shape)}, expected (questions, answers), two or more each")
    if not bool(torch.isfinite(rewards).all()):
        raise ValueError("A reward is not a finite number")
    # In float64: a difference of two rewards far from 0 is not lost.
    wide = rewards.double()
    centred = wide - wide.mean(1, keepdim=True)
    spread = centred.pow(2).mean(1, keepdim=True).sqrt()
    flat = spread <= 1e-12 * wide.abs().amax(1, keepdim=True).clamp(min=1e-300)
    out: Tensor = torch.where(flat, 0.0, centred / torch.where(flat, 1.0, spread)).to(rewards.dtype)
    return out


def group_relative_loss(
    log_probabilities: Tensor,
    before: Tensor,
    reference: Tensor,
    advantage: Tensor,
    inside: Tensor,
    *,
    clip: float = 0.2,
    kl: float = 0.04,
) -> Tensor:
    """What is made small: less the clipped gain, and the way from the reference.

    Args:
        log_probabilities: Of each token by the policy, shape (answers, length).
        before: The same by the policy that drew the answers.
        reference: The same by the reference policy.
        advantage: Of each answer, shape (answers,).
        inside: 1 where a token belongs to its answer, else 0, shape (answers, length).
        clip: How far the ratio to the policy that drew them may count, to each side of 1.
        kl: Weight of the Kullback-Leibler divergence from the reference, by the estimate that is never below 0.

    Returns:
        The mean over answers of their mean over tokens.
    """
    ratio = (log_probabilities - before).exp()
    each = advantage[:, None]
    gain = torch.minimum(ratio * each, ratio.clamp(1 - clip, 1 + clip) * each)
    apart = reference - log_probabilities
    loss = kl * (apart.exp() - apart - 1) - gain
    own = (loss * inside).sum(1) / inside.sum(1).clamp(min=1)
    out: Tensor = own.mean()
    return out


@implements(works=["facial-r1", "videmo"])
def improve(
    net: Net,
    questions: Tensor,
    reward: Callable[[int, NDArray[np.int64]], float],
    *,
    seed: int,
    steps: int,
    batch: int = 16,
    group: int = 8,
    updates: int = 1,
    clip: float = 0.2,
    kl: float = 0.04,
    rate: float = 1e-3,
) -> Net:
    """Train a policy by rewards; the reference is the policy as it was given.

    Args:
        net: A `Policy`; it is left as it is.
        questions: Shape (questions, ...).
        reward: From the place of a question and the tokens of an answer, those inside alone, to its reward.
        seed: Seed of the order of questions and of the answers.
        steps: Times that questions are drawn.
        batch: Questions a step.
        group: Answers to each of them.
        updates: Gradient steps on the same answers.
        clip: See `group_relative_loss`.
        kl: Likewise.
        rate: Highest learning rate (Adam); it falls to 0 along a cosine.

    Returns:
        The trained policy, ready to be asked.
    """
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    own, fixed = copy.deepcopy(net), copy.deepcopy(net).eval()
    # Nothing is dropped: the ratio compares the policy with itself.
    own.eval()
    asked: Policy = own
    held: Policy = fixed
    optimiser = torch.optim.Adam(own.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps * updates)
    for _ in range(steps):
        at = torch.randint(len(questions), (batch,), generator=order)
        some = questions[at]
        tokens, inside = asked.sample(some, group)
        with torch.no_grad():
            reference = held.log_probabilities(some, tokens)
        lengths = inside.sum(1).long().tolist()
        answers = tokens.numpy()
        found = [reward(int(at[k // group]), answers[k, :n]) for k, n in enumerate(lengths)]
        advantage = advantages(torch.tensor(found).reshape(batch, group)).flatten()
        if not bool(advantage.any()) and not kl:
            continue
        before = None
        for _ in range(updates):
            optimiser.zero_grad()
            now = asked.log_probabilities(some, tokens)
            # At the first update the policy is the one that answered.
            before = now.detach() if before is None else before
            group_relative_loss(now, before, reference, advantage, inside, clip=clip, kl=kl).backward()
            nn.utils.clip_grad_norm_(own.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return own
