"""The embedded synthetic clinic: endless hospitals, patients and notes, seeded, with gold diseases and identifiers.

It feeds the demo, the tests, and whatever needs notes that are nobody's. In reading order: `houses` (hospitals
and their style), `diseases`, `vocabulary` and `templates` (what can be said), `identifiers` and `chart` (one
patient), `composer` (one note), `clinic` (the streams).
"""

from shared.synthetic.clinic import make_notes, make_test_notes
from shared.synthetic.houses import hospital_names
from shared.synthetic.identifiers import PHI_LABELS

__all__ = ["PHI_LABELS", "hospital_names", "make_notes", "make_test_notes"]
