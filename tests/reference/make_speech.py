"""Write speech.json: what the package silero-vad itself says of the made conversation.

    pip install torch silero-vad==6.2.3
    PYTHONPATH=tests python tests/reference/make_speech.py

The net is asked frame by frame through the package's own wrapper and its own search for stretches, with settings that
differ from the defaults too.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
from silero_vad import get_speech_timestamps, load_silero_vad
from sounds import conversation

SETTINGS = [
    {},
    {"threshold": 0.9, "min_silence_duration_ms": 300},
    {"threshold": 0.3, "min_speech_duration_ms": 20, "speech_pad_ms": 100},
    {"min_silence_duration_ms": 1000, "speech_pad_ms": 0},
]


def main() -> None:
    warnings.simplefilter("ignore")
    line = torch.from_numpy(conversation())
    model = load_silero_vad(onnx=True)
    probabilities = model.audio_forward(line, sr=16_000)[0].tolist()
    stretches = []
    for settings in SETTINGS:
        model.reset_states()
        found = get_speech_timestamps(line, model, **settings)
        stretches.append({"settings": settings, "samples": [[s["start"], s["end"]] for s in found]})
    out = {
        "made by": "silero-vad 6.2.3, silero_vad.onnx, onnxruntime",
        "probabilities": [round(p, 6) for p in probabilities],
        "stretches": stretches,
    }
    Path(__file__).with_name("speech.json").write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
