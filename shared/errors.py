"""Every error clinfed raises: a stable code, the place, and the remedy.

Messages hold codes, counts, names of files and fields, and offsets. They never hold the text of a note, so an
error may be printed, logged and sent to another machine.
"""


class ClinfedError(Exception):
    """Something is wrong and the reader can mend it.

    Args:
        what: what is wrong, in one sentence without a final full stop.
        where: the file, line, field or hospital; empty if there is no better place than `what`.
        remedy: what to do next, as an imperative; empty only where the message says it already.
    """

    code = "clinfed-error"

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        text = f"{where}: {what}" if where else what
        super().__init__(f"{text}. {remedy}" if remedy else text)


class FixNotes(ClinfedError):
    """A notes file, a note or an entity is malformed: mend the notes."""

    code = "fix-notes"


class FixFederation(ClinfedError):
    """Hospitals, partition or labels do not fit together: mend the federation's description."""

    code = "fix-federation"


class FixSettings(ClinfedError):
    """A command, a configuration file or a training plan has a wrong value: mend the setting."""

    code = "fix-settings"


class InstallEncoder(ClinfedError):
    """A pretrained encoder or an optional package is not there: install or name another."""

    code = "install-encoder"


class ReplaceModel(ClinfedError):
    """A model folder is incomplete, altered or foreign: get it again from where it was made."""

    code = "replace-model"


class ChooseOutput(ClinfedError):
    """The output folder holds something else: choose another one."""

    code = "choose-output"


class RejectUpdate(ClinfedError):
    """A hospital's reply cannot enter the sum: the round goes on without that hospital."""

    code = "reject-update"


class AskHospitals(ClinfedError):
    """Too few hospitals answered: ask the sites named in the message."""

    code = "ask-hospitals"
