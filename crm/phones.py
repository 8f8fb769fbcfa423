"""The one phone normaliser: whatever a person typed, as an E.164 key, or nothing.

Two records are the same customer when their keys are equal, so a wrong key is worse than none: labels,
dates, amounts, placeholders such as 0000000 and numbers without an area code give None.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

MIN_DIGITS, MAX_DIGITS = 7, 15
# Without "+" or a leading 0, a shorter number is more often an amount or lacks its area code.
MIN_BARE_DIGITS = 9
MAX_CHARACTERS = 1000

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SOFT = {ord(character): None for character in " -()\t\xa0"}
_DASHES = {ord(dash): "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"}
_RUN = re.compile(r"\+?[ (]*(?:0\d{1,3}\)?\s*/\s*)?\d[\d\s().-]*")
_SECOND_NUMBER = re.compile(r"[\s-]+(?=\+|0|\(0)")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d([-./ ])\d{1,2}\1\d{1,2}|\d{1,2}([-./])\d{1,2}\2(?:19|20)?\d\d|\d{1,2} \d{1,2} (?:19|20)\d\d)"
    r"(?:[T ,]+[\d:.]+)?"
)
# "+62 812-3456-7801", "(0812) 34567801", "0812.3456.7801". A last group of one or two digits is a counter.
_WRITTEN_AS_PHONE = re.compile(
    r"(?:\+?\d{1,3}[ .-]{1,2})?(?:\(\d{2,4}\)[ .-]{0,2}\d{3,}|\+?\d{3,})(?:[ .-]{1,2}\d{3,})*", re.ASCII
)
_BEGINNING = re.compile(r"\+?\d[\d .-]{2,}", re.ASCII)
_DECIMAL = re.compile(r"(\+?\d+)[.,](\d{1,2})")
# "1. 0812…", "2) 0812…", "(3) 0812…": the place in a list. "(21) 5551234" is an area code.
_PLACE_IN_LIST = re.compile(r"[1-9]\d{0,2}(?:\.\s+|\.?\)\s*)|\([1-9]\d{0,2}\)\s*(?=[+0]\D*(?:\d\D*){8})")
# "0812… (2)": the second person with it, or how often.
_COUNTER = re.compile(r"(\d[\d\s.-]{7,})[(\[]\s*\d{1,2}\s*[)\]]")
# "0812345678 2", "0812 3456 7801 2": a counter or the last digits, nobody knows.
_ODD_END = re.compile(r"(?:[\d.-]{9,}\s+\d\d|(?:\d[ .-]?){9,}\s+\d)\s*\Z", re.ASCII)
# The same before a number that begins as one: "No.1 0812…", "1.0812…", "#3 +62…".
_SHORT_BEFORE = re.compile(r"[1-9]\d{0,2}[\s.)-]+(?=[(+0])(?=\D*(?:\d\D*){9})")
_LABEL = re.compile(
    r"(?<![^\W\d_])(?:whatsapp|wa|handphone|hp|nomor|no|telepon|telpon|telp|tlp|tel|phone|mobile|ponsel)"
    r"(?=[\s.:]*[+(\d])",
    re.IGNORECASE,
)
_CHAT_LINK = re.compile(r"(?:wa\.me/|whatsapp\.com/.*?phone=|whatsapp:.*?phone=)\s*(\+?\d+)", re.IGNORECASE)


def phone_key(text: str, region: str = "ID") -> str | None:
    """The E.164 form of the first phone named in `text`, such as "+6281244129545", or None.

    `region` (ISO 3166, upper case) is where a number without a country code belongs. The number must
    have a possible length; it need not be in a range known to be in use.
    """
    country, mobile = _mobile_shape(region)
    plain = mobile.fullmatch(text.removeprefix("https://wa.me/").translate(_SOFT))
    if plain and text.isdigit():
        return country + plain[1]
    if not text or text.isspace() or len(text) > MAX_CHARACTERS or _ODD_END.search(text[-40:]):
        return None
    if plain and not ("(" in text and _COUNTER.search(text)):
        return country + plain[1]
    return _first_key(_to_ascii(text), region)


def id_as_phone(customer_id: str, region: str = "ID") -> str | None:
    """The key of a customer id that reads as a phone: nothing but a number, grouped as phones are, with its country
    code or the 0 before it, and one that is in use. Numbers of other kinds, such as 12345678 or 0031234567, are ids.

    A mobile number of ten digits and more without its first 0 is one: spreadsheets take it off.
    """
    country, mobile = _mobile_shape(region)
    text = customer_id if customer_id.isascii() else _to_ascii(customer_id)
    text = text.strip().removeprefix("https://wa.me/")
    if not _WRITTEN_AS_PHONE.fullmatch(text):
        return None
    digits, code = _digits(text), country[1:] or str(phonenumbers.country_code_for_region(region))
    plain = mobile.fullmatch(digits)
    if text.startswith("+"):
        key = f"+{digits}"
    elif digits.startswith(f"00{code}"):
        key = f"+{digits[2:]}"
    elif digits.startswith("0") or (plain and (digits.startswith(code) or len(digits) >= MIN_BARE_DIGITS + 1)):
        key = f"+{code}{plain[1] if plain else digits[1:]}"
    else:
        return None
    if key != phone_key(text, region):
        return None
    return key if plain or phonenumbers.is_valid_number(phonenumbers.parse(key)) else None


def phone_beginning(text: str, region: str = "ID") -> str | None:
    """What the key of a phone begins with whose first digits are the text: 0812 is +62812."""
    if not _BEGINNING.fullmatch(text.strip()):
        return None
    digits, code = _digits(text), str(phonenumbers.country_code_for_region(region))
    if digits.startswith("0"):
        return f"+{code}{digits[1:]}"
    return f"+{digits}" if text.strip().startswith("+") or digits.startswith(code) else None


def plain_mobile(region: str) -> tuple[str, str, str]:
    """("+62", "0", the shape of what follows either in a mobile number of the region): nearly every phone in a list.

    The shape is a regular expression that PostgreSQL reads, too. A region whose numbers need more than a prefix taken
    off has one that nothing fits.
    """
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    mobile = metadata.mobile.national_number_pattern if metadata and metadata.mobile else None
    if metadata is None or mobile is None or metadata.national_prefix_for_parsing != metadata.national_prefix:
        return "", "", r"(?!)"
    return f"+{metadata.country_code}", metadata.national_prefix or "", mobile


@lru_cache(maxsize=64)
def _mobile_shape(region: str) -> tuple[str, re.Pattern[str]]:
    country, prefix, mobile = plain_mobile(region)
    return country, re.compile(rf"(?:\+?{country[1:]}|{prefix}|)({mobile})", re.ASCII)


def _to_ascii(text: str) -> str:
    """`text` with digits of any script as 0-9, one kind of dash and no invisible marks."""
    text = unquote(text) if "%" in text else text
    if text.isascii():
        return text
    kept = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    return "".join(str(unicodedata.decimal(char, char)) for char in kept).translate(_DASHES)


def _first_key(text: str, region: str) -> str | None:
    text = text.strip()
    if place := _PLACE_IN_LIST.match(text):
        text = text[place.end() :]
    text = _COUNTER.sub(r"\1/", text)
    if _DATE.fullmatch(text):
        return None
    decimal = _DECIMAL.fullmatch(text)
    if decimal:  # a phone stored as a number and exported as 81244129545.0
        return _key_of_run(decimal[1], region) if not decimal[2].strip("0") else None
    if "://" in text or "wa.me/" in text.lower():
        link = _CHAT_LINK.search(text)
        return _key_of_run(link[1], region, in_link=True) if link else None
    if "+" in text[1:]:
        country = phonenumbers.country_code_for_region(region)
        text = re.sub(rf"\+?{country}\s*\+\s*(?=\d)", f"+{country}", text)  # "+62+812…"
    run = next(_runs(_LABEL.sub(" ", text)), None)
    return _key_of_run(run, region) if run else None


def _runs(text: str) -> Iterator[str]:
    """Stretches of digits and separators long enough for a phone and not part of a word, in order."""
    for match in _RUN.finditer(text):
        run = match[0].rstrip(" .(-")
        neighbours = text[match.start() - 1 : match.start()] + text[match.start() + len(run) :][:1]
        if len(_digits(run)) >= MIN_DIGITS and not any(char.isalpha() or char in "_@" for char in neighbours):
            yield run


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _key_of_run(run: str, region: str, *, in_link: bool = False) -> str | None:
    if before := _SHORT_BEFORE.match(run):
        run = run[before.end() :]
    digits = _digits(run)
    if len(digits) > MAX_DIGITS + 2:
        run = _SECOND_NUMBER.split(run.strip())[0]
        digits = _digits(run)
    if len(digits) < MIN_DIGITS:
        return None
    is_bare = digits[0] != "0" and not run.lstrip().startswith("+")
    must_be_valid = is_bare and len(digits) < MIN_BARE_DIGITS
    number = _best_reading(_readings(run, digits, region, in_link), region, must_be_valid)
    if number is not None:
        number = _said_once(digits, region) or number
    if number is None or len(set(str(number.national_number))) == 1:
        return None
    key = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return key if _E164.fullmatch(key) else None


def _readings(run: str, digits: str, region: str, in_link: bool) -> list[str]:
    """What the digits may mean, likeliest first: "+..." is international, anything else national."""
    country = str(phonenumbers.country_code_for_region(region))
    significant = digits.lstrip("0")
    if run.lstrip().startswith("+") and digits[0] != "0":
        return ["+" + digits]
    if digits.startswith("00"):
        international, national = "+" + significant, "0" + significant
        return [international, national] if significant.startswith(country) else [national, international]
    if digits[0] == "0":
        return [digits]
    if significant.startswith(country):
        return ["+" + digits, digits]
    return [digits, "+" + digits] if in_link else [digits]


def _said_once(digits: str, region: str) -> PhoneNumber | None:
    """The mobile number, if its country code was typed before what has it already, such as 062812… or +62 62812…"""
    country = str(phonenumbers.country_code_for_region(region))
    once = digits.lstrip("0")
    if not once.startswith(country * 2) and not (digits[0] == "0" and once.startswith(country)):
        return None
    while once.startswith(country * 2):
        once = once[len(country) :]
    number = _parsed("+" + once, region)
    return number if number and phonenumbers.number_type(number) == PhoneNumberType.MOBILE else None


def _best_reading(readings: list[str], region: str, must_be_valid: bool) -> PhoneNumber | None:
    """The first reading in a range in use, else the first of a possible length; None when neither."""
    numbers = [number for reading in readings if (number := _parsed(reading, region))]
    if not numbers:
        return None
    if len(numbers) == 1 and not must_be_valid:
        return numbers[0]
    valid = next((number for number in numbers if phonenumbers.is_valid_number(number)), None)
    return valid if valid or must_be_valid else numbers[0]


def _parsed(text: str, region: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if possible else None
