"""Encoders of other families, written as the BERT that computes the same.

RoBERTa, XLM-RoBERTa and CamemBERT are BERT with positions counted from 2; DistilBERT is BERT without types, under
other names; MPNet (Song et al. 2020) is RoBERTa without types whose attention also knows how far apart two tokens
are. What differs is renamed once, so that all that follows knows one encoder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.core.errors import CatalogError
from affekt.extras import need
from affekt.train.relative import BUCKETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAMILIES", "RELATIVE", "as_bert", "as_mpnet"]

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet")

RELATIVE = "encoder.relative_attention_bias.weight"
"""What each attention head adds to its scores by how far apart two tokens are, shape (buckets, heads)."""

_SIGNS = {"<s>": "[CLS]", "</s>": "[SEP]", "<mask>": "[MASK]", "<pad>": "[PAD]", "<unk>": "[UNK]"}

_DISTIL = (
    ("transformer.layer.", "encoder.layer."),
    (".attention.q_lin.", ".attention.self.query."),
    (".attention.k_lin.", ".attention.self.key."),
    (".attention.v_lin.", ".attention.self.value."),
    (".attention.out_lin.", ".attention.output.dense."),
    (".sa_layer_norm.", ".attention.output.LayerNorm."),
    (".ffn.lin1.", ".intermediate.dense."),
    (".ffn.lin2.", ".output.dense."),
    (".output_layer_norm.", ".output.LayerNorm."),
)

_MPNET = tuple(
    (f".attention.{theirs}.", f".attention.{ours}.")
    for theirs, ours in (
        ("attn.q", "self.query"),
        ("attn.k", "self.key"),
        ("attn.v", "self.value"),
        ("attn.o", "output.dense"),
        ("LayerNorm", "output.LayerNorm"),
    )
)

_NAMES = {"distilbert": _DISTIL, "mpnet": _MPNET}

_WANTED = re.compile(
    r"encoder\.relative_attention_bias\."
    r"|embeddings\.(word_embeddings|position_embeddings|token_type_embeddings|LayerNorm)\."
    r"|encoder\.layer\.\d+\."
    r"(attention\.(self\.(query|key|value)|output\.(dense|LayerNorm))|(intermediate|output)\.dense|output\.LayerNorm)\."
)


def as_bert(folder: Path, out: Path) -> Path:
    """Write an encoder of another family as a BERT.

    Args:
        folder: Encoder in the layout of Hugging Face: `config.json`, `model.safetensors`, `tokenizer.json`.
        out: Folder to write; one that is whole is not made again.

    Returns:
        `folder` itself where it is a BERT, or else `out`.

    Raises:
        CatalogError: The family is not known, or the encoder differs from BERT in how it computes.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise CatalogError(
            f"The encoder is of type {kind}", where=str(folder), hint=f"These can be read: {', '.join(FAMILIES)}."
        )
    act, places = config.get("hidden_act", config.get("activation", "gelu")), config.get("position_embedding_type")
    if act != "gelu" or places not in (None, "absolute"):
        raise CatalogError(
            "The encoder computes in another way than BERT",
            where=str(folder),
            hint=f"It has activation {act} and positions {places or 'absolute'}; gelu and absolute can be read.",
        )
    if kind == "bert":
        return folder
    if (out / "config.json").is_file():
        return out
    out.mkdir(parents=True, exist_ok=True)
    load, save = (getattr(need("safetensors.numpy", extra="train"), f) for f in ("load_file", "save_file"))
    state = _renamed(load(folder / "model.safetensors"), kind)
    width = state["embeddings.word_embeddings.weight"].shape[1]
    if kind != "distilbert":
        # The first two places are for padding, and are never read.
        state["embeddings.position_embeddings.weight"] = state["embeddings.position_embeddings.weight"][2:].copy()
    types = state.get("embeddings.token_type_embeddings.weight", np.zeros((1, width), np.float32))
    state["embeddings.token_type_embeddings.weight"] = np.concatenate([types[:1]] * 2)
    save(state, out / "model.safetensors", metadata={"format": "pt"})
    tokenizer = _with_berts_signs(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")))
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    distil = kind == "distilbert"
    made = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": state["embeddings.word_embeddings.weight"].shape[0],
        "hidden_size": width,
        "num_hidden_layers": config["n_layers" if distil else "num_hidden_layers"],
        "num_attention_heads": config["n_heads" if distil else "num_attention_heads"],
        "intermediate_size": config["hidden_dim" if distil else "intermediate_size"],
        "max_position_embeddings": state["embeddings.position_embeddings.weight"].shape[0],
        "hidden_act": "gelu",
        "layer_norm_eps": config.get("layer_norm_eps", 1e-12),
        "type_vocab_size": 2,
        "pad_token_id": config.get("pad_token_id", 0),
    }
    if RELATIVE in state:
        if state[RELATIVE].shape[0] != BUCKETS:
            raise CatalogError(
                f"The encoder tells {state[RELATIVE].shape[0]} distances apart",
                where=str(folder),
                hint=f"{BUCKETS} can be read.",
            )
        made["relative_attention_num_buckets"] = BUCKETS
    # Last, since it says that the folder is whole.
    (out / "config.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return out


def _renamed(state: Mapping[str, NDArray[Any]], kind: str) -> dict[str, NDArray[Any]]:
    out = {}
    prefix = f"{kind}." if kind in ("bert", *_NAMES) else "roberta."
    for name, value in state.items():
        theirs = name.removeprefix(prefix)
        for a, b in _NAMES.get(kind, ()):
            theirs = theirs.replace(a, b)
        if _WANTED.match(theirs):
            out[theirs] = np.asarray(value, np.float32)
    return out


def _with_berts_signs(tokenizer: Any) -> Any:
    """The same tokenizer with the names that BERT has for the opening, the end, and the rest.

    MPNet's vocabulary has BERT's signs too, as words that were never learned, beside those it learned with; the former
    give way. Only the sign for what is unknown is BERT's own there, and stays.
    """
    vocabulary = tokenizer["model"].get("vocab")
    names = dict(_SIGNS)
    if isinstance(vocabulary, dict):
        for theirs, name in _SIGNS.items():
            if theirs not in vocabulary or name not in vocabulary:
                continue
            if tokenizer["model"].get("unk_token") == name:
                del names[theirs]
            else:
                vocabulary[f"{name} unused"] = vocabulary.pop(name)
    return _renamed_in(tokenizer, names)


def _renamed_in(content: Any, names: Mapping[str, str]) -> Any:
    if isinstance(content, dict):
        return {names.get(k, k): _renamed_in(v, names) for k, v in content.items()}
    if isinstance(content, list):
        return [_renamed_in(v, names) for v in content]
    return names.get(content, content) if isinstance(content, str) else content


def as_mpnet(
    state: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Write what `as_bert` made of an MPNet back under its own names.

    Args:
        state: Weights in BERT's naming, with `RELATIVE`; what is no part of the encoder keeps its name.
        config: Their `config.json`.

    Returns:
        Weights and `config.json` as transformers' MPNetModel reads them.
    """
    out = {}
    for name, value in state.items():
        theirs = name
        if name.startswith("encoder.layer."):
            for a, b in _MPNET:
                theirs = theirs.replace(b, a)
        out[theirs] = value
    # MPNet has no types, and its first two places are for padding.
    places = out["embeddings.position_embeddings.weight"] + out.pop("embeddings.token_type_embeddings.weight")[0]
    out["embeddings.position_embeddings.weight"] = np.concatenate([np.zeros_like(places[:2]), places])
    made = {k: v for k, v in config.items() if k != "type_vocab_size"}
    return out, made | {
        "architectures": ["MPNetModel"],
        "model_type": "mpnet",
        "max_position_embeddings": len(places) + 2,
        "relative_attention_num_buckets": len(out[RELATIVE]),
    }
