"""Label spaces, and maps between them that state what they lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, isfinite, log, log2, nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Blend",
    "Centroid",
    "Centroids",
    "Dimension",
    "LabelSpace",
    "LossReport",
    "Source",
    "SpaceMap",
    "compose",
    "find_map",
    "quadrant",
    "set_map_finder",
]

Kind = Literal["single", "multi", "intensity", "dimensional"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list of labels or a figure comes from.

    Attributes:
        title: Title of the publication or the file.
        authors: Authors, as they are usually cited.
        year: Year of publication.
        url: Where it can be read.
        note: What was taken from it, and any doubt about it.
    """

    title: str
    authors: str = ""
    year: int | None = None
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A named continuous quantity with its native range.

    Attributes:
        name: For instance `valence`.
        low: Lowest value of the native scale.
        high: Highest value of the native scale.
        low_means: What the low end stands for.
        high_means: What the high end stands for.
    """

    name: str
    low: float
    high: float
    low_means: str = ""
    high_means: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"dimension {self.name!r}: low {self.low} is not below high {self.high}")

    def rescale(self, value: float, to: Dimension) -> float:
        """Carry `value` linearly from this range to that of `to`."""
        return to.low + (value - self.low) / (self.high - self.low) * (to.high - to.low)


@dataclass(frozen=True, slots=True)
class Blend:
    """A named feeling that a theory makes up of other labels, as Plutchik's love is of joy and trust.

    Attributes:
        name: Name of the blend.
        parts: The labels that it is made of.
        order: How far apart the parts lie: `primary`, `secondary` or `tertiary` in Plutchik's circle.
        also: Other names that the source gives to it.
    """

    name: str
    parts: tuple[str, ...]
    order: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Ordered categories and/or named dimensions.

    Attributes:
        id: Short name, as in `goemotions`.
        title: Name for people.
        kind: `single` (exactly one label), `multi` (any number), `intensity` (a strength for each
            label) or `dimensional` (no categories).
        labels: The categories in their fixed order.
        dimensions: The dimensions with native ranges.
        groups: Named coarser readings of the labels: group set -> group -> labels.
        parents: Hierarchy: label -> the label one tier above it.
        neutral: The label that stands for "no emotion", where there is one.
        intensity: Highest level of an intensity scale that starts at 0, where there is one.
        counts: A real distribution over the labels (label -> count), with its origin in `counts_from`.
        counts_from: What was counted.
        description: What the space is for, in a sentence or two.
        glosses: Label -> its English meaning, where labels are in another language or are codes.
        grades: Label -> names of its strength, weakest first.
        blends: Named mixtures of labels.
        emotionml: Address of the W3C EmotionML vocabulary that has exactly these items, where there is one.
        source: Where the list comes from.
    """

    id: str
    title: str
    kind: Kind
    labels: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    neutral: str | None = None
    intensity: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    counts_from: str = ""
    description: str = ""
    glosses: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blends: tuple[Blend, ...] = ()
    emotionml: str = ""
    source: Source = field(default_factory=lambda: Source(title=""))

    def __post_init__(self) -> None:
        def refuse(why: str) -> None:
            raise ValueError(f"label space {self.id!r}: {why}")

        known = set(self.labels)
        if len(known) != len(self.labels):
            refuse("a label occurs twice")
        if self.kind == "dimensional" and self.labels:
            refuse("a dimensional space has no labels")
        if self.kind != "dimensional" and not self.labels:
            refuse(f"a space of kind {self.kind!r} needs labels")
        if self.kind == "dimensional" and not self.dimensions:
            refuse("a dimensional space needs dimensions")
        if self.neutral is not None and self.neutral not in known:
            refuse(f"neutral label {self.neutral!r} is not among the labels")
        for name, groups in self.groups.items():
            for group, members in groups.items():
                if missing := set(members) - known:
                    refuse(f"group {name}/{group} names unknown labels {sorted(missing)}")
        if missing := (set(self.parents) | set(self.parents.values())) - known:
            refuse(f"the hierarchy names unknown labels {sorted(missing)}")
        if missing := set(self.counts) - known:
            refuse(f"counts name unknown labels {sorted(missing)}")
        if missing := (set(self.glosses) | set(self.grades)) - known:
            refuse(f"glosses or grades name unknown labels {sorted(missing)}")
        for blend in self.blends:
            if missing := set(blend.parts) - known:
                refuse(f"blend {blend.name!r} names unknown labels {sorted(missing)}")

    def index(self, label: str) -> int:
        """Position of `label` in the fixed order; `ValueError` where it is not a label."""
        return self.labels.index(label)

    def dimension(self, name: str) -> Dimension:
        """The dimension called `name`; `KeyError` where there is none."""
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class LossReport:
    """What carrying labels over a map costs, on a stated distribution.

    Attributes:
        coverage: Share of the source distribution whose labels have a target.
        merges: Target -> the source labels that fall together in it (two or more).
        dropped: Source labels with no target.
        unreached: Target labels that no source label reaches.
        bits_before: Entropy of the source distribution, in bits.
        bits_lost: Conditional entropy H(source | target) in bits; all labels without a target count
            as one common outcome. 0 means that the source label can be told from the target.
        distribution: What the distribution was counted on; `uniform` where no counts were given.
    """

    coverage: float
    merges: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    unreached: tuple[str, ...]
    bits_before: float
    bits_lost: float
    distribution: str


