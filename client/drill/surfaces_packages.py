"""Surfaces of other people's packages: their loggers, mirrors, metrics and traces."""

# ruff: noqa: D103, T201 - a name says what each surface is, and some of them print

import logging
import queue
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from client.drill.surfaces import Missing, Scene, surface


@surface
def flower_logger(scene: Scene) -> None:
    logger = _need("flwr.supercore.logger").FLOWER_LOGGER
    logger.error("ClientApp raised an exception: %s", scene.canary.sentence)


@surface
def flower_mirror(scene: Scene) -> None:
    """Flower replaces `sys.stdout.write` to upload what is printed."""
    mirrored: queue.Queue[Any] = queue.Queue()
    before = sys.stdout, sys.stderr
    logger = _need("flwr.supercore.logger")
    logger.mirror_output_to_queue(mirrored)
    print(scene.canary.sentence)
    logger.restore_output()
    sys.stdout, sys.stderr = before
    uploaded = []
    while not mirrored.empty():
        uploaded.append(str(mirrored.get()))
    (scene.folder / "uploaded.log").write_text("".join(uploaded))


@surface
def transformers_logger(scene: Scene) -> None:
    logging.getLogger("transformers.tokenization").error("too long: %s", scene.canary.sentence)


@surface
def presidio_at_debug(scene: Scene) -> None:
    analyzer = logging.getLogger("presidio-analyzer")
    analyzer.setLevel(logging.DEBUG)
    analyzer.error("Context of %s is %s", scene.canary.name, scene.canary.sentence)
    analyzer.setLevel(logging.WARNING)


@surface
def uvicorn_access(scene: Scene) -> None:
    own = logging.getLogger("uvicorn.access")
    own.propagate = False
    own.addHandler(logging.StreamHandler(sys.stdout))
    path = f"/v1/extract?name={scene.canary.given}%20{scene.canary.family}&mrn={scene.canary.mrn}"
    own.warning('%s - "%s %s HTTP/%s" %d', "10.1.2.3:4711", "GET", path, "1.1", 200)


@surface
def streamlit_logger(scene: Scene) -> None:
    own = logging.getLogger("streamlit.runtime")
    own.propagate = False
    own.addHandler(logging.StreamHandler(sys.stderr))
    own.error("Uncaught app execution: %s", scene.canary.sentence)


@surface
def rich_console(scene: Scene) -> None:
    _need("rich.console").Console(stderr=True, width=300).print(scene.canary.sentence)


@surface
def click_message(scene: Scene) -> None:
    _need("click").echo(scene.canary.sentence, err=True)


@surface
def loguru_to_errors(scene: Scene) -> None:
    logger = _need("loguru").logger
    logger.warning("chart of {}, {mrn}", scene.canary.name, mrn=scene.canary.mrn)
    logger.warning(f"chart of {scene.canary.sentence}")


@surface
def loguru_to_a_file(scene: Scene) -> None:
    logger = _need("loguru").logger
    sink = logger.add(
        scene.folder / "loguru.log", format="{extra} {name} {message}\n{exception}", diagnose=True
    )
    line = logger.add(scene.folder / "loguru.json", serialize=True)
    logger.bind(patient=scene.canary.name).warning("bound {}", scene.canary.mrn)
    try:
        raise ValueError(scene.canary.sentence)
    except ValueError:
        logger.exception("failed for {}", scene.canary.name)
    logger.remove(sink)
    logger.remove(line)


@surface
def prometheus_labels(scene: Scene) -> None:
    client = _need("prometheus_client")
    registry = client.CollectorRegistry()
    counter = client.Counter("visits", "Visits.", ["who", "where"], registry=registry)
    counter.labels(who=scene.canary.name, where=scene.canary.street).inc(1, {"mrn": str(scene.canary.mrn)})
    (scene.folder / "metrics.txt").write_bytes(client.generate_latest(registry))


@surface
def opentelemetry_span(scene: Scene) -> None:
    sdk, export = _need("opentelemetry.sdk.trace"), _need("opentelemetry.sdk.trace.export")
    provider = sdk.TracerProvider()
    with (scene.folder / "spans.json").open("w") as out:
        provider.add_span_processor(export.SimpleSpanProcessor(export.ConsoleSpanExporter(out=out)))
        try:
            with provider.get_tracer("drill").start_as_current_span(f"Patient {scene.canary.name}") as span:
                span.set_attribute("patient", scene.canary.name)
                span.add_event("read", {"mrn": scene.canary.mrn})
                raise ValueError(scene.canary.sentence)
        except ValueError:
            provider.shutdown()


def _need(module: str) -> ModuleType:
    """A module, if it is installed and may be loaded."""
    package = module.partition(".")[0]
    if find_spec(package) is None:
        raise Missing
    return import_module(module)
