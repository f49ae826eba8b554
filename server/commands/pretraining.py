"""`clinfed aggregator pretrain`: a base model of public text."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import run_and_print, vectors_path
from server.commands.options import (
    BaseOption,
    BatchOption,
    EncoderOption,
    JsonOption,
    ModelOption,
    OutOption,
    RateOption,
    SeedOption,
    ThreadsOption,
    TrainedOption,
    VectorsOption,
)


def pretrain(
    notes: Annotated[list[Path], typer.Argument(help="Public notes: files or folders, in any form we read.")],
    out: OutOption,
    labels: Annotated[str, typer.Option("--labels", help="Labels to learn, comma-separated.")] = "Disease",
    leave_out: Annotated[
        list[Path] | None,
        typer.Option(
            "--leave-out", help="Notes that must not be learned from: neither their ids nor their sentences."
        ),
    ] = None,
    dictionary: Annotated[
        list[Path] | None,
        typer.Option("--dictionary", help="Open term list (JSONL), for features and for names; repeatable."),
    ] = None,
    replace_mentions: Annotated[
        float,
        typer.Option(
            "--replace-mentions",
            min=0.0,
            max=1.0,
            help="Share of mentions replaced by names from the dictionaries or, without any, by other mentions.",
        ),
    ] = 0.0,
    copies: Annotated[
        int, typer.Option("--copies", min=1, help="Of each note, each with mentions replaced anew.")
    ] = 1,
    model: ModelOption = "bert",
    trained: TrainedOption = None,
    encoder: EncoderOption = "bundled",
    vectors: VectorsOption = "bundled",
    base: BaseOption = None,
    head_width: Annotated[
        int | None, typer.Option("--head-width", min=1, help="bert, head: hidden units. [default: 128]")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="[default: by model]")] = None,
    learning_rate: RateOption = None,
    batch_size: BatchOption = None,
    window: Annotated[
        int | None, typer.Option("--window", min=0, help="Pack sentences up to so many words; 0 packs none.")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option("--dropout", min=0.0, max=0.99, help="[default: by model]")
    ] = None,
    seed: SeedOption = 1,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Fits a base model on public text; hospitals start from OUT/model with --base.

    A bert for private training takes two goes: the whole encoder, then, with --base on its OUT/model, the windowed
    head that hospitals train on (--trained head), with the dictionaries' features beside the encoder's.
    """
    from server.pretrain import Variation, public_federation

    dictionaries = tuple(dictionary or ())
    variation = Variation(tuple(leave_out or ()), dictionaries, replace_mentions, copies, seed)
    reads_terms = (
        model == "birnn" or trained == "head"
    )  # where the whole of a bert learns, they only give names
    from server.arrange import arrange

    settings = arrange(
        public_federation(notes, tuple(labels.split(",")), variation, out),
        model,
        trained,
        {
            "rounds": epochs,
            "trust": "plain",
            "seed": seed,
            "threads": threads,
            "recipe": {"learning_rate": learning_rate, "batch_size": batch_size},
            "model": {
                "encoder": encoder,
                "vectors": vectors_path(vectors),
                "base": None if base is None else str(base.resolve()),
                "head_width": head_width,
                "window": window,
                "dropout": dropout,
                "dictionaries": [str(path.resolve()) for path in dictionaries] if reads_terms else None,
            },
        },
    )
    run_and_print(settings, out, as_json)
