"""Speech encoders of each family: the same vectors as transformers, as a graph too, and nothing unsafe is opened."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
transformers = pytest.importorskip("transformers", reason="needs the train extra")
ort = pytest.importorskip("onnxruntime")

from affekt.core.errors import CatalogError  # noqa: E402
from affekt.media.sound import Sound  # noqa: E402
from affekt.train.voice.encoder import FRAME, SpeechEncoder  # noqa: E402
from affekt.train.voice.trunk import trunk  # noqa: E402

RATE = 16_000
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
    "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
MADE = {
    "wav2vec2": lambda: transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**SMALL)),
    "wav2vec2-large": lambda: transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config(**SMALL, do_stable_layer_norm=True, feat_extract_norm="layer")
    ),
    "hubert": lambda: transformers.HubertModel(transformers.HubertConfig(**SMALL)),
    "wavlm": lambda: transformers.WavLMModel(transformers.WavLMConfig(**SMALL)),
    "data2vec-audio": lambda: transformers.Data2VecAudioModel(transformers.Data2VecAudioConfig(**SMALL)),
    "whisper": lambda: transformers.WhisperModel(
        transformers.WhisperConfig(
            vocab_size=60, d_model=32, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=48,
            decoder_layers=1, decoder_attention_heads=4, decoder_ffn_dim=48, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1,
        )
    ),
}  # fmt: skip


def noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    n = int(RATE * seconds)
    return Sound((0.1 * rng.normal(0, 1, n) * np.sin(np.arange(n) / 900)).astype(np.float32), RATE)


@pytest.fixture(scope="module", params=MADE)
def saved(request, tmp_path_factory):
    """A tiny encoder with random weights, and its folder."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    model = MADE[request.param]().eval()
    model.save_pretrained(folder)
    return model, folder


def test_every_layer_says_what_transformers_says(saved):
    model, folder = saved
    encoder = SpeechEncoder(folder)
    sound = noise(0.8 if encoder.family != "whisper" else 30.0)
    found = encoder.frames(sound)
    with torch.no_grad():
        if encoder.family == "whisper":
            mel = transformers.WhisperFeatureExtractor()(sound.samples, sampling_rate=RATE, return_tensors="pt")
            wanted = model.encoder(mel.input_features, output_hidden_states=True).hidden_states
        else:
            x = torch.from_numpy(sound.samples)[None]
            # As the feature extractors of such models do.
            if getattr(model.config, "feat_extract_norm", "layer") == "layer":
                x = (x - x.mean()) / (x.var(unbiased=False) + 1e-7).sqrt()
            wanted = model(x, output_hidden_states=True).hidden_states
    wanted = torch.stack([h[0] for h in wanted]).numpy()
    assert encoder.layers == 3 and encoder.width == 32 and found.shape == wanted.shape
    # Whisper's last layer is normalised by transformers and not here, as it is in the graph.
    last = 3 if encoder.family == "whisper" else 4
    assert np.allclose(found[:last], wanted[:last], atol=2e-4)
    assert abs(found.shape[1] * FRAME - sound.duration) < 0.03


@pytest.mark.parametrize("layers", [1, 3])
def test_the_graph_of_the_lower_layers_says_the_same(saved, layers):
    _, folder = saved
    model = trunk(folder, layers=layers, bits=32)
    graph = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (asked,) = graph.get_inputs()
    for seconds in (0.5, 1.7):
        sound = noise(seconds, seed=1)
        frames = SpeechEncoder(folder).frames(sound)[layers]
        given = sound.samples
        if asked.name == "mel":
            from affekt.features.logmel import log_mel

            given = log_mel(given)
        vector, found = graph.run(["vector", "frames"], {asked.name: given[None]})
        assert np.allclose(found, frames, atol=5e-4)
        assert np.allclose(vector, np.concatenate([frames.mean(0), frames.std(0)]), atol=5e-4)
    with pytest.raises(CatalogError, match="has 3 layers, not 4"):
        trunk(folder, layers=4)


def test_samples_are_evened_where_the_encoder_was_trained_so(saved):
    _, folder = saved
    config = folder / "preprocessor_config.json"
    quiet, loud = noise(0.6), Sound(noise(0.6).samples * 5 + 0.1, RATE)
    config.write_text(json.dumps({"do_normalize": True}))
    try:
        encoder = SpeechEncoder(folder)
        if encoder.family == "whisper":
            pytest.skip("Whisper reads a spectrogram")
        assert np.allclose(encoder.frames(quiet), encoder.frames(loud), atol=1e-2)
    finally:
        config.unlink()


def test_a_checksum_tells_encoders_apart(tmp_path):
    found = set()
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        MADE["hubert"]().save_pretrained(tmp_path / str(len(found)))
        found.add(SpeechEncoder(tmp_path / str(len(found) if seed else 0)).checksum)
    assert len(found) == 2


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(CatalogError, match=r"config\.json cannot be read"):
        SpeechEncoder(tmp_path)
    MADE["hubert"]().save_pretrained(tmp_path)
    sound = noise(0.5)
    encoder = SpeechEncoder(tmp_path)
    with pytest.raises(ValueError, match="16000 samples a second, not 8000"):
        encoder.frames(Sound(sound.samples, 8000))
    with pytest.raises(ValueError, match="at least 400 samples"):
        encoder.frames(Sound(sound.samples[:300], RATE))
    config = json.loads((tmp_path / "config.json").read_text())
    weights = tmp_path / "model.safetensors"
    held = weights.read_bytes()
    weights.write_bytes(held[:500])
    with pytest.raises(CatalogError, match="cannot be loaded"):
        SpeechEncoder(tmp_path)
    weights.rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(CatalogError, match=r"no model\.safetensors"):
        SpeechEncoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "theirs.Model"}}))
    with pytest.raises(CatalogError, match="code of its own"):
        SpeechEncoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(CatalogError, match="of type bert"):
        SpeechEncoder(tmp_path)
