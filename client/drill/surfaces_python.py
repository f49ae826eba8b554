"""Surfaces of Python itself: exceptions and all that prints them, warnings, threads, tasks, processes."""

# ruff: noqa: D103, T201 - a name says what each surface is, and some of them print

import asyncio
import gc
import logging
import multiprocessing
import sys
import threading
import traceback
import warnings
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

from client.drill.surfaces import Scene, surface


@surface
def exception(scene: Scene) -> None:
    try:
        raise ValueError(scene.canary.sentence)
    except ValueError:
        scene.log.exception("failed")


@surface
def exception_bare_name(scene: Scene) -> None:
    try:
        raise ValueError(scene.canary.name)
    except ValueError:
        scene.log.exception("failed")


@surface
def exception_f_string(scene: Scene) -> None:
    try:
        raise RuntimeError(f"no chart for {scene.canary.name}, record {scene.canary.mrn}")
    except RuntimeError:
        scene.log.exception("failed")


@surface
def exception_of_python(scene: Scene) -> None:
    for fail in (
        lambda: dict[str, str]()[scene.canary.name],
        lambda: int(scene.canary.ssn),
        lambda: open(f"/nowhere/{scene.canary.family}_{scene.canary.mrn}.txt"),  # noqa: PTH123, SIM115
        lambda: getattr(object(), scene.canary.family),
    ):
        try:
            fail()
        except Exception:
            scene.log.exception("failed")


@surface
def exception_cause(scene: Scene) -> None:
    try:
        try:
            raise KeyError(scene.canary.name)
        except KeyError as error:
            raise RuntimeError("outer") from error
    except RuntimeError:
        scene.log.exception("failed")


@surface
def exception_context(scene: Scene) -> None:
    try:
        try:
            raise KeyError(scene.canary.name)
        except KeyError:
            raise RuntimeError("outer")  # noqa: B904
    except RuntimeError:
        scene.log.exception("failed")


@surface
def exception_notes(scene: Scene) -> None:
    try:
        error = RuntimeError("noted")
        error.add_note(f"while reading {scene.canary.name}")
        raise error
    except RuntimeError:
        scene.log.exception("failed")


@surface
def exception_group(scene: Scene) -> None:
    try:
        raise ExceptionGroup(scene.canary.name, [ValueError(scene.canary.sentence)])
    except ExceptionGroup:
        scene.log.exception("failed")


@surface
def exception_class(scene: Scene) -> None:
    try:
        raise type(scene.canary.family, (Exception,), {})
    except Exception:
        scene.log.exception("failed")


@surface
def exception_info_by_hand(scene: Scene) -> None:
    error = ValueError(scene.canary.sentence)
    scene.log.error("failed", exc_info=error)
    scene.log.error("failed", exc_info=(ValueError, error, None))


@surface
def traceback_printed(scene: Scene) -> None:
    try:
        raise ValueError(scene.canary.sentence)
    except ValueError:
        traceback.print_exc()


@surface
def traceback_as_text(scene: Scene) -> None:
    try:
        raise ValueError(f"no chart: {scene.canary.sentence}")
    except ValueError:
        scene.log.error(traceback.format_exc())


@surface
def warning(scene: Scene) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"no chart for {scene.canary.name}", stacklevel=1)


@surface
def warning_captured(scene: Scene) -> None:
    logging.captureWarnings(True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(scene.canary.sentence, ResourceWarning, stacklevel=1)
    logging.captureWarnings(False)


@surface
def thread_dies(scene: Scene) -> None:
    def work() -> None:
        raise ValueError(scene.canary.name)

    _run(threading.Thread(target=work, name=scene.canary.name))


@surface
def thread_name(scene: Scene) -> None:
    _run(
        threading.Thread(target=lambda: scene.log.warning("in a thread"), name=f"reader {scene.canary.name}")
    )


@surface
def unraisable(scene: Scene) -> None:
    class Row:
        def __del__(self) -> None:
            raise ValueError(scene.canary.sentence)

    row = Row()
    del row
    gc.collect()


@surface
def hook_of_python(scene: Scene) -> None:
    try:
        raise ValueError(scene.canary.sentence)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.__excepthook__(type(error), error, error.__traceback__)


@surface
def task_never_awaited(scene: Scene) -> None:
    async def work() -> None:
        raise ValueError(scene.canary.name)

    async def main() -> None:
        task = asyncio.create_task(work(), name=scene.canary.name)
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(main())


@surface
def callback_of_a_loop(scene: Scene) -> None:
    def work() -> None:
        raise ValueError(scene.canary.sentence)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(work)
        asyncio.get_running_loop().call_exception_handler({"message": scene.canary.sentence})
        await asyncio.sleep(0)

    asyncio.run(main())


@surface
def slow_callback(scene: Scene) -> None:
    async def main(name: str) -> str:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0
        await asyncio.create_task(asyncio.sleep(0, name), name=name)
        return name

    asyncio.run(main(f"Patient {scene.canary.name}"))
    asyncio.new_event_loop().close()


@surface
def callback_of_a_future(scene: Scene) -> None:
    def work(_: object) -> None:
        raise ValueError(scene.canary.name)

    future: Future[str] = Future()
    future.add_done_callback(work)
    future.set_result(scene.canary.sentence)


@surface
def exception_from_a_pool(scene: Scene) -> None:
    with ThreadPoolExecutor(1, thread_name_prefix=scene.canary.family) as pool:
        try:
            pool.submit(_fail, scene.canary.name).result()
        except ValueError:
            scene.log.exception("failed")


@surface
def exception_from_a_process(scene: Scene) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            pool.submit(_fail, scene.canary.name).result()
        except ValueError:
            scene.log.exception("failed")


@surface
def process_spawned(scene: Scene) -> None:
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_speak, args=(scene.canary.sentence,), name=f"reader {scene.canary.name}")
    process.start()
    process.join()


@surface
def process_forked(scene: Scene) -> None:
    process = multiprocessing.get_context("fork").Process(target=_speak, args=(scene.canary.sentence,))
    process.start()
    process.join()


@surface
def exit_message(scene: Scene) -> None:
    process = multiprocessing.get_context("spawn").Process(target=sys.exit, args=(scene.canary.sentence,))
    process.start()
    process.join()


def _fail(text: str) -> None:
    raise ValueError(f"cannot read {text}")


def _speak(text: str) -> None:
    """What a child says: a record, a line, and its last words."""
    from client.drill.worker import be_raw_like_the_parent

    be_raw_like_the_parent()
    logging.getLogger("clinfed.drill").warning("child: %s", text)
    print(text, flush=True)
    raise RuntimeError(text)


def _run(thread: threading.Thread) -> None:
    thread.start()
    thread.join()
