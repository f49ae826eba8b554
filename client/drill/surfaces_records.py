"""Surfaces of `logging`: messages, arguments, fields, names, handlers, copies."""

# ruff: noqa: D103 - a name says what each surface is

import copy
import logging
import logging.config
import logging.handlers
import multiprocessing
import pickle
import queue
import sqlite3
import sys
from enum import StrEnum
from typing import Any, cast

from client.drill.surfaces import Scene, surface


@surface
def argument(scene: Scene) -> None:
    scene.log.warning("cannot read the chart of %s", scene.canary.name)


@surface
def argument_repr(scene: Scene) -> None:
    scene.log.warning("cannot read %r", scene.canary.sentence)


@surface
def argument_by_name(scene: Scene) -> None:
    scene.log.warning("cannot read %(patient)s", {"patient": scene.canary.name})


@surface
def argument_number(scene: Scene) -> None:
    scene.log.warning("cannot read record %d", scene.canary.mrn)


@surface
def argument_float(scene: Scene) -> None:
    scene.log.warning("cannot read record %.1f", float(scene.canary.mrn))


@surface
def arguments_in_pieces(scene: Scene) -> None:
    scene.log.warning("%s%s, %s", scene.canary.given, scene.canary.family, scene.canary.ssn.split("-")[2])


@surface
def argument_container(scene: Scene) -> None:
    scene.log.warning("rows %s", [(scene.canary.mrn, scene.canary.name, {"ssn": scene.canary.ssn})])


@surface
def argument_object(scene: Scene) -> None:
    class Row:
        def __repr__(self) -> str:
            return scene.canary.sentence

    scene.log.warning("row %s", Row())


@surface
def argument_bytes(scene: Scene) -> None:
    scene.log.warning("payload %s", scene.canary.sentence.encode())


@surface
def argument_enum_of_data(scene: Scene) -> None:
    scene.log.warning("member %s", cast(Any, StrEnum)("Patients", {"A": scene.canary.name}).A)


@surface
def argument_exception(scene: Scene) -> None:
    scene.log.warning("failed: %s", ValueError(scene.canary.name))


@surface
def arguments_that_do_not_fit(scene: Scene) -> None:
    scene.log.warning("one place %s", scene.canary.name, scene.canary.mrn)


@surface
def argument_without_place(scene: Scene) -> None:
    scene.log.warning("no place", scene.canary.name)


@surface
def argument_whose_text_fails(scene: Scene) -> None:
    class Row:
        def __str__(self) -> str:
            raise ValueError(scene.canary.sentence)

    scene.log.warning("row %s of %s", Row(), scene.canary.name)


@surface
def f_string(scene: Scene) -> None:
    scene.log.warning(f"cannot read the chart of {scene.canary.name}, record {scene.canary.mrn}")


@surface
def format_string(scene: Scene) -> None:
    scene.log.warning("cannot read the chart of {}, {}".format(scene.canary.name, scene.canary.phone))  # noqa: UP032


@surface
def concatenation(scene: Scene) -> None:
    scene.log.warning("cannot read the chart of " + scene.canary.name)


@surface
def message_text(scene: Scene) -> None:
    scene.log.warning(scene.canary.sentence)


@surface
def message_object(scene: Scene) -> None:
    scene.log.warning({"patient": scene.canary.name, "mrn": scene.canary.mrn})


@surface
def message_exception(scene: Scene) -> None:
    scene.log.warning(KeyError(scene.canary.name))


@surface
def message_forging_a_line(scene: Scene) -> None:
    line = '{"ts":"2026-01-01T00:00:00.000Z","level":"INFO","logger":"root","message":'
    scene.log.warning(f"all is well\n{line}{scene.canary.sentence}\n\x1b[2K")


@surface
def extra(scene: Scene) -> None:
    scene.log.warning("extra", extra={"patient": scene.canary.name, "mrn": scene.canary.mrn})


@surface
def extra_nested(scene: Scene) -> None:
    scene.log.warning("extra", extra={"row": {"who": [scene.canary.name, scene.canary.mrn]}})


@surface
def extra_name(scene: Scene) -> None:
    scene.log.warning("extra", extra={scene.canary.family: 1, f"mrn{scene.canary.mrn}": 2})


