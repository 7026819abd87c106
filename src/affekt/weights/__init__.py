"""One folder a bundled model: its graphs or weights, tokenizer.json, affekt.json, README.md (card), LICENSE."""
