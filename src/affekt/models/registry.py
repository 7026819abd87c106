"""Finding and loading recognisers by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.core.errors import ModelError, UnknownNameError
from affekt.models.card import Card, read_card
from affekt.models.session import has_graph
from affekt.models.text import TextRecogniser

if TYPE_CHECKING:
    from affekt.models.causes import CauseRecogniser
    from affekt.models.face import FaceRecogniser
    from affekt.models.voice import VoiceRecogniser

__all__ = [
    "CAUSES",
    "DEFAULT",
    "FACE",
    "TALK",
    "VOICE",
    "Card",
    "TextRecogniser",
    "automatic",
    "bundled",
    "encoder_folder",
    "load",
    "load_any",
    "load_causes",
    "load_face",
    "load_voice",
    "model_folder",
    "read_card",
]

DEFAULT = "text-en"
VOICE = "voice"
FACE = "face"
CAUSES = "causes-en"
TALK = "talk-en"


def bundled() -> dict[str, Path]:
    """Models that come with the package: name -> folder."""
    root = Path(str(resources.files("affekt.weights")))
    return {p.name: p for p in sorted(root.iterdir()) if (p / "affekt.json").is_file()}


def automatic(*, conversation: bool = False) -> list[Path]:
    """Folders of the bundled text models that are chosen from by language, in the order in which they are asked.

    The default one comes first: what it covers, it reads. Turns of conversations are first asked of the model of these,
    where one is bundled.
    """
    found = bundled()
    talk = [found[TALK]] if conversation and TALK in found else []
    return [
        *talk,
        found[DEFAULT],
        *(folder for name, folder in found.items() if name.startswith("text-") and name != DEFAULT),
    ]


def model_folder(name: str | Path | None = None) -> Path:
    """The folder of a bundled model by its name (with or without `@version`), or a folder of your own.

    Raises:
        UnknownNameError: There is neither a bundled model nor a folder of that name.
        ModelError: The bundled model has another version than the one asked for.
    """
    if name is None:
        name = DEFAULT
    found = bundled()
    id, _, version = str(name).partition("@")
    if id in found:
        has = read_card(found[id]).version
        if version and version != has:
            raise ModelError(f"The bundled {id!r} is version {has}, not {version}", hint="Leave the version out.")
        return found[id]
    folder = Path(name)
    if folder.is_dir():
        return folder
    raise UnknownNameError("model", str(name), found)


def encoder_folder(name: str | Path | None = None) -> Path:
    """The folder with the graph of a model: its own, or that of the bundled model whose encoder it is read with.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The encoder that it is read with is not bundled, or in another version.
    """
    folder = model_folder(name)
    card = read_card(folder)
    if card.turns is None or has_graph(folder / "model.onnx"):
        return folder
    try:
        return model_folder(card.turns.encoder)
    except (ModelError, UnknownNameError) as err:
        raise ModelError(
            f"{card.id} reads with the encoder of {card.turns.encoder}: {err.what}",
            where=str(folder),
            hint="Make it anew with `affekt train`, or put that encoder's model.onnx and tokenizer.json beside it.",
        ) from err


def load(name: str | Path | None = None, *, jobs: int | None = None) -> TextRecogniser:
    """Load a recogniser.

    Args:
        name: Name of a bundled model (see `affekt models list`), or a folder. Default `text-en`.
        jobs: Threads; default all cores.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The model cannot be loaded, or reads no texts.
    """
    folder = model_folder(name)
    card = read_card(folder)
    if card.voice is not None:
        raise ModelError(f"{card.id} reads voices, not texts", hint="Give it a recording: affekt analyze call.wav")
    if card.face is not None:
        raise ModelError(f"{card.id} reads faces, not texts", hint="Give it a picture: affekt analyze photo.jpg")
    if card.causes is not None:
        raise ModelError(f"{card.id} finds causes of emotions, and reads none itself", hint="See `affekt models list`.")
    if card.asks is not None:
        from affekt.models.asked import AskedRecogniser

        return AskedRecogniser(folder, jobs=jobs)
    if card.turns is not None:
        from affekt.models.turns import TurnRecogniser

        return TurnRecogniser(folder, jobs=jobs)
    return TextRecogniser(folder, jobs=jobs)


def load_any(name: str | Path, *, jobs: int | None = None) -> TextRecogniser | VoiceRecogniser | FaceRecogniser:
    """Load a recogniser of texts, of voices or of faces, whichever it is.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The model cannot be loaded.
    """
    folder = model_folder(name)
    card = read_card(folder)
    if card.face is not None:
        return load_face(folder, jobs=jobs)
    return load(folder, jobs=jobs) if card.voice is None else load_voice(folder, jobs=jobs)


def load_voice(name: str | Path | None = None, *, jobs: int | None = None) -> VoiceRecogniser:
    """Load a recogniser of the voice; default the bundled one.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The model cannot be loaded, or reads no voices.
    """
    from affekt.models.voice import VoiceRecogniser

    return VoiceRecogniser(model_folder(name or VOICE), jobs=jobs)


def load_face(name: str | Path | None = None, *, jobs: int | None = None) -> FaceRecogniser:
    """Load a recogniser of faces; default the bundled one.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The model cannot be loaded, or reads no faces.
    """
    from affekt.models.face import FaceRecogniser

    return FaceRecogniser(model_folder(name or FACE), jobs=jobs)


def load_causes(name: str | Path | None = None, *, jobs: int | None = None) -> CauseRecogniser:
    """Load a model that finds the causes of emotions; default the bundled one.

    Raises:
        UnknownNameError: There is no such model.
        ModelError: The model cannot be loaded, or finds no causes.
    """
    from affekt.models.causes import CauseRecogniser

    return CauseRecogniser(model_folder(name or CAUSES), jobs=jobs)
