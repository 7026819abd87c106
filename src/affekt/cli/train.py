"""`affekt train`: make a model from its recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.cli._progress import progress_line

if TYPE_CHECKING:
    from affekt.catalog.recipes import DimensionsRecipe, FaceRecipe, TurnsRecipe, VoiceRecipe
    from affekt.cli._progress import Report

__all__ = ["command"]


@click.command(name="train", short_help="Train a model from a recipe, or for a task.")
@click.argument("recipe", required=False)
@click.option(
    "--task", metavar="NAME", help="Instead of a recipe: the plain one of this task, see `affekt bench list`."
)
@click.option(
    "--encoder",
    metavar="DIR|ngrams",
    help="With --task: folder of a BERT to start from, as transformers saves it, or counts of n-grams instead. "
    "With --prompt: folder of a causal language model. With a recipe of the voice: folder of its speech encoder. "
    "With a recipe of turns: model of Affekt that makes the vectors. "
    "With a recipe of dimensions: folder of the encoder whose lower layers are kept.",
)
@click.option(
    "--prompt",
    metavar="NAME",
    help="With --task and --encoder: learn a LoRA adapter on this prompt (emotion-in-conversation, emotion-bare).",
)
@click.option(
    "--demonstrations", metavar="DIR", help="With --prompt: show labelled turns of this repository in the prompt."
)
@click.option("--easy-first", is_flag=True, help="With --prompt: conversations with few shifts of emotion come first.")
@click.option(
    "--corpus",
    "corpora",
    metavar="NAME",
    multiple=True,
    help="With a recipe of the voice: learn from this corpus instead of the recipe's; several times.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="With --task: most epochs.  [default: 8]")
@click.option(
    "--floor",
    type=click.Choice(["majority", "hashed-linear", "prototypes", "nearest", "demonstrations"]),
    help="With --task: score this floor on it.",
)
@click.option("--on", metavar="TASK", help="With --floor: score it on this task of the same labels instead.")
@click.option("--split", help="With --floor: split that it answers.  [default: the one that the task reports, test]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the model.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--limit", type=click.IntRange(min=64), help="Most rows of each corpus; for a trial run.")
@click.option("--seed", type=int, help="Seed of every stage, in place of the recipe's.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads; default all cores.")
def command(
    *,
    recipe: str | None,
    task: str | None,
    encoder: str | None,
    prompt: str | None,
    demonstrations: str | None,
    easy_first: bool,
    corpora: tuple[str, ...],
    epochs: int | None,
    floor: str | None,
    on: str | None,
    split: str | None,
    out: Path,
    data: str | None,
    limit: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Run RECIPE, a name or a TOML file: train, calibrate on dev, and make OUT a model folder.

    With --task and no recipe, the corpus of the task is trained on in the plainest way: one head on the encoder,
    stopped early on dev. With --encoder ngrams, a linear model on character n-grams takes the encoder's place: it
    reads any language. With --floor, nothing is trained but a floor to stand on, and its
    run goes to OUT.

    A recipe of the voice is fitted on the recordings of its corpora and measured on speakers left out, one of faces on
    the pictures of its corpus; one of turns trains small nets, in one go, on the vectors of a model that there is, and
    one of dimensions a small net on the lower layers of an encoder that is left as it is.

    Needs the `train` extra. A run that was broken off goes on after its last whole epoch, and ends in the same
    weights as one that was not. The model is used with `--model OUT`; `transformers.AutoModel` loads its encoder.
    """
    from affekt.catalog.recipes import DimensionsRecipe, FaceRecipe, TurnsRecipe, VoiceRecipe, with_seed
    from affekt.catalog.recipes import recipe as look_up
    from affekt.core.errors import InputError

    if (recipe is None) == (task is None):
        raise InputError("Name a recipe, or a task with --task", hint="`affekt bench list` names the tasks.")
    found = None if recipe is None else look_up(recipe)
    if isinstance(found, VoiceRecipe):
        if epochs or floor or limit or seed is not None:
            raise InputError("A recipe of the voice is fitted in one go", hint="Leave out --epochs, --limit, --seed.")
        train_voice(found, Path(str(recipe)).stem, out, data=data, encoder=encoder, corpora=corpora)
        return
    if isinstance(found, FaceRecipe):
        if encoder or corpora or epochs or floor:
            raise InputError(
                "A recipe of faces says what it learns from and for how long",
                hint="Leave out --encoder, --corpus, --epochs.",
            )
        train_face(found, Path(str(recipe)).stem, out, data=data, limit=limit, seed=seed, threads=threads)
        return
    if isinstance(found, TurnsRecipe):
        if corpora or epochs or floor:
            raise InputError(
                "A recipe of turns says what it learns from and for how long", hint="Leave out --corpus, --epochs."
            )
        name = Path(str(recipe)).stem
        train_turns(found, name, out, data=data, encoder=encoder, limit=limit, seed=seed, threads=threads)
        return
    if isinstance(found, DimensionsRecipe):
        if corpora or epochs or floor:
            raise InputError(
                "A recipe of dimensions says what it learns from and for how long", hint="Leave out --corpus, --epochs."
            )
        name = Path(str(recipe)).stem
        train_dimensions(found, name, out, data=data, encoder=encoder, limit=limit, seed=seed, threads=threads)
        return
    if corpora:
        raise InputError("--corpus belongs to a recipe of the voice")
    if task is None and (encoder or epochs or floor):
        raise InputError("--encoder, --epochs and --floor belong to --task")
    if floor is None and (on or split):
        raise InputError("--on and --split belong to --floor", hint="`affekt bench run` runs a model on any task.")
    if prompt is None and (demonstrations or easy_first):
        raise InputError("--demonstrations and --easy-first belong to --prompt")
    if prompt is not None:
        if task is None or encoder is None or floor:
            raise InputError("--prompt needs --task and the --encoder that is adapted, and no --floor")
        tune_adapter(
            task,
            prompt,
            encoder,
            out,
            data=data,
            demonstrations=demonstrations,
            easy_first=easy_first,
            epochs=epochs or 2,
            limit=limit,
            seed=1 if seed is None else seed,
            threads=threads,
        )
        return
    if task is not None and floor:
        score_floor(task, floor, out, data=Path(data) if data else None, on=on, split=split)
        return
    if task is not None:
        from affekt.train.plain import ENCODER, NGRAMS, plain_recipe

        if encoder == NGRAMS and epochs:
            raise InputError("Counts of n-grams are fitted in one go", hint="Leave out --epochs.")
        capped = {"epochs": epochs} if epochs else {}
        chosen, name = plain_recipe(task, encoder=encoder or ENCODER, **capped), task.replace(":", "-")
    else:
        assert found is not None
        chosen, name = found, Path(str(recipe)).stem
    if seed is not None:
        chosen = with_seed(chosen, seed)
    _torch_on(threads)

    from affekt.train.make import make_model

    where = Path(data) if data else None
    _make(
        name,
        out,
        lambda report: make_model(
            chosen,
            name,
            out,
            data=where,
            limit=limit,
            progress=lambda what, step, total, loss: report(step, total, f"{name}, {what}  loss {loss:.3f}"),
        ),
    )


