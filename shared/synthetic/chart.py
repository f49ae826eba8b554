"""One synthetic patient's diseases: had, lacked or feared, without one note contradicting itself."""

from random import Random

from shared.synthetic.diseases import Disease, Split, draw_disease
from shared.synthetic.houses import House

_TRIES = 20


class Chart:
    """Draws diseases for one patient.

    A patient keeps the same present and past problems over all notes. Within a note, one disease has one assertion.

    Args:
        house: the hospital, for its mix of specialties.
        split: which names must exist.
        rng: the patient's source of chance.
    """

    def __init__(self, house: House, split: Split, rng: Random) -> None:
        self._split, self._rng = split, rng
        self._names, self._shares = tuple(house.specialties), tuple(house.specialties.values())
        self._known: set[str] = set()
        self._problems = {
            "present": self._new_problems(rng.randrange(2, 6)),
            "historical": self._new_problems(rng.randrange(1, 4)),
        }
        self._last = ""
        self._asserted: dict[str, str] = {}
        self.focus = ""
        self.begin_note()

    def begin_note(self) -> None:
        """Forgets what the last note asserted and draws the specialty that the next one is about."""
        self._asserted = {}
        self.focus = self._rng.choices(self._names, self._shares)[0]

    def draw(self, assertion: str) -> Disease:
        """Draws a disease to mention.

        Args:
            assertion: one of `shared.note.ASSERTIONS`.

        Returns:
            One of the patient's problems for `present` and `historical`, most of the time; otherwise another one.
        """
        problems = self._problems.get(assertion)
        for _ in range(_TRIES):
            disease = self._rng.choice(problems) if problems and self._rng.random() < 0.45 else self._new()
            if disease.code != self._last and self._asserted.get(disease.code, assertion) == assertion:
                break
        self._asserted[disease.code] = assertion
        self._last = disease.code
        return disease

    def _new_problems(self, count: int) -> list[Disease]:
        """Diseases that the patient is known for from now on."""
        problems = []
        for _ in range(count):
            problems.append(self._new())
            self._known.add(problems[-1].code)
        return problems

    def _new(self) -> Disease:
        """A disease the patient is not known for, if one is found soon."""
        for _ in range(_TRIES):
            specialty = self._rng.choices(self._names, self._shares)[0]
            disease = draw_disease(specialty, self._split, self._rng)
            if disease.code not in self._known:
                break
        return disease
