"""The names that Indonesian and English lists give to their columns."""

import re
from collections.abc import Iterable


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(","))


# Best name first: of two columns with known names, the one named earlier here is meant.
CUSTOMER_ID = _names(
    """username, user name, nama user, nama pengguna, nama akun, user id, id user, kode user, id pengguna,
    customer id, id customer, kode customer, customer code, customer number, customer no, no customer,
    pelanggan id, id pelanggan, kode pelanggan, nomor pelanggan, no pelanggan, member id, id member, kode member,
    nomor member, no member, akun id, id akun, account id, account name, player id, id player, game id, id game,
    login id, id login, user login, user, pengguna, akun, account, login, member, player, customer, pelanggan, uid,
    id"""
)
NAME = _names(
    """nama lengkap, nama, nama member, nama pelanggan, nama customer, nama konsumen, nama nasabah, nama pemain,
    nama player, nama asli, full name, customer name, member name, player name, client name, name, nama panggilan,
    first name, konsumen, nasabah, client"""
)
PHONE = _names(
    """no hp, nomor hp, hp, no handphone, nomor handphone, handphone, no telp, nomor telp, telp, no tlp, nomor tlp,
    tlp, no telpon, nomor telpon, telpon, no telepon, nomor telepon, telepon, no tel, tel, telephone, phone number,
    phone no, no phone, phone, mobile number, mobile no, mobile phone, mobile, cellphone, cell, no ponsel,
    nomor ponsel, ponsel, no wa, nomor wa, wa number, wa, no whatsapp, nomor whatsapp, whatsapp number, whatsapp,
    msisdn, gsm, no kontak, nomor kontak, kontak, contact number, contact no, contact"""
)
OTHER = _names(
    """no, nomor, alamat, address, kota, city, provinsi, email, bank, nama bank, rekening, no rekening, nomor rekening,
    norek, nama rekening, saldo, balance, deposit, withdraw, tanggal, tgl, tanggal daftar, tgl daftar, date, level,
    status, catatan, keterangan, ket, note, notes, gender, umur"""
)

# A header with one of these words is about something else: a bank, a staff member, a date.
FOREIGN_WORDS = frozenset(
    _names(
        """bank, rekening, norek, alamat, address, kota, city, email, saldo, balance, deposit, depo, wd, withdraw,
        withdrawal, bonus, omset, turnover, total, jumlah, amount, tanggal, tgl, date, tahun, bulan, level, status,
        tipe, type, kategori, grup, group, agen, agent, referral, referal, upline, staff, sales, admin, cs, marketing,
        ibu, produk, product, ip, catatan, note, notes, keterangan, ket, sejak, since, terakhir, last"""
    )
)

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


def words_of(header: str) -> tuple[str, ...]:
    """The words of a header, lower case: "NoHP" and "no_hp." are both ("no", "hp")."""
    return tuple(_WORD.findall(_CAMEL.sub(" ", header).lower()))


def joined(header: str) -> str:
    """The header without case, spaces and punctuation: two spellings of one name compare equal."""
    return "".join(words_of(header))


_KNOWN = frozenset(joined(name) for names in (CUSTOMER_ID, NAME, PHONE, OTHER) for name in names)


LONGEST_NAME = 50


def is_known(joined_name: str) -> bool:
    """Whether it is the name of a column, as `joined` gives it."""
    return joined_name in _KNOWN


def count_known(cells: Iterable[str]) -> int:
    """How many of the cells are the name of a column."""
    return sum(len(cell) < LONGEST_NAME and joined(cell) in _KNOWN for cell in cells)
