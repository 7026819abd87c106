"""The trunk and the heads of a voice model say what transformers and scikit-learn say. Needs the `train` extra."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from acted import small_catalog, write_emodb, write_ravdess
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs the train extra")
transformers = pytest.importorskip("transformers", reason="needs the train extra")
ort = pytest.importorskip("onnxruntime")

from affekt.bench import run_task  # noqa: E402
from affekt.catalog.recipes import voice_recipe  # noqa: E402
from affekt.cli.train import command as train  # noqa: E402
from affekt.core.errors import CatalogError, InputError  # noqa: E402
from affekt.features.logmel import log_mel  # noqa: E402
from affekt.media.sound import sound_of  # noqa: E402
from affekt.models.registry import load_voice  # noqa: E402
from affekt.train.voice.fit import Heard, fit_head, folds_of, held_out  # noqa: E402
from affekt.train.voice.heads import heads_graph  # noqa: E402
from affekt.train.voice.make import open_ear  # noqa: E402
from affekt.train.voice.trunk import trunk  # noqa: E402

ORDER = ["calm", "loud", "thin"]


def session(model):
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 0.1, int(16_000 * seconds)) * np.sin(np.arange(int(16_000 * seconds)) / 900)).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """A tiny Whisper with random weights, and its folder."""
    folder = tmp_path_factory.mktemp("whisper")
    config = transformers.WhisperConfig(
        vocab_size=60, d_model=32, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=48,
        decoder_layers=1, decoder_attention_heads=4, decoder_ffn_dim=48, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.2)
    model.save_pretrained(folder)
    return model.model.encoder, folder


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.02])
def test_the_spectrogram_is_that_of_whisper(seconds):
    samples = noise(seconds)[: int(seconds * 50) * 320]
    theirs = transformers.WhisperFeatureExtractor()(
        samples, sampling_rate=16_000, padding="do_not_pad", return_tensors="np"
    ).input_features[0]
    ours = log_mel(samples)
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("layers", [1, 2])
def test_the_trunk_says_what_transformers_says(whisper, layers):
    encoder, folder = whisper
    mel = log_mel(noise(1.2))
    with torch.no_grad():
        x = torch.nn.functional.gelu(encoder.conv1(torch.from_numpy(mel)[None]))
        x = torch.nn.functional.gelu(encoder.conv2(x)).permute(0, 2, 1)
        x = x + encoder.embed_positions.weight[: x.shape[1]]
        for layer in encoder.layers[:layers]:
            x = layer(x, None)
            x = x[0] if isinstance(x, tuple) else x
    wanted = np.concatenate([x[0].mean(0).numpy(), x[0].std(0, unbiased=False).numpy()])
    (found,) = session(trunk(folder, layers=layers, bits=32)).run(["vector"], {"mel": mel[None]})
    assert np.allclose(found, wanted, atol=1e-4)
    (small,) = session(trunk(folder, layers=layers)).run(["vector"], {"mel": mel[None]})
    assert np.corrcoef(small, wanted)[0, 1] > 0.99


def test_what_is_no_whisper_is_refused(whisper, tmp_path):
    _, folder = whisper
    with pytest.raises(CatalogError, match="has 3 layers, not 4"):
        trunk(folder, layers=4)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CatalogError, match="type bert"):
        trunk(tmp_path, layers=1)


def made(speakers=8, each=24, width=6, seed=0):
    """Vectors of speakers who lie far apart, each with three manners that lie alike around the speaker's middle."""
    rng = np.random.default_rng(seed)
    ways = np.eye(3, width) * 2
    rows = [(s, k) for s in range(speakers) for k in range(each)]
    middles = rng.normal(0, 12, (speakers, width))
    vectors = np.stack([middles[s] + ways[k % 3] + rng.normal(0, 0.5, width) for s, k in rows]).astype(np.float32)
    labels, names = [ORDER[k % 3] for _, k in rows], [f"s{s}" for s, _ in rows]
    return Heard(np.array([f"{s}-{k}" for s, k in rows]), vectors, np.array(labels), np.array(names))


