"""Citizen id numbers by GB 11643-1999, names and their masks. A wrong number is told, never refused."""

import re
import unicodedata
from datetime import date

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
LENGTH = 18
REMARK = re.compile(r"[（(][^（）()]*[）)]")


def normal_id(text: str) -> str:
    """Half-width, no blanks, capital X."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()


def id_findings(id_no: str, birth_date: date | None = None, sex: str | None = None) -> tuple[str, ...]:
    """What is wrong with a number, as codes: wrong_length, wrong_check_digit, impossible_birth_date, birth_date_differs, sex_differs."""
    number = normal_id(id_no)
    if not re.fullmatch(r"\d{17}[\dX]", number):
        return ("wrong_length",)
    found = []
    if CHECKS[sum(int(d) * w for d, w in zip(number[:17], WEIGHTS, strict=True)) % 11] != number[17]:
        found.append("wrong_check_digit")
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return (*found, "impossible_birth_date")
    if birth_date is not None and born != birth_date:
        found.append("birth_date_differs")
    if sex is not None and (int(number[16]) % 2 == 1) != (sex == "male"):
        found.append("sex_differs")
    return tuple(found)


def clean_name(name: str) -> str:
    """The name without remarks in brackets and blanks, composed; rare characters stay as they are."""
    return re.sub(r"\s", "", REMARK.sub("", unicodedata.normalize("NFC", name)))


def mask_name(name: str) -> str:
    """李*"""
    plain = clean_name(name)
    return f"{plain[0]}*" if plain else ""


def mask_id(id_no: str) -> str:
    """110106********1234"""
    number = normal_id(id_no)
    return f"{number[:6]}{'*' * 8}{number[-4:]}" if len(number) == LENGTH else "*" * len(number)
