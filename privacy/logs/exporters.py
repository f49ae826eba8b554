"""Metrics and traces: what they carry besides numbers is allow-listed or made clean before an exporter sees it."""

import functools
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from privacy.logs.counters import Event, count
from privacy.logs.records import Records
from privacy.logs.values import name, tree
from privacy.logs.words import is_allowed

OTHER = "other"
_BUCKET = re.compile(r"\+Inf|\d{1,3}(?:\.\d{1,4})?")


def label(value: object) -> str:
    """A metric's label: a listed word (`words.allow` adds some), a number below a thousand, or `other`."""
    own = getattr(value, "value", None)  # of an enum
    text = own if isinstance(own, str) else str(value)
    if is_allowed(text) or _BUCKET.fullmatch(text):
        return text
    count(Event.LABELS)
    return OTHER


def guard_prometheus(module: ModuleType) -> None:
    """Lets metrics of `prometheus_client.metrics` take labels from the allow-list only, and no exemplars.

    Args:
        module: `prometheus_client.metrics`.
    """
    base = module.MetricWrapperBase
    original = base.labels

    @functools.wraps(original)
    def labels(self: Any, *values: object, **named: object) -> Any:
        return original(self, *map(label, values), **{key: label(value) for key, value in named.items()})

    base.labels = labels
    for kind in (module.Counter, module.Histogram):
        for method in {"inc", "observe"} & vars(kind).keys():
            setattr(kind, method, _without_exemplar(vars(kind)[method]))
    info = module.Info.info

    @functools.wraps(info)
    def clean_info(self: Any, values: dict[str, str]) -> Any:
        return info(self, {key: label(value) for key, value in values.items()})

    module.Info.info = clean_info


def _without_exemplar(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, amount: float = 1, exemplar: object = None) -> Any:
        del exemplar
        return original(self, amount)

    return method


class CleanSpans:
    """An OpenTelemetry span exporter in front of another one.

    Args:
        exporter: gets clean copies of spans.
        records: cleans them.
    """

    def __init__(self, exporter: Any, records: Records) -> None:
        self._exporter, self._records = exporter, records

    def export(self, spans: Sequence[Any]) -> Any:
        """Exports clean copies of spans."""
        return self._exporter.export([clean_span(span, self._records) for span in spans])

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._exporter, attribute)


def clean_span(span: Any, records: Records) -> Any:
    """A copy of a `ReadableSpan` whose name, attributes, events, links and status hold nothing that is denied."""
    sdk, api = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.trace")

    def text(value: str) -> str:
        return records.message(value, (), None)

    def fields(attributes: Any) -> dict[str, Any]:
        tokens = records.tokens
        return {
            name(key, tokens): _flat(tree(value, tokens, key)) for key, value in (attributes or {}).items()
        }

    return sdk.ReadableSpan(
        name=text(span.name),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=fields(span.attributes),
        events=[
            sdk.Event(text(event.name), fields(event.attributes), event.timestamp) for event in span.events
        ],
        links=[api.Link(link.context, fields(link.attributes)) for link in span.links],
        kind=span.kind,
        status=api.Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _flat(value: Any) -> Any:
    return str(value) if value is None or isinstance(value, dict | list) else value


def guard_spans(records: Records) -> Callable[[ModuleType], None]:
    """Puts `CleanSpans` in front of every exporter that a span processor is made with.

    Args:
        records: cleans spans.

    Returns:
        Work for `opentelemetry.sdk.trace.export`.
    """

    def work(module: ModuleType) -> None:
        for kind in (module.SimpleSpanProcessor, module.BatchSpanProcessor):
            kind.__init__ = _with_clean_exporter(kind.__init__, records)

    return work


def _with_clean_exporter(original: Callable[..., None], records: Records) -> Callable[..., None]:
    @functools.wraps(original)
    def init(self: Any, span_exporter: Any, *args: Any, **options: Any) -> None:
        original(self, CleanSpans(span_exporter, records), *args, **options)

    return init
