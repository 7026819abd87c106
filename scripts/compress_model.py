"""Store the graph of a model compressed, as `model.onnx.gz`, and say so in its machine-readable card.

    python scripts/compress_model.py src/affekt/weights/text-multi

It reads the same: what is run is the graph that was compressed, bit by bit. It opens later, by what decompressing
takes, so that this is for large models that not every start opens. It comes before `scripts/release_model.py`, which
measures the model and writes its size into its README.md; where another command wrote that file, correct the size
there. The same graph gives the same bytes.

Of three ways the one that packs best is taken: as gzip does by itself, looking for what repeats; looking for runs of
one byte alone; or with Huffman's codes alone, which is best for weights that take few values and repeat nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zlib
from pathlib import Path


def packed(graph: bytes) -> bytes:
    """A graph in the format of gzip, without a time or a name."""

    def by(strategy: int) -> bytes:
        packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 9, strategy)
        return packer.compress(graph) + packer.flush()

    return min(map(by, (zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY)), key=len)


def main() -> None:
    """Compress a graph."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a model's folder, with model.onnx and affekt.json")
    folder = parser.parse_args().folder
    plain, card = folder / "model.onnx", folder / "affekt.json"
    graph = plain.read_bytes()
    content = json.loads(card.read_text(encoding="utf-8"))
    if content["files"].get(plain.name) != hashlib.sha256(graph).hexdigest():
        parser.error(f"{plain} is not the graph that {card} names")
    small = packed(graph)
    digits = hashlib.sha256(small).hexdigest()
    new = {plain.name: (f"{plain.name}.gz", digits)}
    content["files"] = dict(new.get(name, (name, own)) for name, own in content["files"].items())
    (folder / f"{plain.name}.gz").write_bytes(small)
    card.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    plain.unlink()
    print(f"{folder}: {len(graph) / 1e6:.1f} -> {len(small) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
