"""Write a bundled text model as a folder for transformers, its int8 weights carried back to float32.

For comparisons, such as `benchmarks/throughput.py --reference DIR`: the model is a `BertModel` and a linear layer
on the mean of the token vectors. Needs the `train` extra.

    python scripts/export_hf.py DIR [--model text-en]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from affekt.models.registry import load
from affekt.models.session import read_graph


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="text-en")
    args = parser.parse_args()
    recogniser = load(args.model)
    graph = onnx.load_from_string(read_graph(recogniser.folder / "model.onnx")).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}

    def matrix(name: str) -> np.ndarray:
        """A weight as transformers stores it: (out, in), float32."""
        scale = constants.get(name + ".weight.scale")
        return np.ascontiguousarray((constants[name + ".weight"] * (1 if scale is None else scale)).T, np.float32)

    state = {
        "bert.embeddings.word_embeddings.weight": (constants["word"] * constants["word.scale"]).astype(np.float32),
        "bert.embeddings.position_embeddings.weight": constants["positions"],
        "bert.embeddings.token_type_embeddings.weight": np.zeros((2, constants["word"].shape[1]), np.float32),
        "bert.embeddings.LayerNorm.weight": constants["e.gamma"],
        "bert.embeddings.LayerNorm.bias": constants["e.beta"],
        "classifier.weight": matrix("goemotions"),
        "classifier.bias": constants["goemotions.bias"],
    }
    names = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attended": "attention.output.dense",
        "up": "intermediate.dense",
        "down": "output.dense",
    }
    layers = sum(name.endswith(".query.bias") for name in constants)
    for i in range(layers):
        to = f"bert.encoder.layer.{i}."
        for ours, theirs in names.items():
            state[f"{to}{theirs}.weight"] = matrix(f"l{i}.{ours}")
            state[f"{to}{theirs}.bias"] = constants[f"l{i}.{ours}.bias"]
        for ours, theirs in (("n1", "attention.output.LayerNorm"), ("n2", "output.LayerNorm")):
            for kind in ("weight", "bias"):
                state[f"{to}{theirs}.{kind}"] = constants[f"l{i}.{ours}.{kind}"]
    labels = recogniser.space().labels
    inner, width = state["bert.encoder.layer.0.intermediate.dense.weight"].shape
    config = {
        "model_type": "bert",
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "vocab_size": constants["word"].shape[0],
        "max_position_embeddings": constants["positions"].shape[0],
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "problem_type": "multi_label_classification",
    }
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in state.items()}, args.out / "model.safetensors", {"format": "pt"})
    (args.out / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (args.out / "tokenizer.json").write_bytes((recogniser.folder / "tokenizer.json").read_bytes())
    tokens = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
    settings = {f"{k}_token": v for k, v in tokens.items()} | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
    }
    (args.out / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    print(f"Written: {args.out}")


if __name__ == "__main__":
    main()