@surface
def adapter(scene: Scene) -> None:
    logging.LoggerAdapter(scene.log, {"patient": scene.canary.name}).warning("adapter")


@surface
def adapter_prefix(scene: Scene) -> None:
    class Prefix(logging.LoggerAdapter):  # type: ignore[type-arg]
        def process(self, msg: Any, kwargs: Any) -> Any:
            return f"[Patient: {scene.canary.name}] {msg}", kwargs

    Prefix(scene.log, {}).warning("adapter")


@surface
def logger_name(scene: Scene) -> None:
    logging.getLogger(f"clinfed.patient.{scene.canary.name}").warning("named")


@surface
def level_name(scene: Scene) -> None:
    logging.addLevelName(35, scene.canary.family)
    scene.log.log(35, "level")


@surface
def logger_of_another_class(scene: Scene) -> None:
    class Own(logging.Logger):
        def makeRecord(self, *args: Any, **options: Any) -> logging.LogRecord:  # noqa: N802
            record = super().makeRecord(*args, **options)
            record.msg = f"Patient: {scene.canary.name}"
            return record

        def handle(self, record: logging.LogRecord) -> None:
            for handler in logging.getLogger().handlers:
                handler.handle(record)

    Own("clinfed.own").warning("own")


@surface
def logger_filter(scene: Scene) -> None:
    def add(record: logging.LogRecord) -> bool:
        record.patient = scene.canary.name
        return True

    scene.log.addFilter(add)
    scene.log.warning("filtered")
    scene.log.removeFilter(add)


@surface
def handler_filter(scene: Scene) -> None:
    def change(record: logging.LogRecord) -> bool:
        record.msg, record.args = "chart of %s", (scene.canary.name,)
        return True

    _with_file(scene, "filtered.log", lambda handler: handler.addFilter(change))


@surface
def record_factory(scene: Scene) -> None:
    before = logging.getLogRecordFactory()

    def make(*args: Any, **options: Any) -> logging.LogRecord:
        record = before(*args, **options)
        record.patient = scene.canary.name
        return record

    logging.setLogRecordFactory(make)
    scene.log.warning("factory")
    logging.setLogRecordFactory(before)


@surface
def record_by_hand(scene: Scene) -> None:
    scene.log.handle(_record(scene))


@surface
def record_from_a_dictionary(scene: Scene) -> None:
    scene.log.handle(
        logging.makeLogRecord({"msg": "chart of %s", "args": (scene.canary.name,), "levelno": 30})
    )


@surface
def record_to_a_handler(scene: Scene) -> None:
    logging.getLogger().handlers[0].handle(_record(scene))


@surface
def record_emitted(scene: Scene) -> None:
    logging.getLogger().handlers[0].emit(_record(scene))


@surface
def record_formatted(scene: Scene) -> None:
    sys.stderr.write(logging.Formatter("%(message)s").format(_record(scene)) + "\n")


@surface
def record_unpickled(scene: Scene) -> None:
    record = _record(scene)
    scene.log.handle(pickle.loads(pickle.dumps(record)))  # noqa: S301


@surface
def record_copied_and_changed(scene: Scene) -> None:
    class Copying(logging.StreamHandler):  # type: ignore[type-arg]
        def emit(self, record: logging.LogRecord) -> None:
            twin = copy.copy(record)
            twin.msg = f"chart of {scene.canary.name}, MRN {scene.canary.mrn}"
            logging.getLogger().handlers[0].handle(twin)

    _with_handler(scene, Copying())


@surface
def logger_without_propagation(scene: Scene) -> None:
    own = logging.getLogger("clinfed.own")
    own.propagate = False
    own.addHandler(logging.StreamHandler(sys.stderr))
    own.warning("chart of %s", scene.canary.name)


@surface
def file_handler(scene: Scene) -> None:
    _with_file(scene, "file.log", lambda _: None)


@surface
def rotating_file_handler(scene: Scene) -> None:
    path = scene.folder / "rotating.log"
    _with_handler(scene, logging.handlers.RotatingFileHandler(path, maxBytes=200, backupCount=3))


@surface
def memory_handler(scene: Scene) -> None:
    target = logging.FileHandler(scene.folder / "memory.log")
    memory = logging.handlers.MemoryHandler(10, target=target)
    _with_handler(scene, memory)
    target.close()


