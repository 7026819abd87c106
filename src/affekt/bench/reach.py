"""How the answers of a recogniser come into the space of a task, and what that costs.

In this order: a head for the task's own labels; a map from one of its heads to them, with its loss counted on the
labels that the recogniser gave in this very run; for dimensions its own ones, carried linearly to the task's range
where the ranges differ; and where it has none, the measured places of its labels in the task's dimensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affekt.bench.causes import CAUSES
from affekt.bench.tasks import Task
from affekt.catalog.maps import centroids, centroids_from, space_map
from affekt.catalog.spaces import space, spaces
from affekt.core.errors import InputError, ModelError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser, RecogniserSpec
from affekt.core.space import Centroids, LabelSpace, SpaceMap
from affekt.models.face import FaceRecogniser
from affekt.models.voice import VoiceRecogniser

__all__ = ["Reach", "reach", "route"]


@dataclass(frozen=True, slots=True)
class Reach:
    """The way from a recogniser's answers to those that a task scores.

    Attributes:
        task: The task.
        asked: The head that is asked; `None` for the main one.
        over: The map from its labels to the task's; `None` where it answers in them.
        places: Where its labels lie in the task's dimensions; `None` where it gives dimensions itself.
        ranges: The space that its own dimensions are given in, where their ranges differ from the task's.
    """

    task: Task
    asked: str | None = None
    over: SpaceMap | None = None
    places: Centroids | None = None
    ranges: LabelSpace | None = None

    @property
    def mapped_from(self) -> str | None:
        """Id of the space that answers come from, where it is not the task's."""
        if self.over is not None:
            return self.over.origin.id
        if self.places is not None:
            return self.places.origin.id
        return self.ranges.id if self.ranges is not None else None

    def carry(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """Predictions in the task's labels."""
        return list(predictions) if self.over is None else [p.to(self.over) for p in predictions]

    def values(self, predictions: Sequence[Prediction]) -> list[Mapping[str, float]]:
        """The value of each name that the task scores, for each prediction that is already carried over.

        A probability stands for the strength of a label, stretched over the task's scale: a correlation does not
        see the stretching, an error does.
        """
        target = self.task.space
        if self.task.entry.target == "intensities":
            top = target.intensity or 1.0
            return [{k: top * v for k, v in p.scores.items()} for p in predictions]
        if self.places is not None:
            return [self.places.to_dimensions(p.scores) if p.scores else {} for p in predictions]
        if self.ranges is None:
            return [p.dimensions for p in predictions]
        pairs = {name: (self.ranges.dimension(name), target.dimension(name)) for name in self.task.names}
        return [
            {k: pairs[k][0].rescale(v, pairs[k][1]) for k, v in p.dimensions.items() if k in pairs} for p in predictions
        ]

    def cost(self, origin: Sequence[Prediction]) -> dict[str, Any] | None:
        """What the way loses, for the record of the run.

        Args:
            origin: The predictions before they were carried over.
        """
        if self.over is not None:
            given = Counter(label for p in origin for label in p.labels)
            loss = self.over.loss(given, counted_on="labels given in this run") if given else self.over.loss()
            return {
                "map": self.over.id,
                "over": self.over.route or None,
                "measured": self.over.measured,
                "source": self.over.source.title,
                "coverage": loss.coverage,
                "bits_before": loss.bits_before,
                "bits_lost": loss.bits_lost,
                "counted_on": loss.distribution,
                "without_target": list(loss.dropped),
                "never_given": [name for name in self.task.names if name in loss.unreached],
                "merged": {target: list(members) for target, members in loss.merges.items()},
            }
        if self.places is not None:
            return {
                "map": self.places.id,
                "over": self.places.route or None,
                "measured": True,
                "source": self.places.source.title,
                "note": "Each answer is the mean of its labels' measured places, weighted by their probabilities.",
                "without_target": [name for name in self.places.origin.labels if name not in self.places.points],
            }
        if self.ranges is not None:
            return {
                "map": f"{self.ranges.id}>{self.task.space.id}",
                "over": None,
                "measured": False,
                "note": "Carried linearly from one range to the other; what the ends mean may differ.",
            }
        return None


def reach(task: Task, recogniser: Recogniser | VoiceRecogniser | FaceRecogniser) -> Reach:
    """Find the way from a recogniser to a task.

    Raises:
        ModelError: There is none; says what is missing.
    """
    if task.entry.target == "timelines":
        raise ModelError(
            f"{task.id!r} asks for timelines, which {recogniser.spec.name} does not give",
            hint=f"Score a file of segments: affekt bench score {task.id} --predictions FILE --out RUN_DIR",
        )
    if task.entry.target in CAUSES:
        raise ModelError(
            f"{task.id!r} asks for causes, which {recogniser.spec.name} does not find",
            hint=f"Score a file of answers: affekt bench score {task.id} --predictions FILE --out RUN_DIR",
        )
    return _to_dimensions(task, recogniser) if task.entry.target == "dimensions" else _to_labels(task, recogniser)


def route(spec: RecogniserSpec, into: str, names: Sequence[str]) -> tuple[str, SpaceMap | None]:
    """The head of a recogniser to ask for the labels of a space, and the map from there; `None` where none is needed.

    Args:
        spec: What the recogniser gives.
        into: Id of the space.
        names: The labels of it that are wanted: the map that reaches most of them is taken.

    Raises:
        ModelError: No map leads there.
    """
    wanted = set(space(into).labels)
    # A space with the very same labels in another order needs no map: scores go by label.
    for head in (into, *spec.spaces):
        if head in spec.spaces and set(space(head).labels) == wanted:
            return head, None
    # A strength has the labels of a space of presence: a map to either will do.
    targets = [into, *(n for n in spaces() if n != into and set(space(n).labels) == wanted)]
    found: list[tuple[int, int, SpaceMap]] = []
    for order, (target, head) in enumerate((t, h) for t in targets for h in spec.spaces):
        try:
            over = space_map(head, target)
        except InputError:
            continue
        reached = {name for row in over.weights.values() for name in row}
        found.append((len(set(names) - reached), order, over))
    if not found:
        raise ModelError(
            f"{spec.name} answers in {', '.join(spec.spaces)}, and no map leads from there to {into!r}",
            hint=f"`affekt spaces map {spec.space}` lists where one can go.",
        )
    best = min(found, key=lambda way: way[:2])[2]
    return best.origin.id, best


def _to_labels(task: Task, recogniser: Recogniser | VoiceRecogniser | FaceRecogniser) -> Reach:
    asked, over = route(recogniser.spec, task.space.id, task.names)
    return Reach(task, asked=asked, over=over)


def _to_dimensions(task: Task, recogniser: Recogniser | VoiceRecogniser | FaceRecogniser) -> Reach:
    spec = recogniser.spec
    if task.space.id in spec.spaces:
        return Reach(task, asked=task.space.id)
    missing = set(task.names) - set(spec.dimensions)
    if not missing:
        own = _own_ranges(recogniser)
        differ = own is not None and any(
            (own.dimension(n).low, own.dimension(n).high) != (task.space.dimension(n).low, task.space.dimension(n).high)
            for n in task.names
        )
        return Reach(task, ranges=own if differ else None)
    for head in spec.spaces:
        if task.space.id in centroids_from(head):
            return Reach(task, asked=head, places=centroids(head, task.space.id))
    raise ModelError(
        f"{spec.name} does not give {', '.join(sorted(missing))}, which {task.id!r} is about",
        hint="Choose another model: `affekt models list`.",
    )


def _own_ranges(recogniser: Recogniser | VoiceRecogniser | FaceRecogniser) -> LabelSpace | None:
    """The space that a recogniser's dimensions are given in, where its card says so."""
    card = getattr(recogniser, "card", None)
    stated = card.get("dimensions") if isinstance(card, Mapping) else None
    return space(stated["space"]) if isinstance(stated, Mapping) and "space" in stated else None