def test_a_speakers_own_manner_helps_where_speakers_differ():
    heard = made()
    folds = folds_of(heard.speakers, count=4)
    assert (np.sum(folds, 0) == 1).all()
    truth = np.array([ORDER.index(label) for label in heard.labels])
    alone, _ = held_out(heard, folds, ORDER)
    beside, heads = held_out(heard.beside_speakers(), folds, ORDER)
    assert len(heads) == 4 and all(0.125 <= head.temperature <= 8 for head in heads)
    assert (beside.argmax(1) == truth).mean() > 0.95 > (alone.argmax(1) == truth).mean() + 0.1


def test_no_speaker_of_a_fold_is_learned_from():
    heard = made(speakers=4, each=6)
    # Labels of one speaker turned around: heads that had heard that speaker would follow them.
    turned = np.where(heard.speakers == "s0", np.roll(heard.labels, 1), heard.labels)
    other = Heard(heard.ids, heard.vectors, turned, heard.speakers)
    rows = [heard.speakers == s for s in np.unique(heard.speakers)]
    first, second = (held_out(h.beside_speakers(), rows, ORDER)[0] for h in (heard, other))
    assert np.allclose(first[rows[0]], second[rows[0]]) and not np.allclose(first[rows[1]], second[rows[1]])


def test_the_graph_of_heads_says_what_they_say():
    heard = made(speakers=4, each=9)
    heads = {"alone": fit_head(heard, ORDER), "beside": fit_head(heard.beside_speakers(), ORDER)}
    graph = session(heads_graph(heads))
    for name, head in heads.items():
        (found,) = graph.run([name], {"vector": heard.vectors})
        assert np.allclose(found, head.logits(heard.vectors), atol=1e-3)


def test_a_label_without_rows_is_never_given():
    heard = made(speakers=4, each=9)
    head = fit_head(heard, [*ORDER, "never"])
    assert (head.logits(heard.vectors)[:, 3] == -20).all()


def test_a_recipe_becomes_a_model_that_is_run_on_another_corpus(tmp_path, monkeypatch):
    root = write_emodb(write_ravdess(tmp_path / "data", (1, 4, 8)), (3, 8))
    monkeypatch.setenv("AFFEKT_CATALOG", str(small_catalog(root)))
    args = ["functionals", "--corpus", "ravdess:six", "--data", str(root), "--out", str(tmp_path / "model")]
    done = CliRunner().invoke(train, args)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert set(figures) == {"alone", "beside"} and set(figures["alone"]) == {
        "ravdess:six, 3 folds of speakers, 6 labels"
    }
    ear = load_voice(tmp_path / "model")
    assert ear.voice.functionals == "egemaps" and ear.voice.learned == ("ravdess:six",)
    assert not (tmp_path / "model" / "model.onnx").exists() and (tmp_path / "model" / "LICENSE").is_file()
    assert "affekt train functionals" in (tmp_path / "model" / "README.md").read_text("utf-8")
    run = run_task("emodb-six", ear, out=tmp_path / "run", data=root, samples=20)
    assert run.spec["mapped_from"] == "ravdess" and run.spec["manner"] == "beside the speaker's own"
    assert run.scores["uar"].n == 24 and run.notes["clusters"]["number"] == 2
    with pytest.raises(InputError, match=r"learned from 'ravdess:six'"):
        run_task("ravdess-six", ear, out=tmp_path / "seen", data=root)
    again = CliRunner().invoke(train, ["functionals", "--seed", "3", "--out", str(tmp_path / "other")])
    assert isinstance(again.exception, InputError)


def test_the_encoder_of_a_recipe_has_to_be_there(tmp_path):
    other = msgspec.structs.replace(voice_recipe("voice"), layers=4)
    with pytest.raises(InputError, match="The encoder 'whisper-base' is not there"):
        open_ear(other, tmp_path)
    ear = open_ear(voice_recipe("voice"), tmp_path)
    bundled = load_voice()
    assert np.array_equal(ear.hear(sound_of(noise(1.2), rate=16_000)), bundled.hear(sound_of(noise(1.2), rate=16_000)))
