"""Speech encoders of Hugging Face: every layer's vectors of a sound, and their lower layers as an ONNX graph.

An encoder is a folder as transformers saves it: `config.json` and safe tensors. Nothing is fetched, no code from the
folder is run, and no other kind of weights is opened.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.core.errors import CatalogError
from affekt.extras import need
from affekt.media.sound import RATE, Sound

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["FAMILIES", "FRAME", "SpeechEncoder", "exported", "family_of"]

FAMILIES = ("data2vec-audio", "hubert", "unispeech-sat", "wav2vec2", "wavlm", "whisper")
"""What can be read, by the `model_type` of `config.json`."""

FRAME = 320 / RATE
"""Seconds from one vector of a layer to the next, in all of them."""

_LEAST = 400  # samples of the first frame
_LONGEST = 30.0  # seconds: Whisper has places for no more, and attention over more is slow in the others


def family_of(folder: Path) -> str:
    """The family of the encoder in a folder.

    Raises:
        CatalogError: There is none that can be read, or it asks for code of its own.
    """
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise CatalogError(
            "There is no speech encoder: its config.json cannot be read",
            where=str(folder),
            hint="Name a folder as transformers saves it; `python scripts/lay_out_whisper.py DIR` lays one out.",
        ) from err
    family = config.get("model_type") if isinstance(config, dict) else None
    if family not in FAMILIES:
        raise CatalogError(
            f"The speech encoder is of type {family}", where=str(folder), hint=f"{', '.join(FAMILIES)} can be read."
        )
    if config.get("auto_map"):
        raise CatalogError(
            "The encoder asks for code of its own, which is never run",
            where=str(file),
            hint="Take a version of it that transformers knows without.",
        )
    if not any((folder / f"model.safetensors{end}").is_file() for end in ("", ".index.json")):
        raise CatalogError(
            "The encoder has no model.safetensors",
            where=str(folder),
            hint="Other weights can hold code and are not opened; save it again with save_pretrained(DIR).",
        )
    return str(family)


class SpeechEncoder:
    """A frozen encoder of speech.

    Args:
        folder: The folder of an encoder of one of `FAMILIES`.

    Attributes:
        family: Which of `FAMILIES`.
        layers: How many layers it has.
        width: Size of a vector.

    Raises:
        CatalogError: The folder holds no encoder that can be read.
        MissingExtraError: The `train` extra is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.family = family_of(folder)
        transformers = need("transformers", extra="train")
        said = transformers.utils.logging.get_verbosity()
        bars = transformers.utils.logging.is_progress_bar_enabled()
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            model = transformers.AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                # The other ways of attention are not written into a graph.
                attn_implementation="eager",
            )
        except Exception as err:  # of many classes, for each kind of damage
            raise CatalogError("The encoder cannot be loaded", where=str(folder), hint="Lay it out again.") from err
        finally:
            transformers.utils.logging.set_verbosity(said)
            if bars:
                transformers.utils.logging.enable_progress_bar()
        self._model: Any = (model.get_encoder() if self.family == "whisper" else model).eval()
        self.layers: int = len(self._blocks)
        self.width: int = model.config.hidden_size
        self._even = self._evened()

    def _evened(self) -> bool:
        """Whether samples are brought to mean 0 and spread 1 first, as it was trained."""
        file = self.folder / "preprocessor_config.json"
        default = getattr(self._model.config, "feat_extract_norm", "layer") == "layer"
        if not file.is_file():
            return default
        return bool(json.loads(file.read_text(encoding="utf-8")).get("do_normalize", default))

    @property
    def _blocks(self) -> Any:
        return self._model.layers if self.family == "whisper" else self._model.encoder.layers

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over its configuration and weights, in hexadecimal digits."""
        found = hashlib.sha256()
        for file in sorted(self.folder.glob("*config.json")) + sorted(self.folder.glob("model*.safetensors")):
            with file.open("rb") as held:
                found.update(hashlib.file_digest(held, "sha256").digest())
        return found.hexdigest()

    @cached_property
    def _features(self) -> Any:
        bands = self._model.config.num_mel_bins
        return need("transformers", extra="train").WhisperFeatureExtractor(feature_size=bands)

    def frames(self, sound: Sound) -> NDArray[np.float32]:
        """Vectors of every layer, the input of the first one in front.

        Args:
            sound: Mono at 16 kHz, at least 25 ms; beyond 30 s it is cut off.

        Returns:
            Shape (layers + 1, frames, width), a frame every `FRAME` seconds.

        Raises:
            ValueError: The sound has another rate, or is too short.
        """
        if sound.rate != RATE:
            raise ValueError(f"an encoder reads {RATE} samples a second, not {sound.rate}")
        samples = sound.samples[: int(_LONGEST * RATE)]
        if len(samples) < _LEAST:
            raise ValueError(f"an encoder needs at least {_LEAST} samples, not {len(samples)}")
        with torch.no_grad():
            if self.family == "whisper":
                samples = np.pad(samples, (0, -len(samples) % 320))  # two frames of the spectrogram become one
                heard = self._features(samples, sampling_rate=RATE, padding="do_not_pad", return_tensors="pt")
                out = self._of_mel(heard.input_features)
            else:
                out = self._of_samples(torch.from_numpy(np.array(samples, np.float32))[None])
        found: NDArray[np.float32] = torch.stack(out).numpy()
        return found

    def _of_mel(self, mel: Tensor) -> list[Tensor]:
        """Each layer of Whisper, which transformers gives for sound of 30 s alone."""
        encoder = self._model
        x = nn.functional.gelu(encoder.conv2(nn.functional.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
        out = [x + encoder.embed_positions.weight[: x.shape[1]]]
        for layer in encoder.layers:
            after = layer(out[-1], None)
            out.append(after[0] if isinstance(after, tuple) else after)
        return [x[0] for x in out]

    def _of_samples(self, samples: Tensor) -> list[Tensor]:
        if self._even:
            apart = samples - samples.mean(1, keepdim=True)
            samples = apart / (apart.square().mean(1, keepdim=True) + 1e-7).sqrt()
        return [x[0] for x in self._model(samples, output_hidden_states=True).hidden_states]


class _Lower(nn.Module):
    """Samples -> frames of a layer, and their mean and standard deviation."""

    def __init__(self, encoder: SpeechEncoder, layers: int) -> None:
        super().__init__()
        # One layer more is kept: what follows the last one (a normalisation in some) is no part of a lower layer.
        encoder._model.encoder.layers = encoder._blocks[: layers + 1]
        self.model = encoder._model
        self.encoder, self.layers = encoder, layers

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.encoder._of_samples(samples)[self.layers]
        mean = frames.mean(0)
        return torch.cat([mean, (frames - mean).square().mean(0).sqrt()]), frames


def exported(folder: Path, *, layers: int) -> Any:
    """The lower layers of an encoder that reads samples, in float.

    Args:
        folder: The folder of an encoder of one of `FAMILIES` but Whisper, whose graph `trunk` writes.
        layers: How many of its layers.

    Returns:
        The model: input `samples` float32 (1, length) at 16 kHz; outputs `vector` float32 (2 * width,), the mean and
        the standard deviation of the layer over time, and `frames` (frames, width).

    Raises:
        CatalogError: It cannot be read, or has fewer layers.
    """
    encoder = SpeechEncoder(folder)
    if not 1 <= layers <= encoder.layers:
        raise CatalogError(f"It has {encoder.layers} layers, not {layers}", where=str(folder))
    content = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer names each shape that it takes for fixed
        torch.onnx.export(
            _Lower(encoder, layers).eval(),
            (torch.zeros(1, RATE),),
            content,
            input_names=["samples"],
            output_names=["vector", "frames"],
            dynamic_axes={"samples": {1: "length"}, "frames": {0: "time"}},
            opset_version=17,
            dynamo=False,  # the newer way needs packages that the train extra does not have
        )
    return need("onnx", extra="train").load_from_string(content.getvalue())
