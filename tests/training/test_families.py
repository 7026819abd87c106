"""Encoders of other families say what `transformers` says. Needs the `train` extra."""

from __future__ import annotations

import json

import numpy as np
import pytest
from train_data import make_corpora

torch = pytest.importorskip("torch", reason="needs the train extra")
transformers = pytest.importorskip("transformers", reason="needs the train extra")

from safetensors import numpy as safetensors  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers  # noqa: E402

from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import CatalogError  # noqa: E402
from affekt.models.text import TextRecogniser  # noqa: E402
from affekt.train.families import as_bert, as_mpnet  # noqa: E402
from affekt.train.make import make_model  # noqa: E402
from affekt.train.plain import plain_recipe  # noqa: E402
from affekt.train.start import Start  # noqa: E402

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SIGNS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def saved(folder, kind):
    """A tiny encoder of a family with random weights, as transformers saves it, with a tokenizer of its kind."""
    bert = kind in ("bert", "distilbert")
    signs = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if bert else SIGNS
    tokenizer = Tokenizer(models.BPE(unk_token=signs[1] if bert else signs[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    words = ["the rain made me laugh", "that film scared me", "nobody came again", "dinner was fine"]
    tokenizer.train_from_iterator(words, trainers.BpeTrainer(vocab_size=120, special_tokens=signs))
    if bert:
        frame = [("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))]
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    else:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    if kind == "distilbert":
        config = transformers.DistilBertConfig(vocab_size=size, dim=32, n_layers=2, n_heads=4, hidden_dim=48)
    else:
        made = {"bert": "BertConfig", "roberta": "RobertaConfig", "xlm-roberta": "XLMRobertaConfig"}
        made |= {"camembert": "CamembertConfig", "mpnet": "MPNetConfig"}
        extra = {} if bert else {"max_position_embeddings": 130, "type_vocab_size": 1, "pad_token_id": 1}
        config = getattr(transformers, made[kind])(vocab_size=size, layer_norm_eps=1e-5, **SMALL, **extra)
    model = transformers.AutoModel.from_config(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return model, tokenizer


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet"])
def test_token_vectors_are_those_of_transformers(tmp_path, kind):
    theirs, tokenizer = saved(tmp_path, kind)
    folder = as_bert(tmp_path, tmp_path / "start")
    assert (folder == tmp_path) == (kind == "bert")
    ours = Start(folder, folder / "tokenizer.json", {}).model({}, seed=1).eval()
    renamed = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = ("that film scared me", "the rain", "nobody laugh dinner was fine again", "dinner " * 40)
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert renamed.encode(text).ids == ids and renamed.encode(text).tokens[0] == "[CLS]"
        with torch.no_grad():
            wanted = theirs(torch.tensor([ids])).last_hidden_state[0]
            found, _ = ours.enc(torch.tensor(ids), torch.tensor([len(ids)]))
        assert torch.allclose(found, wanted, atol=2e-5)


def test_signs_that_a_vocabulary_has_twice_are_those_it_learned_with(tmp_path):
    saved(tmp_path, "mpnet")
    # MPNet's own vocabulary: BERT's words, among them its signs, between those of RoBERTa.
    words = [*SIGNS[:4], "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "the", "rain", "film", SIGNS[4]]
    theirs = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()
    theirs.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    theirs.add_special_tokens([*SIGNS, "[UNK]"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.from_file(str(as_bert(tmp_path, tmp_path / "start") / "tokenizer.json"))
    assert [ours.token_to_id(sign) for sign in ("[CLS]", "[PAD]", "[SEP]", "[MASK]")] == [0, 1, 2, 12]
    assert ours.get_vocab_size() == theirs.get_vocab_size()
    assert ours.encode("the rain [SEP] film zebra").ids == [0, 9, 10, 2, 11, 4, 2]
    assert theirs.encode("the rain zebra").ids == ours.encode("the rain zebra").ids


def test_mpnet_keeps_its_own_names_where_it_is_saved(tmp_path):
    theirs, _ = saved(tmp_path / "theirs", "mpnet")
    folder = as_bert(tmp_path / "theirs", tmp_path / "start")
    load, save = safetensors.load_file, safetensors.save_file
    state, config = as_mpnet(load(folder / "model.safetensors"), json.loads((folder / "config.json").read_text()))
    (tmp_path / "again").mkdir()
    save(state, tmp_path / "again" / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "again" / "config.json").write_text(json.dumps(config))
    again = transformers.AutoModel.from_pretrained(tmp_path / "again").eval()
    ids = torch.tensor([[0, *range(5, 60), 2]])
    with torch.no_grad():
        assert torch.allclose(again(ids).last_hidden_state, theirs(ids).last_hidden_state, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["roberta", "mpnet"])
def test_one_of_another_family_is_trained_and_used(tmp_path, kind):
    data = make_corpora(tmp_path / "data")
    saved(tmp_path, kind)
    chosen = plain_recipe("goemotions", encoder=str(tmp_path), epochs=1, precision="float32")
    make_model(chosen, "tiny", tmp_path / "model", data=data, limit=60)
    (read,) = TextRecogniser(tmp_path / "model").predict([Clip("1", "that film scared me")])
    assert len(read.scores) == 28
    # What is written beside the graph is again an encoder that transformers reads.
    again = transformers.AutoModel.from_pretrained(tmp_path / "model").eval()
    with torch.no_grad():
        assert np.isfinite(again(torch.tensor([[0, 5, 6, 2]])).last_hidden_state.numpy()).all()


def test_what_computes_otherwise_is_refused(tmp_path):
    saved(tmp_path, "bert")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "deberta-v2"}))
    with pytest.raises(CatalogError, match=r"type deberta-v2.*xlm-roberta"):
        as_bert(tmp_path, tmp_path / "start")
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    with pytest.raises(CatalogError, match="activation relu"):
        as_bert(tmp_path, tmp_path / "start")
