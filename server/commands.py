"""Commands of the aggregator: the embedded demo, simulated federations, public text, word vectors, planning."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from server.options import (
    BaseOption,
    BatchOption,
    CapOption,
    ColludersOption,
    CorpusOption,
    CountUnitName,
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
    SumTrust,
    ThreadsOption,
    ThresholdOption,
    TrainedOption,
    TrustOption,
    UnitOption,
    VectorsOption,
    WindowsOption,
)

if TYPE_CHECKING:
    from privacy.plan import Plan
    from server.federation import Federation
    from server.glove_run import GloveMetrics
    from server.metrics import Metrics
    from server.settings import RunSettings

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)

Number = TypeVar("Number", int, float)


@app.command()
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
    _run(settings, out, as_json)


@app.command()
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
        _federation("simulate", federation, corpus, partition, rename),
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
                "vectors": _vectors(vectors),
                "base": None if base is None else str(base.resolve()),
                "window": window,
                "windows_a_note": windows_a_note,
                "abbreviations": abbreviations,
            },
        },
    )
    _run(settings, out, as_json)


@app.command()
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
                "vectors": _vectors(vectors),
                "base": None if base is None else str(base.resolve()),
                "head_width": head_width,
                "window": window,
                "dropout": dropout,
                "dictionaries": [str(path.resolve()) for path in dictionaries] if reads_terms else None,
            },
        },
    )
    _run(settings, out, as_json)


@app.command()
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

    hospitals = _federation("glove", federation, corpus, partition)
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
    metrics = make_vectors(settings, out, counting, shlex.join(["clinfed", *sys.argv[1:]]), anyway=anyway)
    typer.echo(json.dumps(to_json(metrics), indent=1) if as_json else _glove_text(metrics))
    typer.echo(f"vectors: {out / 'vectors.bin'}", err=True)


@app.command()
def plan(
    patients: Annotated[int, typer.Option("--patients", min=1, help="Of all hospitals together.")],
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="What training may spend of a patient's privacy.")
    ],
    rounds: Annotated[str, typer.Option("--rounds", help="Private steps, or 'auto'.")] = "auto",
    hospitals: Annotated[int, typer.Option("--hospitals", min=1, help="That take part.")] = 6,
    colluders: Annotated[
        int, typer.Option("--colluders", min=0, help="Hospitals that may help the aggregator.")
    ] = 1,
    delta: Annotated[float, typer.Option("--delta", help="At which epsilon holds.")] = 1e-5,
    sample_rate: Annotated[
        str, typer.Option("--sample-rate", help="Share of patients in a step, or 'auto'.")
    ] = "auto",
    trainable: Annotated[int, typer.Option("--trainable", min=1, help="Weights that learn.")] = 150_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Says what privacy will cost before it is spent: noise, sampling, rounds, and the accuracy to expect."""
    from dataclasses import asdict

    from privacy.plan import Wish, make_plan

    wish = Wish(
        patients=patients,
        hospitals=hospitals,
        colluders=colluders,
        epsilon=epsilon,
        delta=delta,
        rounds=_number(rounds, int, "--rounds"),
        sample_rate=_number(sample_rate, float, "--sample-rate"),
        trainable=trainable,
    )
    made = make_plan(wish)
    typer.echo(json.dumps(asdict(made), indent=1) if as_json else _plan_text(made))


@app.command()
def results(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    into: Annotated[Path, typer.Option("--into", help="Markdown file with the markers of a results table.")],
) -> None:
    """Fills the results table of a Markdown file from finished runs."""
    from server.results import fill_results

    fill_results(into, runs)


