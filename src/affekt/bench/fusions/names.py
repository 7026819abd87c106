"""Features of pictures carried to names of emotions, and asked with other names than were learned."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.core.errors import DataError
from affekt.corpora.files import data_folder
from affekt.extras import need
from affekt.metrics.classification import accuracy, accuracy_statistic
from affekt.models.vectors import SentenceVectors
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.projector import MetricProjector

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "features_to_names"]

FOLDER = "tinyemo_emotion6_clip"
LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
# Other names of the same labels, of nouns elsewhere, that nothing was trained with.
_RENAMED = ("being furious", "revulsion", "being scared", "happiness", "sorrow", "astonishment")
# Labels in two, and which of the six goes where; and what is tried for the temperature of cosines.
_TEMPERATURES = (0.07, 0.3)
_MERGED, _INTO = ("pleasant feelings", "unpleasant feelings"), (1, 1, 1, 0, 1, 0)


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pictures are told.

    Attributes:
        reads: A `projector` to names, or a `probe` with an output for each label, which new names are matched to by
            their own likeness.
        hidden: Numbers in between; 0 leaves the probe linear.
        epochs: Passes over the rows.
    """

    reads: Literal["projector", "probe"] = "projector"
    hidden: int = 128
    epochs: int = 15


class _Probe(torch.nn.Module):
    """A net of as many layers with an output for each label."""

    def __init__(self, width: int, labels: int, hidden: int) -> None:
        super().__init__()
        inner = [torch.nn.Linear(width, hidden), torch.nn.GELU(), torch.nn.Dropout(0.3)] if hidden else []
        self.layers = torch.nn.Sequential(torch.nn.Dropout(0.3), *inner, torch.nn.Linear(hidden or width, labels))

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


def _features(ground: Ground) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.str_]]:
    """Vectors of unit length, labels and splits; a picture that is in train too is left out of the others."""
    folder = data_folder(ground.data) / FOLDER
    try:
        x = np.load(folder / "clip_features_float16.npy", allow_pickle=False).astype(np.float32)
        with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError) as err:
        raise DataError("The features of Emotion6 are not there, or broken", where=str(folder)) from err
    labels = np.array([LABELS.index(row["emotion"]) for row in rows])
    splits = np.array([row["split"] for row in rows])
    seen = {v.tobytes() for v in x[splits == "train"]}
    splits[[k for k in np.flatnonzero(splits != "train") if x[k].tobytes() in seen]] = "twice"
    return x / np.linalg.norm(x, axis=1, keepdims=True), labels, splits


def _said(
    net: torch.nn.Module, x: NDArray[np.float32], known: Tensor, asked: Tensor | None = None
) -> NDArray[np.int64]:
    """The place of the name of each row; a probe answers with a known one, which goes to the name most like it."""
    with torch.no_grad():
        given = torch.from_numpy(x)
        if asked is None or not isinstance(net, _Probe):
            found: NDArray[np.int64] = net(given, known if asked is None else asked).argmax(1).numpy()
            return found
        like = (torch.nn.functional.normalize(known, dim=1) @ torch.nn.functional.normalize(asked, dim=1).T).argmax(1)
        matched: NDArray[np.int64] = like[net(given, known).argmax(1)].numpy()
        return matched


def features_to_names(ground: Ground) -> Found:
    """CLIP features of Emotion6: known names, other names of the same, names that merge, and a class left out.

    The published validation and test splits hold the same pictures, so that a fifth of train chooses the epoch.
    """
    plans, found = ground.plans(Plan), Found()
    x, labels, splits = _features(ground)
    reader = SentenceVectors()

    def vectors(names: Sequence[str]) -> Tensor:
        return torch.from_numpy(reader.vectors(names))

    names, renamed, merged = vectors(LABELS), vectors(_RENAMED), vectors(_MERGED)
    train = np.flatnonzero(splits == "train")[: ground.limit]
    test = splits == "test"
    dev = train[np.arange(len(train)) % 5 == 0]
    own = train[np.arange(len(train)) % 5 > 0]
    into = np.array(_INTO)

    def trained(plan: Plan, rows: NDArray[np.int64], seed: int, warm: float = 0.3) -> torch.nn.Module:
        given, wanted = torch.from_numpy(x[rows]), torch.from_numpy(labels[rows])
        kept = np.isin(labels[dev], labels[rows])
        choose, truth = x[dev][kept], labels[dev][kept]

        def make() -> torch.nn.Module:
            if plan.reads == "probe":
                return _Probe(x.shape[1], len(LABELS), plan.hidden)
            return MetricProjector(x.shape[1], names.shape[1], hidden=plan.hidden, temperature=warm)

        def loss(net: torch.nn.Module, at: Tensor) -> Tensor:
            out: Tensor = torch.nn.functional.cross_entropy(net(given[at], names), wanted[at])
            return out

        def score(net: torch.nn.Module) -> float:
            return accuracy(truth=truth, prediction=_said(net, choose, names))

        return fit(make, loss, rows=len(rows), seed=seed, epochs=plan.epochs, batch=64, score=score)

    for name, plan, seed in ground.runs(plans):
        warm, tried = 0.3, {}
        if plan.reads == "projector":
            # What keeps best under other names is chosen on development rows.
            tried = {t: trained(plan, own, seed, t) for t in _TEMPERATURES}
            kept = {
                t: accuracy(truth=labels[dev], prediction=_said(n, x[dev], names, renamed)) for t, n in tried.items()
            }
            warm = max(kept, key=kept.__getitem__)
        net = tried.get(warm) or trained(plan, own, seed)
        found.parameters[name] = parameters(net)
        told = {
            "accuracy_renamed": (labels[test], _said(net, x[test], names, renamed)),
            "accuracy": (labels[test], _said(net, x[test], names)),
            "accuracy_merged": (into[labels[test]], _said(net, x[test], names, merged)),
        }
        if plan.reads == "projector":
            unseen, right = [], []
            for k in range(len(LABELS)):
                other = trained(plan, own[labels[own] != k], seed, warm)
                rows = test & (labels == k)
                right.append(np.full(rows.sum(), k))
                unseen.append(_said(other, x[rows], names))
            told["accuracy_unseen"] = (np.concatenate(right), np.concatenate(unseen))
        for key, (truth, said) in told.items():
            found.add(key, name, accuracy_statistic(truth=truth, prediction=said))
    return found
