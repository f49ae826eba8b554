"""`clinfed aggregator glove`: word vectors of counts that no one sees but summed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.commands.common import choose_federation, command_line
from server.commands.options import (
    CapOption,
    ColludersOption,
    CorpusOption,
    CountUnitName,
    DeltaOption,
    FederationOption,
    JsonOption,
    OutOption,
    PartitionOption,
    SeedOption,
    SumTrust,
    ThreadsOption,
    ThresholdOption,
)

if TYPE_CHECKING:
    from server.glove_run import GloveMetrics


def glove(
    out: OutOption,
    federation: FederationOption = None,
    corpus: CorpusOption = None,
    partition: PartitionOption = None,
    words: Annotated[
        list[Path] | None,
        typer.Option(
            "--words", help="Public list whose words are counted: one a line, or JSONL; repeatable."
        ),
    ] = None,
    public_notes: Annotated[
        list[Path] | None,
        typer.Option(
            "--public-notes", help="Public notes whose most frequent words are counted; repeatable."
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option("--most", min=1, help="Words of the vocabulary. [default: 1000 of notes, all of lists]"),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", help="List of pairs to count, two words a line. [default: all pairs]"),
    ] = None,
    most_pairs: Annotated[
        int | None,
        typer.Option(
            "--most-pairs", min=1, help="Count only so many pairs, the public notes' most frequent."
        ),
    ] = None,
    window: Annotated[
        int, typer.Option("--window", min=1, max=16, help="Words between which two are neighbours.")
    ] = 10,
    dimensions: Annotated[int, typer.Option("--dimensions", min=1, help="Of a vector.")] = 100,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over all pairs.")] = 30,
    epsilon: Annotated[
        float | None,
        typer.Option(
            "--epsilon", help="Add noise: what the counts may spend of a unit's privacy; with --delta."
        ),
    ] = None,
    delta: DeltaOption = None,
    unit: Annotated[
        CountUnitName | None, typer.Option("--unit", help="Whose presence is hidden. [default: patient]")
    ] = None,
    trust: Annotated[
        SumTrust,
        typer.Option(
            "--trust",
            help="secagg: the aggregator learns the sum only; none: each hospital's own noise is enough, too.",
        ),
    ] = "secagg",
    cap: CapOption = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Spend the budget even where measurements say it is not worth it."),
    ] = False,
    threshold: ThresholdOption = None,
    colluders: ColludersOption = 1,
    seed: SeedOption = 1,
    threads: ThreadsOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Makes word vectors of all hospitals' notes: pairs of public words counted in one secure sum, then GloVe.

    Without --epsilon the sum is exact, and every site must have approved what is counted (`clinfed node counting`).
    OUT/vectors.bin is for `simulate --model birnn --vectors`.
    """
    from server.glove_arrange import arrange_glove
    from server.glove_run import make_vectors, to_json
    from server.glove_words import PublicText, public_counting

    hospitals = choose_federation("glove", federation, corpus, partition)
    public = PublicText(tuple(words or ()), tuple(public_notes or ()), most, pairs, most_pairs)
    counting = public_counting(public, window)
    settings = arrange_glove(
        hospitals,
        counting,
        {"epsilon": epsilon, "delta": delta, "unit": unit, "cap": cap, "anyway": anyway or None},
        {
            "dimensions": dimensions,
            "epochs": epochs,
            "trust": trust,
            "threshold": threshold,
            "colluders": colluders,
            "seed": seed,
            "threads": threads,
        },
    )
    metrics = make_vectors(settings, out, counting, command_line(), anyway=anyway)
    typer.echo(json.dumps(to_json(metrics), indent=1) if as_json else _glove_text(metrics))
    typer.echo(f"vectors: {out / 'vectors.bin'}", err=True)


def _glove_text(metrics: "GloveMetrics") -> str:
    lines = [
        f"vectors of {metrics.vectors['words']:,} words from {len(metrics.answered)} hospitals, "
        f"{metrics.counting['pairs']:,} pairs counted"
    ]
    lines += [f"  without {name} ({why})" for name, why in metrics.missing.items()]
    for site in metrics.hospitals.values():
        if site.epsilon is not None:  # the same for all that answered
            lines.append(f"  epsilon {site.epsilon:g} at delta {site.delta:g} spent of each {site.unit}")
            break
    return "\n".join(lines)