def _torch_on(threads: int | None) -> None:
    """See that torch is there, and how many threads it takes."""
    from affekt.extras import need

    torch = need("torch", extra="train")
    if threads:
        torch.set_num_threads(threads)


def _make(name: str, out: Path, how: Callable[[Report], dict[str, Any]]) -> None:
    """Make a model in a folder that holds none, and print what it came to."""
    from affekt.core.errors import InputError

    if (out / "affekt.json").exists():
        raise InputError("There is a model in the folder already", where=str(out), hint="Name another folder.")
    with progress_line(name, kept=True) as report:
        figures = how(report)
    click.echo(json.dumps(figures, indent=1))
    click.echo(f"Written: {out}", err=True)


def train_voice(
    recipe: VoiceRecipe, name: str, out: Path, *, data: str | None, encoder: str | None, corpora: tuple[str, ...]
) -> None:
    """Make a model of the voice, and print what it came to on speakers that it never heard."""
    import msgspec

    from affekt.catalog.corpora import corpus
    from affekt.corpora.files import data_folder
    from affekt.extras import need

    for each in corpora or recipe.corpora:
        corpus(each)
    data_folder(data)
    need("sklearn", extra="train")
    from affekt.train.voice.make import make_voice

    chosen = msgspec.structs.replace(recipe, corpora=corpora or recipe.corpora)
    _make(
        name,
        out,
        lambda report: make_voice(
            chosen,
            name,
            out,
            data=Path(data) if data else None,
            encoder=Path(encoder) if encoder else None,
            progress=lambda what, done, total: report(done, total, what),
        ),
    )


