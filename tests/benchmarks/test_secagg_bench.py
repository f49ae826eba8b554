"""The benchmark of secure sums measures what it says, at sizes that take no time; it holds no timing."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from server.secure import PRECISION, training_encoding
from tests.benchmarks import secagg, secagg_limit, secagg_ours
from tests.benchmarks.commands import app
from tests.benchmarks.flower_secagg import flower_secagg

SIZE = secagg.Size(4, 1000, compared=True)


def test_rows_and_ratios_have_their_keys() -> None:
    said: list[str] = []
    rows = secagg.measure([SIZE, secagg.Size(5, 10, flower=False)], 2, said.append)
    masks = secagg_limit.mask_rates([(4, 1000)], 1)
    ratios = secagg.ratios([SIZE], rows, masks, secagg.overhead(4))

    assert [(row["hospitals"], row["length"], row["drops"]) for row in rows] == [
        (4, 1000, 0),
        (4, 1000, 1),
        (5, 10, 0),
        (5, 10, 1),
    ]
    assert len(said) == len(rows)
    assert all(list(row) == list(rows[0]) for row in rows)
    assert all(row["flower_client_ms"] is None for row in rows[2:])
    assert set(ratios) == {
        *(f"{side}_speedup_n4_L1e3{drops}" for side in ("client", "server") for drops in ("", "_drops")),
        "mask_of_limit_n4_L1e3",
        "upload_of_flower_n4_L1e3",
        "fixed_overhead_kb_n100",
    }
    assert all(ratio > 0 for ratio in ratios.values())


@pytest.mark.parametrize("drops", [0, 1])
def test_both_sides_sum_the_same_vectors(drops: int) -> None:
    vectors = [secagg._draw(index, 1000) for index in range(4)]
    ours, cost = secagg_ours.our_secagg(vectors.__getitem__, 4, 1000, drops=drops)
    flowers, peer = flower_secagg(vectors, drops=drops, clip=secagg_ours.CLIP)
    plain = np.sum(vectors[: 4 - drops], axis=0, dtype=np.float64)
    assert np.abs(ours - plain).max() <= secagg_ours.our_encoding(4, 1000).largest_error
    assert np.abs(flowers - ours).max() < 1e-4
    assert cost.vector_bytes == 3 * 1000
    assert cost.vector_bytes < cost.bytes_up < peer.bytes_up


@pytest.mark.parametrize(("hospitals", "bits"), [(3, 24), (4, 24), (10, 24), (30, 28), (100, 28), (255, 32)])
def test_the_encoding_is_the_one_that_a_run_takes(hospitals: int, bits: int) -> None:
    """Of hospitals of one size."""
    ours = secagg_ours.our_encoding(hospitals, 1000)
    runs = training_encoding(1000, hospitals, [secagg_ours.EXAMPLES] * hospitals, secagg_ours.CLIP)
    assert ours.bits == runs.bits == bits
    assert ours.segments[0].scale == runs.segments[0].scale
    assert secagg_ours.PRECISION == PRECISION


def test_vectors_are_left_as_they_are() -> None:
    """The turns after this one, Flower's and ours, sum the same."""
    vectors = [secagg._draw(index, 1000) for index in range(4)]
    before = [vector.copy() for vector in vectors]
    secagg_ours.our_secagg(vectors.__getitem__, 4, 1000, drops=1)
    assert all(np.array_equal(*pair) for pair in zip(vectors, before, strict=True))


def test_a_wrong_sum_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = secagg_ours.ClientSum.mask

    def shifted(self: secagg_ours.ClientSum, vector: np.ndarray) -> object:
        return mask(self, vector + np.int32(1000))

    monkeypatch.setattr(secagg_ours.ClientSum, "mask", shifted)
    with pytest.raises(RuntimeError, match="not the sum"):
        secagg.overhead(4)


def test_what_is_sent_besides_the_vector_does_not_grow_with_it() -> None:
    short, long = (
        secagg_ours.our_secagg(lambda index, n=n: secagg._draw(index, n), 4, n, drops=0)[1]
        for n in (40, 4000)
    )
    assert short.bytes_up - short.vector_bytes == long.bytes_up - long.vector_bytes


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_and_draws(as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overhead = secagg.overhead
    monkeypatch.setattr(secagg, "QUICK", (SIZE,))
    monkeypatch.setattr(secagg, "MASKS", ((4, 1000),))
    monkeypatch.setattr(secagg, "overhead", lambda hospitals: overhead(4))
    picture = tmp_path / "secagg.svg"
    flags = ["--quick", "--repeat", "1", "--plot", str(picture), *(["--json"] if as_json else [])]
    done = CliRunner().invoke(app, ["secagg", *flags])
    assert done.exit_code == 0, done.output
    assert picture.read_text().startswith("<svg")
    if as_json:
        result = json.loads(done.stdout)
        assert list(result) == ["bench", "machine", "date", "rows", "ratios"]
        assert len(result["rows"]) == 3
    else:
        assert "client_speedup_n4_L1e3_drops" in done.stdout
