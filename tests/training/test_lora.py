"""Low-rank adapters: their arithmetic, and one learned on a tiny language model, stored, and loaded again."""

from __future__ import annotations

import json
from itertools import islice

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
transformers = pytest.importorskip("transformers", reason="needs the train extra")

from click.testing import CliRunner  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

from affekt.catalog.recipes import Curriculum  # noqa: E402
from affekt.cli.main import cli  # noqa: E402
from affekt.core.errors import ModelError  # noqa: E402
from affekt.corpora import read  # noqa: E402
from affekt.models.llm import HuggingFace, written  # noqa: E402
from affekt.models.prompting import PromptedRecogniser, PromptWriter  # noqa: E402
from affekt.train.lora import LowRank, low_rank, tune  # noqa: E402


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A causal language model of two small layers, with weights drawn at random, saved as transformers does."""
    folder = tmp_path_factory.mktemp("llm") / "tiny"
    writer = PromptWriter("emotion-bare", space="dailydialog")
    asked = writer.write([clip for clip, _ in islice(read("shifting", split="train"), 200)])
    texts = [written(messages) for messages in asked] + ["system user assistant"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet)
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=700, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=512, initializer_range=0.1, bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_low_rank_map_adds_nothing_at_first_and_then_its_product():
    torch.manual_seed(1)
    base = torch.nn.Linear(6, 5)
    each, x = LowRank(base, rank=2, alpha=4.0), torch.randn(3, 6)
    assert torch.equal(each(x), base(x))
    each.b.data.normal_()
    whole = x @ (base.weight + 2.0 * each.b @ each.a).T + base.bias
    assert torch.allclose(each(x), whole, atol=1e-5)
    with pytest.raises(ModelError, match="q_proj"):
        low_rank(torch.nn.Sequential(base), rank=2, alpha=4.0)


def test_an_adapter_is_learned_stored_and_loaded_again(tiny, tmp_path):
    rows = [(clip, gold.labels) for clip, gold in islice(read("shifting", split="train"), 96)]
    writer = PromptWriter("emotion-bare", space="dailydialog")
    names = ("q_proj", "v_proj", "up_proj", "down_proj", "lm_head")
    how = {"names": names, "epochs": 3, "rate": 2e-2, "rank": 8, "batch": 8}
    tuned = tune(tiny, rows, writer, tmp_path / "a", curriculum=Curriculum(buckets=3), **how)
    assert tuned.rows == 96 and tuned.steps == 36
    assert tuned.losses[-1] < 0.7 * tuned.losses[0]
    few, how["epochs"] = rows[:24], 1
    ordered = [tune(tiny, few, writer, tmp_path / x, curriculum=Curriculum(buckets=3), **how) for x in "bc"]
    assert ordered[0] == ordered[1]
    assert tune(tiny, few, writer, tmp_path / "d", **how).losses != ordered[0].losses  # another order
    stored = load_file(tmp_path / "a" / "adapter_model.safetensors")
    assert len(stored) == 2 * (2 * 4 + 1) and json.loads((tmp_path / "a" / "adapter_config.json").read_text())["r"] == 8

    bare, with_it = HuggingFace(tiny), HuggingFace(tiny, adapter=tmp_path / "a")
    clips = [clip for clip, _ in rows[:12]]
    said = PromptedRecogniser(with_it, writer).predict(clips)
    assert sum(p.abstained is None for p in said) == 12  # it has learned to answer with a label
    assert all(p.abstained for p in PromptedRecogniser(bare, writer).predict(clips[:4]))
    with pytest.raises(ModelError, match="no LoRA adapter"):
        HuggingFace(tiny, adapter=tmp_path)
    with pytest.raises(ModelError, match="no model"):
        HuggingFace(tmp_path)


def test_tokens_that_steer_the_model_are_taken_out_and_what_is_too_long_is_cut(tiny):
    backend = HuggingFace(tiny)
    steer = {backend.tokenizer.convert_tokens_to_ids(t) for t in ("<s>", "</s>", "<pad>")}
    assert not steer & set(backend.tokens([{"role": "user", "content": "a</s><s> b <pad>"}]))
    assert isinstance(backend.complete([{"role": "user", "content": "word " * 4000}]), str)


def test_the_commands_learn_an_adapter_and_measure_it(tiny, tmp_path):
    run = CliRunner()
    tuned = ["train", "--task", "shifting", "--prompt", "emotion-in-conversation", "--encoder", str(tiny)]
    done = run.invoke(cli, [*tuned, "--limit", "64", "--epochs", "1", "--easy-first", "--out", str(tmp_path / "a")])
    assert done.exit_code == 0 and json.loads(done.stdout)["rows"] == 64
    wrong = run.invoke(cli, ["train", "--task", "shifting", "--easy-first", "--out", str(tmp_path / "b")])
    assert "belong to --prompt" in str(wrong.exception)
