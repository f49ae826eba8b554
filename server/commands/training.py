"""`clinfed aggregator demo`, `simulate` and `results`: federations in one process, and their table."""

from pathlib import Path
from typing import Annotated

import typer

from server.commands.common import choose_federation, run_and_print, vectors_path
from server.commands.options import (
    BaseOption,
    BatchOption,
    CapOption,
    ColludersOption,
    CorpusOption,
    DeltaOption,
    EncoderOption,
    EpsilonOption,
    FederationOption,
    JsonOption,
    ModelOption,
    NoiseName,
    NormOption,
    OutOption,
    PartitionOption,
    RateOfUnitsOption,
    RateOption,
    RoundsOption,
    SeedOption,
    StrategyName,
    ThreadsOption,
    ThresholdOption,
    TrainedOption,
    TrustOption,
    UnitOption,
    VectorsOption,
    WindowsOption,
)


def demo(
    out: OutOption = Path("runs/demo"),
    hospitals: Annotated[
        int | None,
        typer.Option("--hospitals", min=2, help="Synthetic hospitals. [default: 10; 4 without privacy]"),
    ] = None,
    patients: Annotated[
        int | None, typer.Option("--patients", min=4, help="Patients of each hospital. [default: by model]")
    ] = None,
    model: ModelOption = "bert",
    trained: TrainedOption = None,
    base: BaseOption = None,
    rounds: RoundsOption = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="What the run may spend of a patient's privacy.")
    ] = 8.0,
    delta: Annotated[float, typer.Option("--delta", help="At which epsilon holds.")] = 1e-5,
    privacy: Annotated[
        bool, typer.Option("--privacy/--no-privacy", help="Train under differential privacy.")
    ] = True,
    trust: TrustOption = "secagg",
    sample_rate: RateOfUnitsOption = None,
    windows_a_note: WindowsOption = None,
    seed: SeedOption = 1,
    threads: ThreadsOption = 1,
    baselines: Annotated[
        bool,
        typer.Option(help="Also train every hospital alone, and one model on all notes, both without noise."),
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Runs the embedded federation on synthetic notes: local-only, federated and pooled, side by side."""
    from server.arrange import arrange
    from server.federation import synthetic_federation
    from server.recipes import demo_size

    many, each = demo_size(model, private=privacy)
    asked = {"epsilon": epsilon, "delta": delta} if privacy else {}
    settings = arrange(
        synthetic_federation(hospitals or many, patients or each, seed),
        model,
        trained,
        {
            "rounds": rounds,
            "trust": trust,
            "seed": seed,
            "threads": threads,
            "baselines": baselines,
            "model": {
                "base": None if base is None else str(base.resolve()),
                "windows_a_note": windows_a_note,
            },
            "private": {"sample_rate": sample_rate, **asked},
        },
        demo=True,
    )
    run_and_print(settings, out, as_json)


def simulate(
    out: OutOption,
    federation: FederationOption = None,
    corpus: CorpusOption = None,
    partition: PartitionOption = None,
    rename: Annotated[
        str, typer.Option("--rename", help="Labels to rename in a partition, as THEIRS=OURS,...")
    ] = "",
    model: ModelOption = "bert",
    trained: TrainedOption = None,
    encoder: EncoderOption = "bundled",
    vectors: VectorsOption = "bundled",
    base: BaseOption = None,
    rounds: RoundsOption = None,
    local_epochs: Annotated[
        int | None, typer.Option("--local-epochs", min=1, help="Passes over a hospital's notes in a round.")
    ] = None,
    local_steps: Annotated[
        int | None, typer.Option("--local-steps", min=1, help="Batches in a round, in place of epochs.")
    ] = None,
    learning_rate: RateOption = None,
    batch_size: BatchOption = None,
    window: Annotated[
        int | None, typer.Option("--window", min=0, help="Pack sentences up to so many words; 0 packs none.")
    ] = None,
    windows_a_note: WindowsOption = None,
    abbreviations: Annotated[
        bool | None,
        typer.Option(
            "--abbreviations/--no-abbreviations",
            help="Mark an abbreviation that a note defines wherever it stands. [default: by model]",
        ),
    ] = None,
    strategy: Annotated[
        StrategyName | None, typer.Option("--strategy", help="Server optimizer. [default: by model]")
    ] = None,
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of hospitals asked in each round.")
    ] = 1.0,
    trust: TrustOption = "secagg",
    threshold: ThresholdOption = None,
    colluders: ColludersOption = 1,
    hybrid: Annotated[
        bool, typer.Option("--hybrid/--classical", help="Post-quantum keys beside the classical ones.")
    ] = True,
    update_clip: Annotated[
        float,
        typer.Option("--update-clip", min=0.0, help="Largest change of a weight in one hospital's update."),
    ] = 1.0,
    largest_norm: Annotated[
        float | None,
        typer.Option(
            "--largest-norm",
            min=0.0,
            help="L2 norm beyond which a mean update is discarded. [default: clip / 8 in every coordinate]",
        ),
    ] = None,
    phase_seconds: Annotated[
        float,
        typer.Option(
            "--phase-seconds", min=0.001, help="A hospital's time to answer in a phase without training."
        ),
    ] = 300.0,
    attempts: Annotated[
        int, typer.Option("--attempts", min=1, help="At a secure sum before the run stops.")
    ] = 3,
    min_hospitals: Annotated[
        int, typer.Option("--min-hospitals", min=1, help="Fewer usable updates end the run.")
    ] = 1,
    deadline_seconds: Annotated[
        float,
        typer.Option("--deadline-seconds", min=0.001, help="A hospital's time to train, or to evaluate."),
    ] = 3600.0,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            "--evaluate-every",
            min=1,
            help="Rounds between evaluations on held-out patients. [default: 1; a quarter of a private run]",
        ),
    ] = None,
    seed: SeedOption = 1,
    threads: ThreadsOption = 1,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also train every hospital alone, and one model on all notes.")
    ] = False,
    epsilon: EpsilonOption = None,
    delta: DeltaOption = None,
    unit: UnitOption = None,
    sample_rate: RateOfUnitsOption = None,
    max_grad_norm: NormOption = None,
    max_examples: Annotated[
        int | None, typer.Option("--max-examples", min=1, help="Windows of one unit in a private step.")
    ] = None,
    count_norm: Annotated[
        float | None,
        typer.Option("--count-norm", min=0.0, help="That a held-out unit's counts are clipped to."),
    ] = None,
    units_alone: Annotated[
        bool | None,
        typer.Option(
            "--units-alone/--units-in-blocks",
            help="alone: slower, and to the last integer the sum of all units in one place. "
            "[default: in blocks]",
        ),
    ] = None,
    noise: Annotated[
        NoiseName | None,
        typer.Option(
            "--noise",
            help="plain: shares for the worst case; exact: what was not needed is taken away again.",
        ),
    ] = None,
    cap: CapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs a federation in one process: on your own files, or on a public corpus and a partition."""
    from server.arrange import arrange

    settings = arrange(
        choose_federation("simulate", federation, corpus, partition, rename),
        model,
        trained,
        {
            "private": {
                "epsilon": epsilon,
                "delta": delta,
                "unit": unit,
                "sample_rate": sample_rate,
                "max_grad_norm": max_grad_norm,
                "max_examples": max_examples,
                "count_norm": count_norm,
                "alone": units_alone,
                "noise": noise,
                "cap": cap,
            },
            "rounds": rounds,
            "seed": seed,
            "threads": threads,
            "baselines": baselines,
            "fraction": fraction,
            "trust": trust,
            "threshold": threshold,
            "colluders": colluders,
            "hybrid": hybrid,
            "update_clip": update_clip,
            "largest_norm": largest_norm,
            "phase_seconds": phase_seconds,
            "attempts": attempts,
            "min_hospitals": min_hospitals,
            "deadline_seconds": deadline_seconds,
            "evaluate_every": evaluate_every,
            "strategy": {"name": strategy, "eta": learning_rate if epsilon is not None else None},
            "recipe": {
                "local_epochs": local_epochs,
                "local_steps": local_steps,
                "learning_rate": learning_rate,
                "batch_size": batch_size,
            },
            "model": {
                "encoder": encoder,
                "vectors": vectors_path(vectors),
                "base": None if base is None else str(base.resolve()),
                "window": window,
                "windows_a_note": windows_a_note,
                "abbreviations": abbreviations,
            },
        },
    )
    run_and_print(settings, out, as_json)


def results(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    into: Annotated[Path, typer.Option("--into", help="Markdown file with the markers of a results table.")],
) -> None:
    """Fills the results table of a Markdown file from finished runs."""
    from server.results import fill_results

    fill_results(into, runs)
