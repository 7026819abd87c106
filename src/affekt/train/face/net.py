"""The network: small residual blocks (He et al. 2016) over a grey face, and the mean over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.extras import need

if TYPE_CHECKING:
    from torch import Tensor, nn
else:
    nn = need("torch.nn", extra="train")

__all__ = ["Net"]


def _convolution(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    kernel = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(outputs))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, stride=stride)
        self.second = _convolution(outputs, outputs)
        same = stride == 1 and inputs == outputs
        self.aside = nn.Identity() if same else _convolution(inputs, outputs, size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return (self.second(self.first(x).relu()) + self.aside(x)).relu()


class Net(nn.Module):
    """Logits of the labels from pictures whose grey values have mean 0 and spread 1.

    Args:
        stem: Channels of the first convolution, at full size.
        widths: Channels of each stage; a stage halves the size.
        blocks: Blocks of each stage.
        labels: Number of labels.
        dropout: Share of the channels' means that is set to 0 in training.
    """

    def __init__(
        self, *, stem: int, widths: tuple[int, ...], blocks: tuple[int, ...], labels: int, dropout: float
    ) -> None:
        super().__init__()
        self.stem = _convolution(1, stem)
        stages: list[nn.Module] = []
        for width, number in zip(widths, blocks, strict=True):
            for block in range(number):
                stages.append(_Block(stem, width, 1 if block else 2))
                stem = width
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(stem, labels)

    def forward(self, pictures: Tensor) -> Tensor:
        """From pictures of shape `(rows, 1, height, width)` to logits of shape `(rows, labels)`."""
        means = self.stages(self.stem(pictures).relu()).mean((2, 3))
        logits: Tensor = self.head(self.dropout(means))
        return logits