@dataclass(frozen=True, slots=True)
class SpaceMap:
    """A map from the labels of one space to those of another.

    Attributes:
        id: `source-id>target-id`.
        origin: The space that is mapped from.
        target: The space that is mapped to.
        weights: Origin label -> target label -> share in 0..1. Shares of one label sum to at most 1; a
            label that is not listed has no target.
        source: Who states this map, or the data that it was measured on.
        measured: Whether the shares were estimated from data (soft) or stated by somebody (hard).
        reasons: Origin label -> why it goes where it goes, for maps that are our own reading.
        route: Id of the space in between, where the map was composed of two.
    """

    id: str
    origin: LabelSpace
    target: LabelSpace
    weights: Mapping[str, Mapping[str, float]]
    source: Source = field(default_factory=lambda: Source(title=""))
    measured: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    route: str = ""

    def __post_init__(self) -> None:
        for label, row in self.weights.items():
            if label not in self.origin.labels:
                raise ValueError(f"map {self.id!r}: {label!r} is not a label of {self.origin.id!r}")
            for target, share in row.items():
                if target not in self.target.labels:
                    raise ValueError(f"map {self.id!r}: {target!r} is not a label of {self.target.id!r}")
                if not 0.0 < share <= 1.0:
                    raise ValueError(f"map {self.id!r}: share of {label!r} -> {target!r} is {share}, not in (0, 1]")
            if sum(row.values()) > 1.0 + 1e-6:
                raise ValueError(f"map {self.id!r}: shares of {label!r} sum to more than 1")

    @property
    def matrix(self) -> np.ndarray:
        """Shares as an array of shape (origin labels, target labels)."""
        import numpy as np  # here, so that a map can be found and shown without it

        out = np.zeros((len(self.origin.labels), len(self.target.labels)))
        for label, row in self.weights.items():
            for target, share in row.items():
                out[self.origin.index(label), self.target.index(target)] = share
        return out

    def apply(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Carry probabilities over to the target space.

        Probabilities of a single-label origin add up, since its labels exclude each other. Those of a
        multi-label origin are joined as "at least one of these": 1 - prod(1 - share * p), which takes
        the labels as independent given the text and so is an upper reading when they go together.

        Args:
            scores: Probability in 0..1 for labels of the origin; missing labels count as 0.

        Returns:
            Probability for every label of the target, in its order. Labels of the origin that have no
            target are left out, so a single-label result may sum to less than 1.
        """
        single = self.origin.kind == "single"
        out = dict.fromkeys(self.target.labels, 0.0)
        for label, row in self.weights.items():
            if p := scores.get(label, 0.0):
                for target, share in row.items():
                    out[target] = out[target] + share * p if single else 1.0 - (1.0 - out[target]) * (1.0 - share * p)
        return out

    def loss(self, counts: Mapping[str, float] | None = None, *, counted_on: str = "") -> LossReport:
        """State what this map loses on a distribution of the origin's labels.

        Args:
            counts: Label -> count. Default: the origin's own counts, or uniform where it has none. Of a
                multi-label corpus these are occurrences of labels, not texts.
            counted_on: What was counted, for the report.

        Raises:
            ValueError: A count is negative or not finite, or no origin label has a count above 0.
        """
        import numpy as np

        if counts is None:
            counts, counted_on = self.origin.counts, self.origin.counts_from
        if not counts:
            counts, counted_on = dict.fromkeys(self.origin.labels, 1.0), "uniform"
        p = np.array([float(counts.get(label, 0.0)) for label in self.origin.labels])
        if not np.isfinite(p).all() or (p < 0).any() or p.sum() <= 0:
            raise ValueError(f"map {self.id!r}: counts must be finite, not negative, and above 0 for some origin label")
        p /= p.sum()
        shares = self.matrix
        joint = p[:, None] * np.concatenate([shares, np.clip(1.0 - shares.sum(1, keepdims=True), 0.0, None)], axis=1)
        totals = joint.sum(0)
        entropy = -sum(x * log2(x) for x in p if x > 0)
        lost = -sum(joint[i, j] * log2(joint[i, j] / totals[j]) for i, j in zip(*np.nonzero(joint > 0), strict=True))
        into: dict[str, list[str]] = {}
        for label, row in self.weights.items():
            for target in row:
                into.setdefault(target, []).append(label)
        return LossReport(
            coverage=float((p * np.minimum(shares.sum(1), 1.0)).sum()),
            merges={t: tuple(m) for t, m in into.items() if len(m) > 1},
            dropped=tuple(label for label in self.origin.labels if not self.weights.get(label)),
            unreached=tuple(label for label in self.target.labels if label not in into),
            bits_before=float(entropy),
            bits_lost=max(0.0, float(lost)),
            distribution=counted_on,
        )


def compose(first: SpaceMap, second: SpaceMap) -> SpaceMap:
    """Go over `first` and then over `second`: shares multiply and add up along all ways.

    Raises:
        ValueError: `second` does not start where `first` ends.
    """
    if first.target.id != second.origin.id:
        raise ValueError(f"cannot go on from {first.target.id!r} with a map that starts at {second.origin.id!r}")
    weights: dict[str, dict[str, float]] = {}
    for label, row in first.weights.items():
        out: dict[str, float] = {}
        for middle, share in row.items():
            for target, onward in second.weights.get(middle, {}).items():
                out[target] = out.get(target, 0.0) + share * onward
        if out:
            weights[label] = {target: min(share, 1.0) for target, share in out.items() if share > 0}
    return SpaceMap(
        id=f"{first.origin.id}>{second.target.id}",
        origin=first.origin,
        target=second.target,
        weights=weights,
        source=Source(
            title=f"{first.source.title}; {second.source.title}",
            note=f"Composed: {first.origin.id} > {first.target.id} > {second.target.id}. "
            f"First leg: {first.source.title}. Second leg: {second.source.title}.",
        ),
        measured=first.measured or second.measured,
        reasons={k: why for k, why in first.reasons.items() if k in weights or k not in first.weights},
        route=first.target.id,
    )


@dataclass(frozen=True, slots=True)
class Centroid:
    """Where one label lies in a dimensional space, as measured.

    Attributes:
        mean: Dimension -> mean, on the native range.
        sd: Dimension -> standard deviation between items, or between raters where there is one item, the label's
            word; empty where the data give means only.
        n: How many items (texts, clips), or raters, were averaged; 0 where the source does not say.
    """

    mean: Mapping[str, float]
    sd: Mapping[str, float] = field(default_factory=dict)
    n: int = 0


@dataclass(frozen=True, slots=True)
class Centroids:
    """A measured bridge between categories and dimensions.

    Attributes:
        id: `origin-id>target-id`.
        origin: The categorical space.
        target: The dimensional space.
        points: Label -> where it lies. Labels that the data do not cover are left out.
        source: The data that it was measured on, with its licence, and any doubt.
        route: Id of the space whose labels were measured, where `origin` only has other names for them.
    """

    id: str
    origin: LabelSpace
    target: LabelSpace
    points: Mapping[str, Centroid]
    source: Source = field(default_factory=lambda: Source(title=""))
    route: str = ""

    def __post_init__(self) -> None:
        names = {d.name for d in self.target.dimensions}
        for label, point in self.points.items():
            if label not in self.origin.labels:
                raise ValueError(f"centroids {self.id!r}: {label!r} is not a label of {self.origin.id!r}")
            if set(point.mean) != names or (point.sd and set(point.sd) != names):
                raise ValueError(f"centroids {self.id!r}: {label!r} does not give exactly {sorted(names)}")
            for name, value in point.mean.items():
                d = self.target.dimension(name)
                if not d.low <= value <= d.high:
                    raise ValueError(f"centroids {self.id!r}: {label!r} {name} {value} is outside {d.low}..{d.high}")
            if any(not value > 0 for value in point.sd.values()):
                raise ValueError(f"centroids {self.id!r}: {label!r} has a standard deviation that is not above 0")

    @property
    def reversible(self) -> bool:
        """Whether every point has a spread, so that `to_labels` works."""
        return bool(self.points) and all(point.sd for point in self.points.values())

    def to_dimensions(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Read dimensions from category scores: the mean of the labels' centroids, weighted by score.

        Args:
            scores: Label -> score of 0 or more. Labels without a centroid are left out.

        Returns:
            Dimension -> value on its native range; NaN where no label with a centroid has a score.
        """
        weights = {label: scores.get(label, 0.0) for label in self.points}
        total = sum(weights.values())
        if total <= 0:
            return dict.fromkeys((d.name for d in self.target.dimensions), nan)
        return {
            d.name: sum(w * self.points[label].mean[d.name] for label, w in weights.items()) / total
            for d in self.target.dimensions
        }

    def intervals(self, scores: Mapping[str, float], *, level: float = 0.8) -> dict[str, tuple[float, float]]:
        """How far apart the labels lie that the scores leave open: a point where one label has it all.

        The mean of `to_dimensions`, plus and minus as many standard deviations of the labels' means, weighted by
        score, as hold that share of a normal distribution. How raters differ over one label is not in it.

        Args:
            scores: Label -> score of 0 or more. Labels without a centroid are left out.
            level: That share, above 0 and below 1.

        Returns:
            Dimension -> (low, high), cut off at its native range; empty where no label with a centroid has a score.
        """
        weights = {label: scores.get(label, 0.0) for label in self.points}
        total = sum(weights.values())
        if total <= 0:
            return {}
        wide, middle = NormalDist().inv_cdf((1 + level) / 2), self.to_dimensions(scores)
        out = {}
        for d in self.target.dimensions:
            apart = ((self.points[label].mean[d.name] - middle[d.name]) ** 2 * w for label, w in weights.items())
            half = wide * sqrt(sum(apart) / total)
            out[d.name] = max(d.low, middle[d.name] - half), min(d.high, middle[d.name] + half)
        return out

    def to_labels(self, values: Mapping[str, float], *, prior: Mapping[str, float] | None = None) -> dict[str, float]:
        """Read categories from dimensions: the posterior of one Gaussian a label.

        The dimensions are taken as independent given the label, which they are only roughly; where labels
        lie close together the answer is rightly spread over them.

        Args:
            values: Dimension -> value on its native range; dimensions that are left out are ignored.
            prior: Label -> weight above 0. Default: all labels alike, not as often as they were measured.

        Returns:
            Label -> probability; they sum to 1 over the labels that have a centroid.

        Raises:
            ValueError: No known dimension is given, a value is not finite, or the data gave no spread.
        """
        if not self.reversible:
            raise ValueError(f"centroids {self.id!r} have means only; labels cannot be read from dimensions")
        given = {d.name: values[d.name] for d in self.target.dimensions if d.name in values}
        if not given or not all(isfinite(v) for v in given.values()):
            raise ValueError(f"give a finite value for at least one of {[d.name for d in self.target.dimensions]}")
        logs: dict[str, float] = {}
        for label, point in self.points.items():
            weight = 1.0 if prior is None else prior.get(label, 0.0)
            if weight > 0:
                logs[label] = log(weight) - sum(
                    0.5 * ((v - point.mean[name]) / point.sd[name]) ** 2 + log(point.sd[name])
                    for name, v in given.items()
                )
        if not logs:
            raise ValueError("the prior leaves no label")
        top = max(logs.values())
        odds = {label: exp(value - top) for label, value in logs.items()}
        total = sum(odds.values())
        return {label: odds.get(label, 0.0) / total for label in self.points}


def quadrant(values: Mapping[str, float], space: LabelSpace) -> str:
    """The quadrant of the valence-arousal plane, `Q1` to `Q4`, counted against the clock from the top right.

    The plane is cut at the middle of each native range; a value on the cut counts as high.

    Args:
        values: `valence` and `arousal` on the native ranges of `space`.
        space: The dimensional space that the values are given in.

    Raises:
        ValueError: A value is not finite.
        KeyError: `values` or `space` lacks valence or arousal.
    """
    high = {}
    for name in ("valence", "arousal"):
        dimension = space.dimension(name)
        if not isfinite(values[name]):
            raise ValueError(f"{name} is {values[name]}")
        high[name] = values[name] >= (dimension.low + dimension.high) / 2
    if high["valence"]:
        return "Q1" if high["arousal"] else "Q4"
    return "Q2" if high["arousal"] else "Q3"


MapFinder = Callable[[str, str], SpaceMap]
_finder: MapFinder | None = None


def set_map_finder(finder: MapFinder) -> None:
    """Tell the core where maps are kept; the package does this once, so that core imports no catalogue."""
    global _finder
    _finder = finder


def find_map(origin: str, target: str) -> SpaceMap:
    """The map between two spaces by their ids, from wherever maps are kept."""
    if _finder is None:
        raise LookupError("no catalogue of maps is known; import affekt, or pass a SpaceMap")
    return _finder(origin, target)
