"""Everything that identifies one synthetic patient, and the people and places around them: the gold PHI.

The labels follow the 18 identifiers of the Safe Harbor rule (45 CFR 164.514(b)(2)). What belongs to the patient
(name, record number, address, ...) is the same in all of the patient's notes.
"""

import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from shared.synthetic.diseases import Split
from shared.synthetic.houses import House
from shared.synthetic.names import draw_held, faker_for

PHI_LABELS = (
    "PATIENT",
    "RELATIVE",
    "CLINICIAN",
    "DATE",
    "AGE_OVER_89",
    "LOCATION",
    "HOSPITAL",
    "EMPLOYER",
    "PHONE",
    "FAX",
    "EMAIL",
    "SSN",
    "MRN",
    "HEALTH_PLAN",
    "ACCOUNT",
    "LICENSE",
    "VEHICLE",
    "DEVICE",
    "URL",
    "IP",
    "BIOMETRIC",
)
_RECORD_FORMS = ("########", "###-##-##", "H######", "#######-#")
_PHONE_FORMS = ("(###) ###-####", "###-###-####", "###.###.####", "+1 ### ### ####", "###-####")
_INSTITUTIONS = ("General Hospital", "Medical Center", "Community Hospital", "Clinic", "Memorial Hospital")
_FIRST_DAY = date(2015, 1, 1)
_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier as a note shows it.

    Args:
        surface: the identifying text.
        label: one of `PHI_LABELS`; None if the text does not identify, such as an age below 90.
        before: text in front that does not identify, such as a title.
        after: text behind that does not identify, such as a degree.
    """

    surface: str
    label: str | None
    before: str = ""
    after: str = ""


class Identity:
    """The identifiers of one patient.

    Args:
        house: the hospital.
        split: test notes use names that training notes never show.
        rng: the patient's source of chance.
    """

    def __init__(self, house: House, split: Split, rng: Random) -> None:
        self._house, self._split, self._rng = house, split, rng
        self._faker = faker_for(rng)
        self.is_male = rng.random() < 0.5
        self._first = self._first_name(is_male=self.is_male)
        self._last = draw_held(self._faker.last_name, split)
        self._middle = rng.choice("ABCDEFGHJKLMNPRST")
        self.today = _FIRST_DAY + timedelta(days=rng.randrange(3600))
        age = rng.randrange(90, 103) if rng.random() < 0.08 else rng.randrange(19, 90)
        self._born = self.today - timedelta(days=int(age * _YEAR) + rng.randrange(1, 360))
        form = _RECORD_FORMS[zlib.crc32(house.name.encode()) % len(_RECORD_FORMS)]
        self._own = {
            "mrn": Identifier(self._digits(form), "MRN"),
            "ssn": Identifier(self._digits("###-##-####"), "SSN"),
            "health_plan": Identifier(self._letters(3) + self._digits("#########"), "HEALTH_PLAN"),
            "email": Identifier(self._email(), "EMAIL"),
            "vehicle": Identifier(self._letters(3) + self._digits("-####"), "VEHICLE"),
            "sex": Identifier(rng.choice(("man", "male") if self.is_male else ("woman", "female")), None),
            "he": Identifier("he" if self.is_male else "she", None),
            "his": Identifier("his" if self.is_male else "her", None),
        }

    def advance(self) -> None:
        """Moves on to the patient's next note, days to months later."""
        self.today += timedelta(days=self._rng.randrange(1, 120))

    def draw(self, slot: str) -> Identifier | None:
        """Says one identifier.

        Args:
            slot: its name in a template, such as `patient` or `date`.

        Returns:
            The identifier, marked or plain; None if the slot is not one of this class.
        """
        own = self._own.get(slot)
        if own is not None:
            return own
        method = getattr(self, f"_draw_{slot}", None)
        identifier: Identifier | None = method() if method else None
        if identifier and slot in ("address", "city"):
            self._own[slot] = identifier
        return identifier

    def _draw_patient(self) -> Identifier:
        middle = f" {self._middle}. " if self._rng.random() < 0.2 else " "
        name = f"{self._first}{middle}{self._last}"
        return Identifier(name.upper() if self._rng.random() < 0.1 else name, "PATIENT")

    def _draw_patient_reversed(self) -> Identifier:
        return Identifier(f"{self._last}, {self._first}", "PATIENT")

    def _draw_patient_title(self) -> Identifier:
        title = "Mr. " if self.is_male else self._rng.choice(("Ms. ", "Mrs. "))
        return Identifier(self._last, "PATIENT", before=title)

    def _draw_relative(self) -> Identifier:
        first = self._first_name(is_male=self._rng.random() < 0.5)
        return Identifier(f"{first} {self._last}" if self._rng.random() < 0.5 else first, "RELATIVE")

    def _draw_clinician(self) -> Identifier:
        last = draw_held(self._faker.last_name, self._split)
        form = self._rng.randrange(5)
        if form == 0:
            return Identifier(last, "CLINICIAN", before="Dr. ")
        first = self._first_name(is_male=self._rng.random() < 0.5)
        if form == 1:
            return Identifier(
                f"{first[0]}. {last}", "CLINICIAN", after=self._rng.choice((" MD", ", RN", ", NP"))
            )
        if form == 2:
            return Identifier(f"{first} {last}", "CLINICIAN", before="Dr. ")
        return Identifier(
            f"{first} {last}", "CLINICIAN", after=self._rng.choice((", MD", ", DO", ", PA-C", ""))
        )

    def _draw_date(self) -> Identifier:
        day = self.today + timedelta(days=self._rng.randrange(-45, 30))
        form = self._rng.choices(self._house.dates, (6, 2, 1))[0]
        return Identifier(day.strftime(form), "DATE")

    def _draw_date_of_birth(self) -> Identifier:
        return Identifier(self._born.strftime(self._house.dates[0]), "DATE")

    def _draw_age(self) -> Identifier:
        age = int((self.today - self._born).days / _YEAR)
        return Identifier(str(age), "AGE_OVER_89" if age > 89 else None)

    def _draw_year(self) -> Identifier:
        return Identifier(str(self.today.year - self._rng.randrange(1, 15)), None)

    def _draw_young_age(self) -> Identifier:
        return Identifier(str(self._rng.randrange(35, 89)), None)

    def _draw_address(self) -> Identifier:
        street = draw_held(self._faker.street_name, self._split)
        where = f"{self._rng.randrange(1, 9900)} {street}, {self._city()}, {self._faker.state_abbr()}"
        return Identifier(f"{where} {self._digits('#####')}", "LOCATION")

    def _draw_city(self) -> Identifier:
        return Identifier(self._city(), "LOCATION")

    def _draw_hospital(self) -> Identifier:
        place = self._house.name.split("-")[0].title() if self._rng.random() < 0.3 else self._city()
        return Identifier(f"{place} {self._rng.choice(_INSTITUTIONS)}", "HOSPITAL")

    def _draw_employer(self) -> Identifier:
        return Identifier(draw_held(self._faker.company, self._split), "EMPLOYER")

    def _draw_phone(self) -> Identifier:
        return Identifier(self._digits(self._rng.choice(_PHONE_FORMS)), "PHONE")

    def _draw_fax(self) -> Identifier:
        return Identifier(self._digits(self._rng.choice(_PHONE_FORMS[:-1])), "FAX")

    def _draw_account(self) -> Identifier:
        return Identifier(self._digits(self._rng.choice(("#########", "AC######", "##-######"))), "ACCOUNT")

    def _draw_license(self) -> Identifier:
        form = self._rng.choice(("NPI ##########", "MD######", "DEA BX#######"))
        head, _, tail = form.rpartition(" ")
        return Identifier(self._digits(tail), "LICENSE", before=f"{head} " if head else "")

    def _draw_device_id(self) -> Identifier:
        return Identifier(self._letters(2) + self._digits("##-#####"), "DEVICE")

    def _draw_photo(self) -> Identifier:
        return Identifier(self._digits(self._rng.choice(("IMG_#####.jpg", "face-######.png"))), "BIOMETRIC")

    def _draw_work_email(self) -> Identifier:
        user = draw_held(self._faker.last_name, self._split).lower()
        return Identifier(f"{user}@{self._house.name}.org", "EMAIL")

    def _draw_url(self) -> Identifier:
        return Identifier(f"https://{self._faker.domain_name()}/p/{self._digits('######')}", "URL")

    def _draw_ip(self) -> Identifier:
        return Identifier(".".join(str(self._rng.randrange(1, 255)) for _ in range(4)), "IP")

    def _first_name(self, *, is_male: bool) -> str:
        draw = self._faker.first_name_male if is_male else self._faker.first_name_female
        return draw_held(draw, self._split)

    def _city(self) -> str:
        return draw_held(self._faker.city, self._split)

    def _email(self) -> str:
        user = f"{self._first}{self._rng.choice(('.', '_', ''))}{self._last}".lower()
        return f"{user}{self._rng.choice(('', self._digits('##')))}@{self._faker.free_email_domain()}"

    def _digits(self, form: str) -> str:
        """Fills each `#` with a digit from 1 to 9."""
        filled = [str(self._rng.randrange(1, 10)) if sign == "#" else sign for sign in form]
        return "".join(filled)

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=count))
