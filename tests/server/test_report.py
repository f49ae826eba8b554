"""The report draws every tree a run can leave, stands alone, and lets no name become markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from server.charts import MOST_LINES, MOST_NAMED
from server.metrics import LocalOnly, Metrics, Round, Site, to_json, write_metrics
from server.report import write_report
from shared.files import sha256
from shared.scores import Score, Scores

HOSTILE = [
    "<script>alert(1)</script>",
    "</svg><img src=x onerror=alert(2)>",
    "\"' onload=alert(3) {{ 7*7 }} {% raw %}",
    "a].b['c'] && datum.f1",
    "St. Élan · 圣",
]


def scores(f1: float, labels: tuple[str, ...] = ("Disease",)) -> Scores:
    one = Score(f1 + 1, f1 - 1, f1, 100, 98, 80)
    wide = Score(f1 + 4, f1 + 2, f1 + 3, 100, 98, 85)
    names = (*labels, "micro")
    return Scores(strict=dict.fromkeys(names, one), overlap=dict.fromkeys(names, wide))


def make_metrics(names: list[str], rounds: int, *, baselines: bool = True) -> Metrics:
    """A run in which the last hospital times out in even rounds and every fifth is asked in odd rounds only."""
    made = []
    for number in range(1, rounds + 1):
        cohort = [name for i, name in enumerate(names) if i % 5 or number % 2]
        missing = {names[-1]: "reject-update"} if number % 2 == 0 and names[-1] in cohort else {}
        answered = [name for name in cohort if name not in missing]
        level = 80 - 60 / (number + 1)
        made.append(
            Round(
                round=number,
                cohort=cohort,
                answered=answered,
                missing=missing,
                examples=120 * len(answered),
                loss=1 / number,
                bytes_down=2_400_000 * len(cohort),
                bytes_up=2_400_000 * len(answered),
                seconds={"update": 9.0 + number % 3, "aggregate": 0.4, "evaluate": 2.5, "checkpoint": 0.1},
                memory_mb=700 + 12 * number,
                held_out=scores(level),
                held_out_by_hospital={
                    n: scores(level - 8 + 15 * i / len(names)) for i, n in enumerate(names)
                },
            )
        )
    alone = {name: scores(45 + 20 * i / len(names)) for i, name in enumerate(names)}
    sites = {name: Site(300 - i, 120, 240 - i, 60) for i, name in enumerate(names)}
    total = sum(site.train_notes for site in sites.values())
    mean = sum(sites[name].train_notes * alone[name].f1 for name in names) / total
    return Metrics(
        command="clinfed aggregator demo --model birnn --out runs/demo",
        date="2026-11-23T14:05:00+00:00",
        machine={"processor": "x86-64", "cores": "2", "python": "3.11.7", "torch": "2.13.0"},
        seed=7,
        model={"kind": "birnn", "words": {"width": 100, "hashed": True}, "labels": ("Disease", "Finding")},
        labels=["Disease"],
        test_set={"name": "synthetic, unseen templates", "notes": 200},
        hospitals=sites,
        rounds=made,
        federated=scores(78.3),
        local_only=LocalOnly(alone, mean) if baselines else None,
        pooled=scores(79.6) if baselines else None,
        seconds={"federated": 181.2, "local_only": 160.0, "pooled": 140.4}
        if baselines
        else {"federated": 181.2},
    )


class Page(HTMLParser):
    """What a browser would make of the page: elements with attributes, and the text outside styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def draw(folder: Path, metrics: Metrics) -> Page:
    return Page(write_report(folder, to_json(metrics)))


def figures(page: Page) -> int:
    return sum(tag == "figure" for tag, _ in page.elements)


NAMES = ["Alder Bridge Oncology", "Birch Hill General", "Cedar Lake Cardiology"]


def test_the_report_states_the_comparison_and_the_privacy(tmp_path: Path) -> None:
    page = draw(tmp_path, make_metrics(NAMES, 4))
    for words in (
        "78.3",
        "79.6",
        "1.3 points below",
        "3 of 3 hospitals sent updates the aggregator could read",
    ):
        assert words in page.text
    assert figures(page) == 5
    assert "reject-update" in page.text
    assert "words.width" in page.text
    assert "Disease, Finding" in page.text


def test_the_size_weighted_mean_covers_every_measure(tmp_path: Path) -> None:
    metrics = make_metrics(NAMES, 1)
    assert metrics.local_only is not None
    page = draw(tmp_path, metrics)
    mean = metrics.local_only.size_weighted_f1
    row = re.search(r"Local only\s*size-weighted[^\d]*([\d.\s]+)", re.sub(r"[^\S\n]+", " ", page.text))
    assert row is not None
    cells = [f"{mean + d:.1f}" for d in (1, -1, 0, 4, 2, 3)]
    assert "".join(cells) in row[1].replace(" ", "").replace("\n", "")


