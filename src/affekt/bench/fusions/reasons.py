"""Faces with reasons: a small policy that writes units and an emotion, taught, by rewards, and by what it wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.face_units import face_units
from affekt.corpora.drawn_faces import DrawnFaces, drawn_faces
from affekt.extras import need
from affekt.metrics.classification import macro_f1_statistic
from affekt.metrics.statistic import Statistic, divide
from affekt.metrics.trees import tree_edit_distance
from affekt.train.fusion.loop import parameters
from affekt.train.reasons.policy import FaceReasoner, best_by_level
from affekt.train.reasons.stages import by_rewards, reasons_of, taught, written_and_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from affekt.models.face_reasons import FaceReason
else:
    torch = need("torch", extra="train")

__all__ = ["ClipsPlan", "UnitsPlan", "clips_to_trees", "faces_to_units"]

_EACH = 5  # faces of a person
_CLIPS = 2  # clips of one


class UnitsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How units and emotions are learned from pictures.

    Attributes:
        rewards: Name of a reward -> its weight; without any nothing is learned from rewards.
        supervised: Whether the faces that rewards are taken from are taught like the first ones, in place of rewards.
        further: What comes last: a `round` of writing, filtering and teaching what was kept, or the first faces
            `again`, for as many steps.
        people: People whose faces are taught first.
        labelled: People whose units and emotions rewards check.
        unlabelled: People of whose faces the emotion alone is known; a round writes about them.
        epochs: Passes over the faces that are taught first.
        steps: Times that faces are drawn for rewards.
    """

    rewards: dict[str, float] = {}
    supervised: bool = False
    further: Literal["", "round", "again"] = ""
    people: int = 120
    labelled: int = 240
    unlabelled: int = 240
    epochs: int = 40
    steps: int = 200


class ClipsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How trees are learned from clips.

    Attributes:
        curriculum: Whether attributes come first, then units, then emotions; else all at once, in as many steps.
        rewards: Name of a reward -> its weight; without any nothing is learned from rewards.
        reads: `likeliest` word by word; or `best`, level by level, of several candidates.
        people: People whose clips are taught.
        labelled: People from whose clips rewards are taken.
        epochs: Passes over the clips that are taught.
        steps: Times that clips are drawn for rewards.
        frames: Frames of a clip.
    """

    curriculum: bool = False
    rewards: dict[str, float] = {}
    reads: Literal["likeliest", "best"] = "likeliest"
    people: int = 240
    labelled: int = 240
    epochs: int = 45
    steps: int = 120
    frames: int = 3


def _pictures(faces: DrawnFaces) -> torch.Tensor:
    return torch.from_numpy(faces.pictures)


def _add(
    found: Found, name: str, faces: DrawnFaces, truth: Sequence[FaceReason], said: Sequence[FaceReason | None]
) -> None:
    """Scores over the answers that can be read, and the share of those; people are what is drawn."""
    known = face_units()
    read = np.array([one is not None for one in said], np.float64)
    answers = [one if one is not None else true for one, true in zip(said, truth, strict=True)]

    def add(key: str, values: NDArray[np.float64], *, higher_is_better: bool = True) -> None:
        sums = Statistic(np.stack([values * read, read]), lambda s: divide(s[..., 0], s[..., 1]))
        found.add(key, name, sums.by(faces.people), higher_is_better=higher_is_better)

    def each(values: list[bool] | list[int]) -> NDArray[np.float64]:
        return np.array(values, np.float64)

    table = np.array([[unit in one.units for unit in known.units] for one in answers])
    units = macro_f1_statistic(truth=faces.units.astype(int), prediction=table.astype(int))
    found.add("units_f1", name, replace(units, columns=units.columns * read).by(faces.people))
    right = [one.emotion == true.emotion for one, true in zip(answers, truth, strict=True)]
    add("emotion_accuracy", each(right))
    add("consistent", each([one.consistent for one in answers]))
    if truth[0].attributes is not None:
        pairs = zip(answers, truth, strict=True)
        far = [tree_edit_distance(truth=true.tree(), prediction=one.tree()) for one, true in pairs]
        add("tree_distance", each(far), higher_is_better=False)
        seen = np.array([[a in (one.attributes or ()) for a in known.attributes] for one in answers])
        marks = macro_f1_statistic(truth=faces.attributes.astype(int), prediction=seen.astype(int))
        found.add("attributes_f1", name, replace(marks, columns=marks.columns * read).by(faces.people))
    answered = Statistic(np.stack([read, np.ones_like(read)]), lambda s: divide(s[..., 0], s[..., 1]))
    found.add("answered", name, answered.by(faces.people))


def faces_to_units(ground: Ground) -> Found:
    """Pictures of drawn faces: units, and the emotion that they imply, of people who were not learned from."""
    plans, found = ground.plans(UnitsPlan), Found()
    test = drawn_faces(200, _EACH, seed=4)
    truth, looked = reasons_of(test), _pictures(test)
    begun: dict[tuple[object, ...], FaceReasoner] = {}
    for name, plan, seed in ground.runs(plans):
        few, labelled, unlabelled = (
            drawn_faces(min(people, ground.limit or people), _EACH, seed=k)
            for k, people in ((1, plan.people), (2, plan.labelled), (3, plan.unlabelled))
        )
        own, first = reasons_of(few), _pictures(few)
        # Variants that begin alike share what they have learned so far.
        start = (seed, plan.people, plan.epochs)
        if start not in begun:
            torch.manual_seed(seed)
            begun[start] = taught(FaceReasoner(), first, own, seed=seed, epochs=plan.epochs)
        net, more = begun[start], (_pictures(labelled), reasons_of(labelled))
        if plan.supervised:
            both = torch.cat([first, more[0]]), [*own, *more[1]]
            net = taught(net, *both, seed=seed, epochs=max(plan.epochs // 3, 1), rate=3e-3)
        if plan.rewards:
            then = (*start, plan.labelled, plan.steps, *sorted(plan.rewards.items()))
            if then not in begun:
                begun[then] = by_rewards(net, *more, plan.rewards, seed=seed, steps=plan.steps)
            net = begun[then]
        if plan.further:
            emotions = [one.emotion for one in reasons_of(unlabelled)]
            places, kept = written_and_kept(net, _pictures(unlabelled), emotions, seed=seed)
            if plan.further == "again":  # as many, but none that it wrote
                drawn = np.random.default_rng(seed).integers(0, len(own), len(kept))
                pictures, reasons = first[drawn], [own[k] for k in drawn]
            else:
                pictures, reasons = _pictures(unlabelled)[places], kept
            net = taught(net, torch.cat([first, pictures]), [*own, *reasons], seed=seed, epochs=8, rate=2e-3)
        found.parameters[name] = parameters(net)
        _add(found, name, test, truth, net.reasons(looked))
    return found


def clips_to_trees(ground: Ground) -> Found:
    """Clips of drawn faces that rise and fall: affective trees of people who were not learned from."""
    plans, found = ground.plans(ClipsPlan), Found()
    begun: dict[tuple[object, ...], FaceReasoner] = {}
    for name, plan, seed in ground.runs(plans):
        first, labelled, test = (
            drawn_faces(min(people, ground.limit or people), _CLIPS, seed=k, frames=plan.frames)
            for k, people in ((11, plan.people), (12, plan.labelled), (14, 200))
        )
        start = (seed, plan.people, plan.epochs, plan.curriculum, plan.frames)
        if start not in begun:
            torch.manual_seed(seed)
            begun[start] = taught(
                FaceReasoner(attributes=True),
                _pictures(first),
                reasons_of(first, attributes=True),
                seed=seed,
                epochs=plan.epochs,
                curriculum=plan.curriculum,
            )
        net = begun[start]
        if plan.rewards:
            then = (*start, plan.labelled, plan.steps, *sorted(plan.rewards.items()))
            if then not in begun:
                more = _pictures(labelled), reasons_of(labelled, attributes=True)
                begun[then] = by_rewards(net, *more, plan.rewards, seed=seed, steps=plan.steps)
            net = begun[then]
        found.parameters[name] = parameters(net)
        torch.manual_seed(seed)
        said = best_by_level(net, _pictures(test)) if plan.reads == "best" else net.reasons(_pictures(test))
        _add(found, name, test, reasons_of(test, attributes=True), said)
    return found
