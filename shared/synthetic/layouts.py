"""What each kind of note is made of: titles, sections in order, headings and how they are set off."""

from dataclasses import dataclass

from shared.synthetic.writer import Writer


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a note.

    Args:
        name: the templates' section.
        headings: ways to head it; empty for none.
        fewest: fewest sentences or items.
        most: most sentences or items.
        chance: chance in 0..1 that a note has it.
        is_list: whether it is a list of items rather than sentences.
    """

    name: str
    headings: tuple[str, ...] = ()
    fewest: int = 1
    most: int = 2
    chance: float = 1.0
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of note: its titles and its sections, in order."""

    titles: tuple[str, ...]
    sections: tuple[Section, ...]


_IDENTITY = Section("identity", (), 2, 4)
_HPI = Section("hpi", ("History of Present Illness", "HPI", "Present Illness"), 2, 5)
_PROBLEMS = Section("problem", ("Problem List", "Active Problems", "Diagnoses"), 2, 4, 0.6, True)
_PMH = Section("pmh", ("Past Medical History", "PMH", "Medical History"), 1, 4, 0.7, True)
_FAMILY = Section("family", ("Family History", "FH", "Family Hx"), 1, 2, 0.6)
_SOCIAL = Section("social", ("Social History", "SH", "Social Hx"), 1, 1, 0.5)
_MEDS = Section("meds", ("Medications", "Current Medications", "Meds"), 2, 5, 0.7, True)
_EXAM = Section("exam", ("Physical Examination", "Exam", "Physical Exam"), 2, 4)
_LABS = Section("labs", ("Laboratory Data", "Labs", "Results"), 1, 3, 0.7)
_COURSE = Section("course", ("Hospital Course", "Course", "Brief Hospital Course"), 2, 4)
_ASSESSMENT = Section("assessment", ("Assessment", "Impression", "Assessment and Plan"), 2, 4)
_PLAN = Section("plan", ("Plan", "Recommendations", "Disposition and Plan"), 2, 4)
_FOLLOWUP = Section("followup", ("Follow-up", "Follow-Up Instructions"), 1, 2, 0.6)
_SIGNATURE = Section("signature", (), 1, 2)

LAYOUTS = {
    "discharge": Layout(
        ("Discharge Summary", "Summary of Hospitalization", "Physician Discharge Summary"),
        (
            _IDENTITY,
            _HPI,
            _PMH,
            _FAMILY,
            _SOCIAL,
            _PROBLEMS,
            _COURSE,
            _LABS,
            _MEDS,
            _PLAN,
            _FOLLOWUP,
            _SIGNATURE,
        ),
    ),
    "emergency": Layout(
        ("Emergency Department Note", "ED Provider Note", "ER Note"),
        (
            _IDENTITY,
            Section("triage", ("Chief Complaint", "Triage", "CC")),
            _HPI,
            _PMH,
            _FAMILY,
            _EXAM,
            _LABS,
            Section("mdm", ("Medical Decision Making", "MDM", "ED Course"), 2, 3),
            _PLAN,
            _SIGNATURE,
        ),
    ),
    "clinic": Layout(
        ("Clinic Letter", "Outpatient Consultation", "Consultation Letter"),
        (
            Section("letter_open", (), 1, 2),
            _PROBLEMS,
            _HPI,
            _PMH,
            _FAMILY,
            _MEDS,
            _EXAM,
            _ASSESSMENT,
            _PLAN,
            Section("letter_close", (), 1, 1),
        ),
    ),
    "radiology": Layout(
        ("Radiology Report", "Diagnostic Imaging Report", "Imaging Report"),
        (
            _IDENTITY,
            Section("indication", ("Indication", "Clinical Indication", "Reason for Exam"), 1, 2),
            Section("technique", ("Technique", "Comparison", "Procedure"), 1, 1),
            Section("imaging", ("Findings", "Report"), 3, 5),
            Section("impression", ("Impression", "Conclusion", "Opinion"), 2, 4, 1.0, True),
            Section("comment", ("Comment", "Communication"), 1, 1, 0.3),
            _SIGNATURE,
        ),
    ),
    "pathology": Layout(
        ("Surgical Pathology Report", "Pathology Report", "Anatomic Pathology"),
        (
            _IDENTITY,
            Section("indication", ("Clinical History", "Clinical Information"), 1, 2),
            Section("gross", ("Gross Description", "Specimen", "Macroscopic Description"), 1, 1),
            Section("diagnosis", ("Final Diagnosis", "Diagnosis", "Microscopic Diagnosis"), 1, 3),
            Section("comment", ("Comment", "Note"), 1, 2, 0.8),
            _LABS,
            _SIGNATURE,
        ),
    ),
    "nursing": Layout(
        ("Nursing Note", "Nursing Progress Note", "Shift Note"),
        (
            _IDENTITY,
            _PROBLEMS,
            Section("nursing", ("Shift Summary", "Nursing Assessment", "Progress"), 3, 5),
            _MEDS,
            _PLAN,
            _SIGNATURE,
        ),
    ),
}


def write_heading(writer: Writer, heading: str, style: str) -> None:
    """Writes a heading on its own line, or before the text.

    Args:
        writer: the note.
        heading: in title case.
        style: one of `shared.synthetic.houses.HEADINGS`.
    """
    if style == "title":
        writer.write(f"{heading}: ")
        return
    writer.write(
        {
            "caps": f"{heading.upper()}:",
            "underlined": f"{heading}\n{'-' * len(heading)}",
            "stars": f"**{heading}**",
            "brackets": f"[{heading}]",
        }[style]
    )
    writer.end_line()
