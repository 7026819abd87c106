"""Where training starts: the folder of an encoder, or one made from texts with nothing learned yet."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.catalog.recipes import Fresh, Recipe
from affekt.core.errors import CatalogError
from affekt.corpora import read
from affekt.extras import need
from affekt.train.encoder import TextModel, bert_names, load_bert
from affekt.train.families import as_bert
from affekt.train.mechanisms import Mechanisms
from affekt.train.vocabulary import SPECIAL

if TYPE_CHECKING:
    import torch
else:
    torch = need("torch", extra="train")

__all__ = ["Start", "fresh_folder", "start_folder", "start_of", "texts_of"]


def start_folder(encoder: str) -> Path:
    """Folder of the starting weights that a recipe names.

    Raises:
        MissingExtraError: It is a package that is not installed.
        CatalogError: There is no such folder, or it is not an encoder in the layout of Hugging Face.
    """
    if Path(encoder).is_dir():
        folder = Path(encoder)
    elif encoder.isidentifier():
        need(encoder, extra="train")
        folder = Path(str(resources.files(encoder))) / "model"
    else:
        raise CatalogError(
            "There is no such encoder",
            where=encoder,
            hint="Name a package that carries one, or a folder as transformers saves it; all-mpnet-base-v2 is laid "
            "out by `python scripts/lay_out_mpnet.py DIR`.",
        )
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (folder / name).is_file():
            raise CatalogError(
                f"The encoder has no {name}",
                where=str(folder),
                hint="It must be a folder as transformers saves it, with safe tensors and a fast tokenizer.",
            )
    return folder


def texts_of(
    corpora: Iterable[str], *, data: Path | None = None, limit: int | None = None
) -> Iterable[tuple[str, str]]:
    """The texts of the train splits of corpora, each with the corpus it is from; rows without text are left out.

    Args:
        corpora: Ids.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most texts of each.
    """
    for name in corpora:
        there = (clip.text for clip, _ in read(name, split="train", data=data))
        for text in islice((t for t in there if t and t.strip()), limit):
            yield name, text


def fresh_folder(plan: Fresh, out: Path, *, data: Path | None = None, limit: int | None = None) -> Path:
    """Make an encoder that has learned nothing: a vocabulary from texts, and weights drawn at random.

    The vocabulary is byte pairs (Sennrich et al. 2016) over UTF-8 bytes (Radford et al. 2019), so that no text in
    any script holds a token that it does not know. Weights are drawn as in BERT (Devlin et al. 2019).

    Args:
        plan: Its size, and the corpora that the vocabulary is learned on.
        out: Folder to write, in the layout of Hugging Face; one that is whole is not made again.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most texts of each corpus; for a trial.
    """
    if (out / "config.json").is_file():
        return out
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    out.mkdir(parents=True, exist_ok=True)
    most = min(n for n in (plan.rows, limit, 10**9) if n is not None)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), *([normalizers.Lowercase()] * plan.lower)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=plan.vocabulary,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for _, text in texts_of(plan.corpora, data=data, limit=most)), trainer)
    ids = {name: tokenizer.token_to_id(name) for name in SPECIAL}
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
            ),
        ]
    )
    tokenizer.save(str(out / "tokenizer.json"))
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": plan.width,
        "num_hidden_layers": plan.layers,
        "num_attention_heads": plan.attention_heads,
        "intermediate_size": plan.inner,
        "max_position_embeddings": plan.positions,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "type_vocab_size": 2,
        "pad_token_id": ids["[PAD]"],
    }
    torch.manual_seed(plan.seed)
    model = _model(config, {})
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.02)
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.bias.zero_()
    arrays = bert_names({k: v.detach().numpy() for k, v in model.state_dict().items()})
    need("safetensors.numpy", extra="train").save_file(arrays, out / "model.safetensors", metadata={"format": "pt"})
    # Last, since it says that the folder is whole.
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return out


def _model(config: Mapping[str, Any], heads: Mapping[str, int], **shape: Any) -> TextModel:
    return TextModel(
        heads,
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        attention_heads=config["num_attention_heads"],
        inner=config["intermediate_size"],
        positions=config["max_position_embeddings"],
        eps=config.get("layer_norm_eps", 1e-12),
        relative="relative_attention_num_buckets" in config,
        **shape,
    )


@dataclass(frozen=True)
class Start:
    """What every model of a recipe starts from.

    Attributes:
        folder: The encoder's folder.
        tokenizer: Its tokenizer, which may have got emoji.
        emoji: Emoji -> the place that each got.
        separator: As for `TextModel`.
        onwards: As for `TextModel`.
        whole: As for `TextModel`.
    """

    folder: Path
    tokenizer: Path
    emoji: Mapping[str, int]
    separator: int | None = None
    onwards: bool = False
    whole: bool = False

    @property
    def config(self) -> dict[str, Any]:
        """The encoder's `config.json`."""
        found: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        return found

    def trained(self, weights: Mapping[str, Any]) -> TextModel:
        """The module of weights that were trained from here, ready to read.

        Args:
            weights: State of the module, as arrays.
        """
        # Heads stand at the top of the module: `NAME.bias`, where all else has longer names.
        heads = [name.removesuffix(".bias") for name in weights if name.endswith(".bias") and name.count(".") == 1]
        polarity, vectors = weights.get("enc.polarity"), weights.get("tandem.vectors")
        model = _model(
            self.config,
            {name: len(weights[f"{name}.bias"]) for name in heads},
            separator=self.separator,
            onwards=self.onwards,
            whole=self.whole,
            marks=0 if polarity is None else polarity.shape[1],
            tandem=None if vectors is None else (vectors.shape[1], weights["tandem.lstm.weight_hh_l0"].shape[1]),
        )
        model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        model.eval()
        return model

    @property
    def vocabulary(self) -> int:
        """Number of word pieces."""
        return int(self.config["vocab_size"])

    def model(
        self,
        heads: Mapping[str, int],
        *,
        seed: int,
        encoder: Mapping[str, Any] | None = None,
        mechanisms: Mechanisms | None = None,
    ) -> TextModel:
        """A model with new heads.

        Args:
            heads: Name -> number of outputs.
            seed: Seed of the heads' weights.
            encoder: Weights to start from in place of the folder's.
            mechanisms: What stands beside the encoder.
        """
        torch.manual_seed(seed)
        shape = mechanisms.shape if mechanisms else {}
        model = _model(self.config, heads, separator=self.separator, onwards=self.onwards, whole=self.whole, **shape)
        if encoder is None:
            load_bert(model.enc, self.folder / "model.safetensors")
            self._place_emoji(model)
        else:
            model.enc.load_state_dict({**model.enc.state_dict(), **encoder})
        if mechanisms:
            mechanisms.fill(model)
        return model

    def _place_emoji(self, model: TextModel) -> None:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        table = model.enc.word.weight
        with torch.no_grad():
            for character, i in self.emoji.items():
                pieces = tokenizer.encode(unicodedata.name(character).lower(), add_special_tokens=False).ids
                table[i] = table[pieces].mean(0)


def start_of(recipe: Recipe, out: Path, *, data: Path | None, limit: int | None) -> Path:
    """The folder that a recipe starts from; a fresh encoder, or one of another family, is made in `out`.

    Raises:
        CatalogError: The recipe names no encoder, or two.
    """
    if bool(recipe.encoder) == bool(recipe.fresh):
        raise CatalogError("A recipe has either an `encoder` or a [fresh] one")
    if recipe.fresh:
        return fresh_folder(recipe.fresh, out / "start", data=data, limit=limit)
    return as_bert(start_folder(recipe.encoder), out / "start")
