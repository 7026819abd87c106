"""Faces per second: the bundled model of faces beside networks of the tools that people would take else, in one run.

    python benchmarks/faces.py [--threads 2] [--seconds 4]

Two parts are timed. *Crops*: from a crop of 96 by 96 pixels in colour to the scores, one at a time, as a video gives
them. *Pipeline*: from a decoded picture of 640 by 480 pixels with one face to the scores, the face found by OpenCV's
cascade (`affekt.media.faces`) and set upright; the other networks are given the same crop.

The other networks have the architecture of their tools and random weights, which cost what trained ones cost, in torch
in single precision: mini-Xception (Arriaga et al. 2017; the default of `fer`), the small network of DeepFace, and
ResNet-34 at 224 by 224 pixels, which py-feat's ResMaskNet (Pham et al. 2021) has inside and whose cost it exceeds.
Needs the `train` and `video` extras. The picture is drawn, since none may be committed; where the cascade does not find
the drawing, the box where it was drawn is read after the search.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def networks(threads: int) -> dict[str, tuple[Any, int]]:
    """Name -> network in torch, and pixels a side of what it reads."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)

    def separable(inputs: int, outputs: int) -> nn.Sequential:
        deep = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        return nn.Sequential(deep, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    class Beside(nn.Module):
        def __init__(self, inner: nn.Module, aside: nn.Module, last: nn.Module) -> None:
            super().__init__()
            self.inner, self.aside, self.last = inner, aside, last

        def forward(self, x: Any) -> Any:
            return self.last(self.inner(x) + self.aside(x))

    def xception(inputs: int, outputs: int) -> nn.Module:
        inner = (separable(inputs, outputs), nn.ReLU(), separable(outputs, outputs), nn.MaxPool2d(3, 2, 1))
        aside = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))
        return Beside(nn.Sequential(*inner), aside, nn.Identity())

    def plain(inputs: int, outputs: int, size: int = 3, stride: int = 1, pad: int = 0) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, size, stride, pad, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    def pooled(outputs: int) -> list[nn.Module]:
        return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, 7), nn.Softmax(1)]

    def residual(inputs: int, outputs: int, stride: int) -> nn.Module:
        inner = nn.Sequential(*plain(inputs, outputs, 3, stride, 1), *plain(outputs, outputs, 3, 1, 1)[:2])
        same = stride == 1 and inputs == outputs
        aside = nn.Identity() if same else nn.Sequential(*plain(inputs, outputs, 1, stride)[:2])
        return Beside(inner, aside, nn.ReLU())

    widths = [8, 16, 32, 64, 128]
    mini = [*plain(1, 8), *plain(8, 8), *(xception(a, b) for a, b in itertools.pairwise(widths))]
    stages, inputs = [], 64
    for outputs, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            stages.append(residual(inputs, outputs, 2 if outputs > 64 and not block else 1))
            inputs = outputs
    deepface = [
        *(nn.Conv2d(1, 64, 5), nn.ReLU(), nn.MaxPool2d(5, 2)),
        *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.AvgPool2d(3, 2)),
        *(nn.Conv2d(64, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3), nn.ReLU(), nn.AvgPool2d(3, 2)),
        *(nn.Flatten(), nn.Linear(128, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 7)),
    ]
    return {
        "mini-Xception (fer)": (nn.Sequential(*mini, *pooled(128)).eval(), 64),
        "DeepFace": (nn.Sequential(*deepface, nn.Softmax(1)).eval(), 48),
        "ResNet-34 (within ResMaskNet)": (
            nn.Sequential(*plain(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, 1), *stages, *pooled(512)).eval(),
            224,
        ),
    }


def readers(threads: int) -> dict[str, Callable[[NDArray[np.uint8]], object]]:
    """Name -> from a crop in colour to scores."""
    import cv2
    import torch

    from affekt.models.registry import load_face

    eye = load_face(jobs=threads)

    def by(network: Any, size: int) -> Callable[[NDArray[np.uint8]], object]:
        grey = next(iter(network.parameters())).shape[1] == 1

        def read(crop: NDArray[np.uint8]) -> object:
            seen = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) if grey else crop, (size, size))
            given = torch.from_numpy(seen.astype(np.float32) / 255)
            with torch.inference_mode():
                return network(given[None, None] if grey else given.permute(2, 0, 1)[None])

        return read

    others = {name: by(network, size) for name, (network, size) in networks(threads).items()}
    return {"affekt": lambda crop: eye.predict([crop]), **others}


def picture() -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """A picture of 640 by 480 pixels with a face drawn into it, and the box of the face."""
    import cv2

    rng = np.random.default_rng(0)
    out = np.full((480, 640, 3), (70, 90, 80), np.uint8)
    cv2.ellipse(out, (320, 240), (75, 100), 0, 0, 360, (205, 165, 140), -1)
    cv2.ellipse(out, (320, 170), (80, 50), 0, 180, 360, (50, 35, 30), -1)
    for side in (-1, 1):
        cv2.ellipse(out, (320 + 30 * side, 222), (15, 7), 0, 0, 360, (40, 30, 30), -1)
        cv2.line(out, (320 + 30 * side - 18, 204), (320 + 30 * side + 18, 204), (60, 40, 35), 5)
    cv2.line(out, (320, 225), (316, 262), (150, 110, 95), 6)
    cv2.ellipse(out, (320, 290), (28, 9), 0, 0, 180, (130, 60, 60), -1)
    noisy = cv2.GaussianBlur(out, (0, 0), 2).astype(float) + rng.normal(0, 4, out.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), (235, 150, 170, 170)


def rate(step: Callable[[], object], seconds: float) -> float:
    """Calls a second, after three that do not count."""
    for _ in range(3):
        step()
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        step()
        calls += 1
    return calls / (time.perf_counter() - started)


def main() -> None:
    """Time all readers in turns and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    import cv2

    from affekt.media.faces import Face, FaceFinder, crop_of

    cv2.setNumThreads(args.threads)
    finder = FaceFinder()
    pixels, box = picture()
    found = finder.find(pixels)
    face = found[0] if found else Face(*box)
    crop = crop_of(pixels, face)
    finds = len(found)

    def search() -> NDArray[np.uint8]:
        here = finder.find(pixels)
        return crop_of(pixels, here[0] if here else face)

    every = readers(args.threads)
    crops: dict[str, list[float]] = {name: [] for name in every}
    whole: dict[str, list[float]] = {name: [] for name in every}
    for _ in range(args.rounds):
        for name, read in every.items():
            crops[name].append(rate(lambda read=read: read(crop), args.seconds))
            whole[name].append(rate(lambda read=read: read(search()), args.seconds))
    middle = {name: float(np.median(values)) for name, values in crops.items()}
    pipeline = {name: float(np.median(values)) for name, values in whole.items()}
    result = {
        "threads": args.threads,
        "faces found in the picture": finds,
        "crops/s": {name: round(value, 1) for name, value in middle.items()},
        "pipeline faces/s": {name: round(value, 1) for name, value in pipeline.items()},
        "crops, affekt over": {name: round(middle["affekt"] / value, 2) for name, value in middle.items()},
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
