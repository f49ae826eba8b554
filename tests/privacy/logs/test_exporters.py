"""Metrics and traces carry listed words and tokens only."""

import inspect
import io
from importlib import import_module

import pytest

from privacy.logs.counters import counters
from privacy.logs.exporters import CleanSpans, guard_prometheus, label
from privacy.logs.records import Records
from privacy.logs.tokens import TOKEN
from shared.refusal import Reason


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("train", "train"),
        (Reason.BUDGET, "budget"),
        (200, "200"),
        ("+Inf", "+Inf"),
        ("0.005", "0.005"),
        ("Elsie Harrow", "other"),
        (12345678, "other"),
        ("/v1/extract?name=Harrow", "other"),
        ("", "other"),
    ],
)
def test_labels_are_on_the_list_or_other(value: object, said: str) -> None:
    before = counters()["labels"]
    assert label(value) == said
    assert counters()["labels"] == before + (said == "other")


def test_prometheus_takes_no_other_label(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("prometheus_client", reason="comes with the service")
    metrics = import_module("prometheus_client.metrics")
    for kind, name in (
        (metrics.MetricWrapperBase, "labels"),
        (metrics.Counter, "inc"),
        (metrics.Info, "info"),
    ):
        monkeypatch.setattr(kind, name, vars(kind)[name])
    guard_prometheus(metrics)
    registry = client.CollectorRegistry()
    metrics.Counter("visits", ".", ["who"], registry=registry).labels("Harrow").inc(1, {"mrn": "12345678"})
    metrics.Counter("phases", ".", ["phase"], registry=registry).labels(phase="train").inc()
    said = client.generate_latest(registry).decode()
    assert 'who="other"' in said
    assert 'phase="train"' in said
    assert "Harrow" not in said


def test_spans_are_exported_clean(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="optional")
    export = import_module("opentelemetry.sdk.trace.export")
    processor = export.SimpleSpanProcessor
    monkeypatch.setattr(
        processor, "__init__", inspect.unwrap(processor.__init__)
    )  # without the process's layer
    for guarded in (True, False):
        out = io.StringIO()
        exporter = export.ConsoleSpanExporter(out=out)
        provider = sdk.TracerProvider()
        provider.add_span_processor(
            export.SimpleSpanProcessor(CleanSpans(exporter, records) if guarded else exporter)
        )
        with (  # noqa: PT012
            pytest.raises(ValueError, match="HARROW"),
            provider.get_tracer("t").start_as_current_span("HARROW") as span,
        ):
            span.set_attributes({"patient": "Zebrafinch", "rows": 3, "12345678": True})
            span.add_event("read", {"who": "Zebrafinch"})
            raise ValueError("HARROW")
        said = TOKEN.sub("", out.getvalue())
        assert ('"rows": 3' in said) is True
        assert ("HARROW" in said) is not guarded
        assert ("Zebrafinch" in said) is not guarded
        assert ("12345678" in said) is not guarded