def _federation(
    command: str, federation: Path | None, corpus: Path | None, partition: Path | None, rename: str = ""
) -> "Federation":
    from server.federation import federation_from_file, partitioned_federation
    from shared.errors import FixSettings

    if federation is not None and corpus is None and partition is None:
        return federation_from_file(federation)
    if federation is None and corpus is not None and partition is not None:
        return partitioned_federation(corpus, partition, rename)
    raise FixSettings(
        "name either a federation file, or a corpus with a partition",
        where=f"clinfed aggregator {command}",
        remedy="Use --federation FILE, or --corpus DIR --partition FILE.",
    )


def _vectors(name: str) -> str | None:
    if name == "none":
        return None
    return name if name == "bundled" else str(Path(name).resolve())


def _run(settings: "RunSettings", out: Path, as_json: bool) -> None:
    from privacy.phi import detector
    from server.metrics import to_json
    from server.simulate import simulate as run

    command = detector("logs").redact(shlex.join(["clinfed", *sys.argv[1:]]))  # names of files may be data
    metrics = run(settings, out, command)
    if as_json:
        typer.echo(json.dumps(to_json(metrics), indent=1))
    else:
        typer.echo(_summary(metrics))
    typer.echo(f"report: {out / 'report.html'}   model: {out / 'model'}", err=True)


def _summary(metrics: "Metrics") -> str:
    lines = [f"strict F1 on {metrics.test_set['notes']} test notes"]
    if metrics.local_only is not None:
        lines += [f"  {name:24} {own.f1:6.2f}" for name, own in metrics.local_only.hospitals.items()]
        lines.append(f"  {'local-only, by size':24} {metrics.local_only.size_weighted_f1:6.2f}")
    lines.append(f"  {'federated':24} {metrics.federated.f1:6.2f}")
    if metrics.pooled is not None:
        lines.append(f"  {'pooled':24} {metrics.pooled.f1:6.2f}")
    return "\n".join(lines)


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


def _number(text: str, kind: type[Number], option: str) -> Number | None:
    """A number, or None for 'auto'."""
    from shared.errors import FixSettings

    try:
        return None if text == "auto" else kind(text)
    except ValueError:
        raise FixSettings("is neither a number nor auto", where=option, remedy="Give one of them.") from None


def _plan_text(plan: "Plan") -> str:
    wish = plan.wish
    lines = [
        f"{wish.patients:,} patients of {wish.hospitals} hospitals, "
        f"epsilon {wish.epsilon:g} at delta {wish.delta:g} for each patient",
        "",
        f"  rounds            {plan.rounds} private steps",
        f"  sample rate       {plan.sample_rate:g}: {plan.patients_a_step:,.0f} patients a step, "
        f"each {plan.passes:.1f} times in all",
        f"  noise multiplier  {plan.noise_multiplier:g}, which spends epsilon {plan.epsilon:.2f}",
        f"  a coordinate      of the mean gradient has noise {plan.noise_per_coordinate:.2g} and, if all patients "
        f"agree, {plan.signal_per_coordinate:.2g} of signal, in clipping norms",
    ]
    if plan.threshold is not None:
        lines.append(f"  threshold         {plan.threshold} hospitals must stay to the end of a secure sum")
    lines += [
        "",
        "                       noise multiplier        signal to noise     epsilon if",
        "  noise                 share   in the sum    a step  all steps  others collude",
    ]
    for one in plan.arrangements:
        lines.append(
            f"  {one.noise:20}{one.share:7.2f}{one.in_sum:13.2f}{one.signal_to_noise:10.2f}{one.signal:11.2f}"
            f"{one.epsilon_if_others_collude:16.2f}"
        )
    lines += [
        "",
        "  strict F1 to expect, by runs on NCBI-disease or as named; elsewhere only the order will hold",
    ]
    for one in plan.arrangements:
        for band in one.accuracy:
            said = "no figure" if band.low is None else f"{band.low:.0f} to {band.high:.0f}"
            lines.append(f"  {one.noise:21} {band.recipe:34}{said:>10}  ({band.note})")
    return "\n".join([*lines, "", *(f"! {warning}" for warning in plan.warnings)])