def test_a_mean_with_other_weights_is_shown_alone(tmp_path: Path) -> None:
    metrics = make_metrics(NAMES, 1)
    assert metrics.local_only is not None
    page = draw(tmp_path, replace(metrics, local_only=replace(metrics.local_only, size_weighted_f1=31.23)))
    assert "––31.2–––" in page.text


@pytest.mark.parametrize(
    ("metrics", "charts"),
    [
        (make_metrics(NAMES, 3, baselines=False), 4),
        (make_metrics(NAMES, 0), 1),
        (replace(make_metrics(NAMES, 0, baselines=False)), 0),
        (replace(make_metrics(NAMES, 3), pooled=None), 5),
        (make_metrics(NAMES[:1], 1), 5),
        (
            replace(
                make_metrics(NAMES, 2),
                rounds=[
                    replace(r, held_out=None, held_out_by_hospital={}) for r in make_metrics(NAMES, 2).rounds
                ],
            ),
            4,
        ),
        (
            replace(
                make_metrics(NAMES, 1),
                rounds=[
                    Round(1, NAMES, [], dict.fromkeys(NAMES, "late"), 0, float("nan"), 0, 0, {}, 0.0),
                ],
            ),
            3,
        ),
        (make_metrics([f"Hospital {i}" for i in range(100)], 3), 5),
        (make_metrics(NAMES, 60), 5),
    ],
    ids=[
        "no baselines",
        "no rounds",
        "neither",
        "no pooled model",
        "one hospital, one round",
        "never evaluated",
        "nobody answered, loss undefined",
        "100 hospitals",
        "60 rounds",
    ],
)
def test_every_kind_of_run_is_drawn(tmp_path: Path, metrics: Metrics, charts: int) -> None:
    page = draw(tmp_path, metrics)
    assert figures(page) == charts
    assert "None" not in page.text
    assert "nan" not in re.findall(r"[a-z]+", page.text)


def test_many_hospitals_are_summarised(tmp_path: Path) -> None:
    names = [f"Hospital {i:03}" for i in range(max(MOST_NAMED, MOST_LINES) + 1)]
    page = draw(tmp_path, make_metrics(names, 3))
    assert "Lowest to highest" in page.text
    assert page.text.count("Hospital 003") == 1  # the table of hospitals
    assert page.text.count(names[-1]) == 2  # and, for the one that did not answer, why


@pytest.mark.parametrize("count", [len(HOSTILE), 30], ids=["named in charts", "summarised"])
def test_hostile_names_stay_text(tmp_path: Path, count: int) -> None:
    names = HOSTILE + [f"Hospital {i}" for i in range(count - len(HOSTILE))]
    metrics = replace(
        make_metrics(names, 2), command=HOSTILE[0], model={HOSTILE[0]: HOSTILE[1]}, labels=HOSTILE[:1]
    )
    page = draw(tmp_path, metrics)
    assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "link", "object", "image", "a"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert all(name in page.text for name in names)


def test_the_page_reaches_for_nothing_outside(tmp_path: Path) -> None:
    page = draw(tmp_path, make_metrics(NAMES, 2))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|src=|href=|//[a-z]", source)
    policy = [
        a for tag, a in page.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy[0]["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_colour_is_defined_for_light_dark_and_paper(tmp_path: Path) -> None:
    draw(tmp_path, make_metrics(NAMES, 2))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    used = set(re.findall(r"var\((--[a-z0-9]+)\)", source))
    blocks: list[str] = re.findall(r":root \{(.*?)\}", source, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        assert used <= set(re.findall(r"(--[a-z0-9]+):", block))


def test_the_report_cites_the_hash_of_its_source(tmp_path: Path) -> None:
    metrics = make_metrics(NAMES, 1)
    page = draw(tmp_path, metrics)
    write_metrics(tmp_path / "metrics.json", metrics)
    assert sha256(tmp_path / "metrics.json") in page.text


def test_a_promise_of_privacy_is_stated(tmp_path: Path) -> None:
    sites: dict[str, Any] = {n: Site(10, 5, 8, 2, trust="masked", epsilon=4.0, delta=1e-5) for n in NAMES[:2]}
    sites[NAMES[2]] = Site(10, 5, 8, 2)
    page = draw(tmp_path, replace(make_metrics(NAMES, 1), hospitals=sites))
    assert "1 of 3 hospitals sent updates the aggregator could read" in page.text
    assert "patients of 1 of 3 hospitals" in page.text
    assert "largest epsilon of any hospital is 4.00" in page.text
    assert "1e-05" in page.text