@surface
def queue_handler(scene: Scene) -> None:
    records: queue.Queue[Any] = queue.Queue()
    listener = logging.handlers.QueueListener(records, logging.FileHandler(scene.folder / "queue.log"))
    listener.start()
    _with_handler(scene, logging.handlers.QueueHandler(records))
    listener.stop()


@surface
def queue_of_raw_records(scene: Scene) -> None:
    class Raw(logging.handlers.QueueHandler):
        def prepare(self, record: logging.LogRecord) -> Any:
            return record

    records: queue.Queue[Any] = queue.Queue()
    _with_handler(scene, Raw(records))
    kept = records.get()
    (scene.folder / "raw.pickle").write_bytes(pickle.dumps((kept.msg, kept.args, vars(kept).get("patient"))))


@surface
def queue_between_processes(scene: Scene) -> None:
    records = multiprocessing.get_context("spawn").Queue()
    _with_handler(scene, logging.handlers.QueueHandler(records))
    logging.getLogger().handlers[0].handle(records.get(timeout=10))
    records.close()
    records.join_thread()


@surface
def socket_handler(scene: Scene) -> None:
    _with_handler(scene, logging.handlers.SocketHandler("127.0.0.1", scene.ports.tcp))


@surface
def datagram_handler(scene: Scene) -> None:
    _with_handler(scene, logging.handlers.DatagramHandler("127.0.0.1", scene.ports.udp))


@surface
def http_handler(scene: Scene) -> None:
    _with_handler(scene, logging.handlers.HTTPHandler(f"127.0.0.1:{scene.ports.http}", "/log", method="POST"))


@surface
def syslog_handler(scene: Scene) -> None:
    _with_handler(scene, logging.handlers.SysLogHandler(scene.ports.unix))


@surface
def database_handler(scene: Scene) -> None:
    database = sqlite3.connect(scene.folder / "log.sqlite")
    database.execute("CREATE TABLE lines (line TEXT, who TEXT)")

    class Rows(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            who = str(vars(record).get("patient"))
            database.execute("INSERT INTO lines VALUES (?, ?)", (self.format(record), who))

    _with_handler(scene, Rows())
    database.commit()
    database.close()


@surface
def handler_that_fails(scene: Scene) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                raise OSError(scene.canary.sentence)
            except OSError:
                self.handleError(record)

    _with_handler(scene, Failing())


@surface
def formatter_of_its_own(scene: Scene) -> None:
    class Own(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return f"{record.msg} {record.args} {vars(record).get('patient')}"

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Own())
    _with_handler(scene, handler)


@surface
def configuration_by_dictionary(scene: Scene) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "own": {"class": "logging.FileHandler", "filename": str(scene.folder / "config.log")}
            },
            "loggers": {"clinfed.configured": {"handlers": ["own"], "propagate": False}},
        }
    )
    logging.getLogger("clinfed.configured").warning("chart of %s", scene.canary.name)


@surface
def last_resort(scene: Scene) -> None:
    if logging.lastResort is not None:
        logging.lastResort.handle(_record(scene))


@surface
def stack_info(scene: Scene) -> None:
    namespace: dict[str, Any] = {"log": scene.log}
    exec(f"def visit(): log.warning('stack', stack_info=True)\nvisit()  # {scene.canary.sentence}", namespace)  # noqa: S102
    code = compile("log.warning('place')", f"/charts/{scene.canary.family}/{scene.canary.mrn}.py", "exec")
    exec(code, namespace)  # noqa: S102


def _record(scene: Scene) -> logging.LogRecord:
    return logging.LogRecord(
        "clinfed.drill",
        logging.WARNING,
        __file__,
        1,
        "chart of %s, MRN %s",
        (scene.canary.name, scene.canary.mrn),
        None,
    )


def _with_handler(scene: Scene, handler: logging.Handler) -> None:
    own = logging.getLogger("clinfed.drill.handled")
    own.propagate = False
    own.addHandler(handler)
    try:
        own.warning(
            "chart of %s, MRN %d", scene.canary.name, scene.canary.mrn, extra={"patient": scene.canary.name}
        )
    finally:
        own.removeHandler(handler)
        handler.close()


def _with_file(scene: Scene, name: str, change: Any) -> None:
    handler = logging.FileHandler(scene.folder / name)
    change(handler)
    _with_handler(scene, handler)
