"""Options that several commands of the aggregator have in common."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Literal["birnn", "bert"]
Trained = Literal["all", "head", "lora", "bitfit", "full"]
Trust = Literal["secagg", "plain", "none"]
UnitName = Literal["patient", "note", "sentence"]
CountUnitName = Literal["patient", "note"]
SumTrust = Literal["secagg", "none"]
NoiseName = Literal["exact", "plain"]
StrategyName = Literal["FedAvg", "FedAvgM", "FedAdam"]

TrustOption = Annotated[
    Trust,
    typer.Option(
        "--trust",
        help="secagg: the aggregator learns sums only; none: the same, and each hospital's own noise is enough; "
        "plain: it sees every hospital's update.",
    ),
]
UnitOption = Annotated[
    UnitName | None, typer.Option("--unit", help="Whose presence is hidden. [default: patient]")
]
RateOfUnitsOption = Annotated[
    float | None,
    typer.Option(
        "--sample-rate", min=0.0, max=1.0, help="Share of units in a private step. [default: by unit]"
    ),
]
NormOption = Annotated[
    float | None,
    typer.Option("--max-grad-norm", min=0.0, help="That a unit's gradient is clipped to. [default: by unit]"),
]
ModelOption = Annotated[Model, typer.Option("--model", help="Kind of extractor.")]
OutOption = Annotated[
    Path, typer.Option("--out", help="Folder of the run; new, or of the same run to go on with.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print metrics.json on stdout.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything drawn at random.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Threads torch computes with.")]
TrainedOption = Annotated[
    Trained | None,
    typer.Option(
        "--trained",
        help="Weights that learn; birnn: all, head; bert: head, lora, bitfit, full. [default: all, full]",
    ),
]
EncoderOption = Annotated[
    str, typer.Option("--encoder", help="bert: 'bundled', a folder, or a hub id fetched with `hf download`.")
]
VectorsOption = Annotated[
    str,
    typer.Option("--vectors", help="birnn: 'bundled', 'none', or a file (GloVe, word2vec, KeyedVectors)."),
]
BaseOption = Annotated[
    Path | None, typer.Option("--base", help="Model folder to start from, as 'pretrain' makes it.")
]
RoundsOption = Annotated[int | None, typer.Option("--rounds", min=1, help="Rounds. [default: by model]")]
EpsilonOption = Annotated[
    float | None,
    typer.Option(
        "--epsilon", help="Train privately: what a run may spend of a unit's privacy; with --delta."
    ),
]
DeltaOption = Annotated[float | None, typer.Option("--delta", help="At which epsilon holds.")]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--learning-rate", min=0, help="Peak; in a private run, of the aggregator. [default: by model]"
    ),
]
WindowsOption = Annotated[
    int | None,
    typer.Option("--windows-a-note", min=1, help="Train on so many of each. [default: all]"),
]
FederationOption = Annotated[
    Path | None, typer.Option("--federation", help="federation.toml: your own files, one a hospital.")
]
CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Folder of a public corpus.")]
PartitionOption = Annotated[
    Path | None, typer.Option("--partition", help="Divides the corpus into hospitals.")
]
ThresholdOption = Annotated[
    int | None,
    typer.Option(
        "--threshold", min=3, help="Hospitals that must stay to the end. [default: two thirds and one]"
    ),
]
ColludersOption = Annotated[
    int,
    typer.Option(
        "--colluders", min=0, help="Hospitals that may help the aggregator without it learning more."
    ),
]
CapOption = Annotated[
    float | None, typer.Option("--cap", help="Budget of each simulated hospital. [default: --epsilon]")
]
BatchOption = Annotated[int | None, typer.Option("--batch-size", min=1, help="Windows. [default: by model]")]
