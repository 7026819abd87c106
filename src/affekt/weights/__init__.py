"""One folder a bundled model: model.onnx, tokenizer.json, affekt.json, README.md (card), LICENSE."""