def train_face(
    recipe: FaceRecipe,
    name: str,
    out: Path,
    *,
    data: str | None,
    limit: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Make a model of faces, and print what it came to."""
    import msgspec

    from affekt.corpora.files import data_folder

    data_folder(data)
    _torch_on(threads)
    from affekt.train.face.make import make_face

    _make(
        name,
        out,
        lambda report: make_face(
            recipe if seed is None else msgspec.structs.replace(recipe, seed=seed),
            name,
            out,
            data=Path(data) if data else None,
            limit=limit,
            progress=lambda what, step, total, loss: report(step, total, f"{name}, {what}  loss {loss:.3f}"),
        ),
    )


def train_turns(
    recipe: TurnsRecipe,
    name: str,
    out: Path,
    *,
    data: str | None,
    encoder: str | None,
    limit: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Make a model that reads turns from vectors of their words, and print what it came to on dev."""
    import msgspec

    from affekt.corpora.files import data_folder
    from affekt.models.registry import model_folder

    data_folder(data)
    net = recipe.net if encoder is None else msgspec.structs.replace(recipe.net, encoder=encoder)
    model_folder(net.encoder)
    chosen = msgspec.structs.replace(recipe, net=net, seed=recipe.seed if seed is None else seed)
    _torch_on(threads)
    from affekt.train.turns.make import make_turns

    _make(
        name,
        out,
        lambda report: make_turns(
            chosen,
            name,
            out,
            data=Path(data) if data else None,
            limit=limit,
            progress=lambda what, step, steps: report(step, steps, f"{name}, {what}"),
        ),
    )


def train_dimensions(
    recipe: DimensionsRecipe,
    name: str,
    out: Path,
    *,
    data: str | None,
    encoder: str | None,
    limit: int | None,
    seed: int | None,
    threads: int | None,
) -> None:
    """Make a model of dimensions from the lower layers of an encoder, and print what it came to on dev."""
    import msgspec

    from affekt.corpora.files import data_folder

    data_folder(data)
    _torch_on(threads)
    from affekt.train.dimensions.make import make_dimensions

    chosen = msgspec.structs.replace(
        recipe, encoder=encoder or recipe.encoder, seed=recipe.seed if seed is None else seed
    )
    _make(
        name,
        out,
        lambda report: make_dimensions(
            chosen,
            name,
            out,
            data=Path(data) if data else None,
            limit=limit,
            progress=lambda what, step, steps: report(step, steps, f"{name}, {what}"),
        ),
    )


def score_floor(
    task: str, floor: str, out: Path, *, data: Path | None = None, on: str | None = None, split: str | None = None
) -> None:
    """Make a floor from the train split of a task, and leave its run, on that task or another, in `out`."""
    from affekt.bench.causes import CAUSES
    from affekt.bench.runs import run_causes, run_task
    from affekt.bench.tasks import task as look_up
    from affekt.core.errors import InputError
    from affekt.train import floors

    answered = on or task
    chosen = look_up(answered)
    chosen.check_split(split)  # what is named wrongly is said before anything is read
    if (chosen.entry.target in CAUSES) != (floor == "nearest"):
        raise InputError(f"The floor {floor!r} has no answer to what {answered!r} asks")
    if floor == "nearest":
        name, find = floors.nearest(task, data=data)
        run = run_causes(answered, find, model=name, out=out, data=data, split=split)
    elif floor == "demonstrations":
        from affekt.train.nearest import nearest_demonstrations

        run = run_task(answered, nearest_demonstrations(task, data=data), out=out, data=data, split=split)
    elif floor == "prototypes":
        from affekt.train.prototypes import prototypes

        run = run_task(answered, prototypes(look_up(task).entry.space), out=out, data=data, split=split)
    else:
        made = {"majority": floors.majority, "hashed-linear": floors.hashed_linear}[floor](task, data=data)
        run = run_task(answered, made, out=out, data=data, split=split)
    for key, score in run.scores.items():
        click.echo(f"{key:24} {score.value:.4f}  [{score.low:.4f}, {score.high:.4f}]")
    click.echo(f"Written: {out}", err=True)


def tune_adapter(
    task: str,
    prompt: str,
    folder: str,
    out: Path,
    *,
    data: str | None,
    demonstrations: str | None,
    easy_first: bool,
    epochs: int,
    limit: int | None,
    seed: int,
    threads: int | None,
) -> None:
    """Learn a LoRA adapter on prompts about the train split of a task, and print how the loss fell."""
    from itertools import islice

    from affekt.catalog.recipes import Curriculum
    from affekt.catalog.tasks import entry_and_corpus
    from affekt.core.errors import InputError
    from affekt.corpora import read
    from affekt.extras import need
    from affekt.models.demonstrations import Demonstrations
    from affekt.models.prompting import PromptWriter
    from affekt.models.registry import load

    entry, source = entry_and_corpus(task)
    if entry.of_rows != "labels":
        raise InputError(f"A prompt asks for a label, and {task!r} for something else")
    torch = need("torch", extra="train")
    from affekt.train.lora import tune

    if (out / "adapter_config.json").exists():
        raise InputError("There is an adapter in the folder already", where=str(out), hint="Name another folder.")
    if threads:
        torch.set_num_threads(threads)
    held = Demonstrations.load(demonstrations, jobs=threads) if demonstrations else None
    writer = PromptWriter(prompt, space=entry.space, reader=load(jobs=threads), held=held)
    rows = [(clip, gold.labels) for clip, gold in islice(read(source, split="train", data=data), limit)]

    with progress_line("adapter", kept=True) as report:
        tuned = tune(
            folder,
            rows,
            writer,
            out,
            epochs=epochs,
            seed=seed,
            curriculum=Curriculum() if easy_first else None,
            progress=lambda what, step, total, loss: report(step, total, f"{what}  loss {loss:.3f}"),
        )
    losses = [round(loss, 4) for loss in tuned.losses]
    click.echo(json.dumps({"rows": tuned.rows, "steps": tuned.steps, "losses": losses}))
    click.echo(f"Written: {out}", err=True)
