"""Composes one synthetic note: sections with headings, sentences from templates, diseases and identifiers marked."""

from random import Random

from shared.note import ASSERTIONS, Entity, Note
from shared.synthetic.chart import Chart
from shared.synthetic.diseases import Split, draw_name
from shared.synthetic.houses import House
from shared.synthetic.identifiers import Identity
from shared.synthetic.layouts import LAYOUTS, Section, write_heading
from shared.synthetic.spelling import mistype, shorten
from shared.synthetic.templates import Template, templates_for
from shared.synthetic.vocabulary import draw_word
from shared.synthetic.writer import Writer

DISEASE = "Disease"


class Composer:
    """Writes the notes of one patient.

    Args:
        house: the hospital, for its style.
        split: which templates and names.
        rng: the patient's source of chance.
    """

    def __init__(self, house: House, split: Split, rng: Random) -> None:
        self._house, self._split, self._rng = house, split, rng
        self._identity = Identity(house, split, rng)
        self._chart = Chart(house, split, rng)
        self._writer = Writer()
        self._entities: list[Entity] = []
        self._phi: list[Entity] = []
        self._used: set[str] = set()
        self._last_word = ""

    def compose(self, note_id: str, patient_id: str) -> Note:
        """Writes the patient's next note.

        Args:
            note_id: unique over hospitals.
            patient_id: unique over hospitals.

        Returns:
            The note with gold diseases and gold identifiers.
        """
        house, rng = self._house, self._rng
        self._writer = Writer(house.width, breaks_spans=house.breaks_spans)
        self._entities, self._phi = [], []
        self._identity.advance()
        self._chart.begin_note()
        layout = LAYOUTS[rng.choices(tuple(house.kinds), tuple(house.kinds.values()))[0]]
        write_heading(self._writer, rng.choice(layout.titles), house.heading)
        for section in layout.sections:
            if rng.random() < section.chance:
                self._section(section)
        return Note(
            note_id,
            patient_id,
            self._writer.text.rstrip("\n") + "\n",
            tuple(self._entities),
            tuple(self._phi),
        )

    def _section(self, section: Section) -> None:
        """Heading and body of one section."""
        self._used = set()
        known = templates_for(section.name, self._chart.focus, self._split)
        count = self._rng.randint(section.fewest, section.most)
        if section.is_list:
            drawn = self._rng.choices(known, k=count)
            chosen = [t for index, t in enumerate(drawn) if len(t.pieces) > 1 or t not in drawn[:index]]
        else:
            chosen = list(dict.fromkeys(self._rng.sample(known, min(count, len(known)))))
        if section.headings:
            write_heading(self._writer, self._rng.choice(section.headings), self._house.heading)
        for index, template in enumerate(chosen):
            if section.is_list:
                self._bullet(index)
            elif index:
                self._writer.write(" " if section.headings else "\n")
            self._sentence(template)
            if section.is_list and self._house.bullet != "commas":
                self._writer.end_line()
        if not section.is_list or self._house.bullet == "commas":
            self._writer.end_line()
        self._writer.end_line()

    def _bullet(self, index: int) -> None:
        """The mark in front of a list's item."""
        bullet = self._house.bullet
        if bullet == "numbered":
            self._writer.write(f"{index + 1}. ")
        elif bullet == "commas":
            self._writer.write(", " if index else "")
        else:
            self._writer.write({"dashed": "- ", "starred": "* ", "lines": ""}[bullet])

    def _sentence(self, template: Template) -> None:
        """Fills the template's slots, marking diseases and identifiers."""
        for piece in template.pieces:
            if not piece.is_slot:
                text = shorten(piece.text) if self._house.shorthand else piece.text
                if text[0] == "." and self._last_word.endswith("."):
                    text = text[1:]
                self._writer.write(self._mistype(text))
                self._last_word = ""
            elif piece.text in ASSERTIONS:
                self._disease(piece.text, is_capital=piece.is_capital)
            elif not self._identifier(piece.text, is_capital=piece.is_capital):
                self._word(piece.text, is_capital=piece.is_capital)

    def _disease(self, assertion: str, *, is_capital: bool) -> None:
        disease = self._chart.draw(assertion)
        name = self._mistype(draw_name(disease, self._split, self._house.abbreviate, self._rng))
        name = _capital(name) if is_capital else name
        self._entities.append(self._writer.mark(name, DISEASE, disease.concept, assertion))

    def _word(self, slot: str, *, is_capital: bool) -> None:
        """Writes a word that this section has not used yet, if one is left."""
        for _ in range(6):
            word = draw_word(slot, self._chart.focus, self._split, self._rng)
            if word not in self._used:
                break
        self._used.add(word)
        self._last_word = word
        self._writer.write(self._mistype(_capital(word) if is_capital else word))

    def _identifier(self, slot: str, *, is_capital: bool) -> bool:
        """Writes an identifier; False if the slot is not one."""
        identifier = self._identity.draw(slot)
        if identifier is None:
            return False
        surface = _capital(identifier.surface) if is_capital else identifier.surface
        self._writer.write(identifier.before)
        if identifier.label:
            self._phi.append(self._writer.mark(surface, identifier.label))
        else:
            self._writer.write(surface)
        self._writer.write(identifier.after)
        return True

    def _mistype(self, text: str) -> str:
        return mistype(text, self._house.typo_rate, self._rng)


def _capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
