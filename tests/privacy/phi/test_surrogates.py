"""Stand-ins: consistent within a patient, unlike between patients, of the same form; dates move together."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from privacy.phi.shifted_dates import shift_date
from privacy.phi.surrogates import Surrogates, zip3

KEY = b"0123456789abcdef"
VALUES = {
    "NAME": "Margaret Okonkwo",
    "LOCATION": "1427 Juniper Street, Burlington, VT 05401",
    "ORGANIZATION": "Larkspur Memorial Hospital",
    "DATE": "03/14/2021",
    "PHONE": "(802) 555-0142",
    "EMAIL": "jane.roe@stmarys.org",
    "SSN": "123-45-6789",
    "MRN": "26219121",
    "URL": "https://portal.stmarys.org/p/443322",
    "IP": "78.150.177.198",
    "VEHICLE": "1HGCM82633A004352",
}
FORMS = (
    "%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%Y-%m-%d", "%m/%d/%y", "%d.%m.%Y", "%b %d, %Y", "%m-%d-%Y", "%Y%m%d",
)  # fmt: skip


@pytest.mark.parametrize(("entity", "value"), VALUES.items())
def test_a_stand_in_is_consistent_within_a_patient_and_differs_between_patients(
    entity: str, value: str
) -> None:
    one, again, other = Surrogates(KEY, "a"), Surrogates(KEY, "a"), Surrogates(KEY, "b")
    made = one.stand_in(entity, value)
    assert made == again.stand_in(entity, value)
    assert made != value
    assert made != other.stand_in(entity, value)
    assert one.hashed(entity, value) == again.hashed(entity, value)
    assert one.hashed(entity, value) != other.hashed(entity, value)
    assert one.hashed(entity, value) != Surrogates(KEY + b"x", "a").hashed(entity, value)


def test_a_family_name_alone_gets_the_same_stand_in_as_in_the_whole_name() -> None:
    made = Surrogates(KEY, "a")
    assert made.stand_in("NAME", "Margaret Okonkwo").split()[1] == made.stand_in("NAME", "Okonkwo")
    assert made.stand_in("NAME", "OKONKWO") == made.stand_in("NAME", "Okonkwo").upper()


@pytest.mark.parametrize("entity", ["PHONE", "MRN", "SSN", "VEHICLE"])
def test_numbers_keep_their_form(entity: str) -> None:
    value = VALUES[entity]
    shape = [
        re.sub(r"[A-Z]", "A", re.sub(r"\d", "9", text))
        for text in (value, Surrogates(KEY, "a").stand_in(entity, value))
    ]
    assert len(shape[0]) == len(shape[1])
    if entity != "VEHICLE":
        assert shape[0] == shape[1]


@pytest.mark.parametrize("form", FORMS)
@given(day=st.dates(date(1931, 1, 1), date(2028, 12, 31)), days=st.integers(-364, 364))
def test_a_date_moves_in_its_own_form(form: str, day: date, days: int) -> None:
    moved = day + timedelta(days=days)
    assume("%y" not in form or 1930 <= moved.year <= 2029)  # two figures tell no century
    assume("%B" not in form or day.month != 5)  # May is its own abbreviation
    assert shift_date(day.strftime(form), timedelta(days=days)) == moved.strftime(form)


def test_intervals_between_a_patients_dates_stay() -> None:
    made = Surrogates(KEY, "a")
    one, two = (made.stand_in("DATE", text) for text in ("2021-03-14", "2021-04-02"))
    assert date.fromisoformat(two) - date.fromisoformat(one) == timedelta(days=19)
    assert 1 <= abs(made.offset.days) <= 364


@pytest.mark.parametrize(("text", "shown"), [("someday", None), ("13/45/2021", None), ("March", None)])
def test_what_is_no_date_is_not_moved(text: str, shown: str | None) -> None:
    assert shift_date(text, timedelta(days=3)) == shown


def test_ages_over_89_become_one_class() -> None:
    assert Surrogates(KEY, "a").stand_in("AGE", "97") == "90+"


@pytest.mark.parametrize(
    ("code", "kept"), [("05401", "054"), ("03602", "000"), ("82190-1234", "000"), ("10027", "100")]
)
def test_three_digits_of_a_zip_code_stay_where_enough_people_live(code: str, kept: str) -> None:
    assert zip3(code) == kept
