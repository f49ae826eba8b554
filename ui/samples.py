"""Notes to try the app with: written for it, or made by the synthetic clinic. None is of a person."""

from itertools import islice

from shared.synthetic.clinic import make_test_notes

_ADMISSION = """ADMISSION NOTE
Patient: Eleanor Whitcombe   MRN: 4481-20973   DOB: 03/14/1952
Seen by Dr. Harold Okafor at Fairview General Hospital on 11 Feb 2024, tel. (555) 013-4477.

Chief complaint: Shortness of breath for three days.

History of present illness:
71-year-old woman with worsening dyspnea and orthopnea. She denies chest pain, fever or hemoptysis. \
No syncope. Symptoms are worrisome for acute decompensated heart failure; pneumonia is less likely.

Past medical history:
1. Type 2 diabetes mellitus
2. Hypertension
3. Breast cancer, status post lumpectomy in 2009
4. Atrial fibrillation, on apixaban

Family history: Mother died of stroke. Brother has colon cancer. Father with Parkinson's disease.

Review of systems: Negative for nausea, vomiting, dysuria. Positive for leg edema and fatigue.

Assessment and plan:
Acute on chronic heart failure with volume overload. Start IV furosemide.
R/o pulmonary embolism, CT angiogram ordered.
Anemia, likely due to chronic kidney disease stage 3.
Return if chest pain, bleeding or confusion occur.
Discussed with her daughter Margaret at 555-013-9921 (m.whitcombe@example.org).
"""
_MADE = 5


def sample_names() -> list[str]:
    """Names of the notes, in the order of `sample`."""
    return ["Admission note", *(f"Synthetic note {number}" for number in range(1, _MADE + 1))]


def sample(name: str) -> str:
    """The text of a note.

    Args:
        name: one of `sample_names`.
    """
    place = sample_names().index(name)
    if place == 0:
        return _ADMISSION
    notes = islice(make_test_notes(2024, hospitals=4, patients=_MADE * 4), place - 1, place)
    return next(notes).text
