"""Surfaces of output: everything that writes to a stream or a descriptor."""

# ruff: noqa: D103, T201, T203 - a name says what each surface is, and some of them print

import ctypes
import os
import pprint
import subprocess
import sys
import threading

from client.drill.surfaces import Scene, surface


@surface
def printed(scene: Scene) -> None:
    print(scene.canary.sentence)


@surface
def printed_to_errors(scene: Scene) -> None:
    print(scene.canary.sentence, file=sys.stderr)


@surface
def printed_to_the_saved_stream(scene: Scene) -> None:
    print(scene.canary.sentence, file=sys.__stdout__)
    print(scene.canary.sentence, file=sys.__stderr__)


@surface
def printed_in_pieces(scene: Scene) -> None:
    for letter in scene.canary.sentence + "\n":
        sys.stdout.write(letter)
        sys.stdout.flush()


@surface
def printed_by_threads_in_pieces(scene: Scene) -> None:
    def work() -> None:
        for word in scene.canary.sentence.split(" "):
            sys.stderr.write(word + " ")
            sys.stderr.flush()
        sys.stderr.write("\n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@surface
def printed_as_progress(scene: Scene) -> None:
    for step in range(3):
        sys.stderr.write(f"\r\x1b[2K{step} {scene.canary.sentence}")
    sys.stderr.write("\n")


@surface
def printed_prettily(scene: Scene) -> None:
    pprint.pprint({"Patient": scene.canary.sentence}, width=200)


@surface
def buffer_written(scene: Scene) -> None:
    sys.stdout.buffer.write(scene.canary.sentence.encode() + b"\n")
    sys.stdout.buffer.flush()


@surface
def descriptor_1(scene: Scene) -> None:
    os.write(1, scene.canary.sentence.encode() + b"\n")


@surface
def descriptor_2_in_pieces(scene: Scene) -> None:
    text = scene.canary.sentence.encode() + b"\n"
    for at in range(0, len(text), 5):
        os.write(2, text[at : at + 5])


@surface
def descriptor_opened_anew(scene: Scene) -> None:
    with open(2, "w", closefd=False) as stream:
        stream.write(scene.canary.sentence + "\n")


@surface
def device_file(scene: Scene) -> None:
    try:
        with open("/dev/stderr", "w") as stream:  # noqa: PTH123
            stream.write(scene.canary.sentence + "\n")
    except OSError:  # no such device in this container
        os.write(2, scene.canary.sentence.encode() + b"\n")


@surface
def c_library(scene: Scene) -> None:
    library = ctypes.CDLL(None)
    library.puts(scene.canary.sentence.encode())
    library.fflush(None)


@surface
def shell(scene: Scene) -> None:
    os.system(f"echo '{scene.canary.sentence}'")  # noqa: S605


@surface
def program_started(scene: Scene) -> None:
    code = "import sys; print(sys.stdin.read()); sys.exit('last words')"
    subprocess.run([sys.executable, "-c", code], input=scene.canary.sentence, text=True, check=False)  # noqa: S603


@surface
def program_dies(scene: Scene) -> None:
    code = "import sys; raise ValueError(sys.stdin.read())"
    subprocess.run([sys.executable, "-c", code], input=scene.canary.sentence, text=True, check=False)  # noqa: S603


@surface
def table_printed(scene: Scene) -> None:
    print(f"{'name':30}{'mrn':>12}\n{scene.canary.name:30}{scene.canary.mrn:>12}")


@surface
def unfinished_line(scene: Scene) -> None:
    sys.stdout.write(scene.canary.sentence)
    sys.stdout.flush()
    sys.stdout.write("\n")
