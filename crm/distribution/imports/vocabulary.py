"""The names that Indonesian and English lists give to their columns. Best name first in each list."""

import re
from collections.abc import Iterable

CUSTOMER_ID = (
    "username",
    "user name",
    "nama user",
    "nama pengguna",
    "nama akun",
    "user id",
    "userid",
    "id user",
    "customer id",
    "id customer",
    "kode customer",
    "id pelanggan",
    "pelanggan id",
    "kode pelanggan",
    "nomor pelanggan",
    "no pelanggan",
    "id member",
    "member id",
    "kode member",
    "no member",
    "nomor member",
    "id akun",
    "akun id",
    "account id",
    "account name",
    "id player",
    "player id",
    "id game",
    "game id",
    "login id",
    "id login",
    "user login",
    "user",
    "pengguna",
    "akun",
    "account",
    "login",
    "member",
    "player",
    "customer code",
    "customer no",
    "customer number",
    "customer",
    "pelanggan",
    "uid",
    "id",
)
NAME = (
    "nama lengkap",
    "nama",
    "nama member",
    "nama pelanggan",
    "nama customer",
    "nama konsumen",
    "nama nasabah",
    "nama pemain",
    "nama asli",
    "nama player",
    "full name",
    "customer name",
    "member name",
    "player name",
    "client name",
    "name",
    "nama panggilan",
    "first name",
    "konsumen",
    "nasabah",
    "client",
)
PHONE = (
    "no hp",
    "nomor hp",
    "no handphone",
    "nomor handphone",
    "hp",
    "handphone",
    "no telp",
    "no tlp",
    "no telpon",
    "no telepon",
    "no tel",
    "nomor telp",
    "nomor telpon",
    "nomor telepon",
    "telp",
    "tlp",
    "tlpn",
    "telpon",
    "telepon",
    "telephone",
    "tel",
    "phone",
    "phone number",
    "phone no",
    "no phone",
    "mobile",
    "mobile number",
    "mobile no",
    "mobile phone",
    "cellphone",
    "cell",
    "ponsel",
    "no ponsel",
    "nomor ponsel",
    "no wa",
    "nomor wa",
    "wa",
    "no whatsapp",
    "nomor whatsapp",
    "whatsapp",
    "whatsapp number",
    "wa number",
    "msisdn",
    "gsm",
    "no kontak",
    "nomor kontak",
    "kontak",
    "contact",
    "contact number",
    "contact no",
)
OTHER = (
    "no",
    "nomor",
    "alamat",
    "address",
    "kota",
    "city",
    "provinsi",
    "email",
    "bank",
    "nama bank",
    "rekening",
    "no rekening",
    "norek",
    "nama rekening",
    "saldo",
    "balance",
    "deposit",
    "withdraw",
    "tanggal",
    "tgl",
    "tanggal daftar",
    "tgl daftar",
    "date",
    "level",
    "status",
    "catatan",
    "keterangan",
    "ket",
    "note",
    "notes",
    "gender",
    "umur",
)

# A header with one of these words is about something else: the bank's name, the staff member, a date.
FOREIGN_WORDS = frozenset(
    "bank rekening norek alamat address kota city email saldo balance deposit depo wd withdraw withdrawal bonus "
    "omset turnover total jumlah amount tanggal tgl date tahun bulan level status tipe type kategori grup group "
    "agen agent referral referal upline staff sales admin cs marketing ibu produk product ip catatan note notes "
    "keterangan ket sejak since terakhir last".split()
)

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


def words_of(header: str) -> tuple[str, ...]:
    """The words of a header, lower case: "NoHP" and "no_hp." are both ("no", "hp")."""
    return tuple(_WORD.findall(_CAMEL.sub(" ", header).lower()))


def joined(header: str) -> str:
    """The header without case, spaces and punctuation, as two spellings of one name compare equal."""
    return "".join(words_of(header))


_KNOWN = frozenset(joined(name) for names in (CUSTOMER_ID, NAME, PHONE, OTHER) for name in names)


def count_known(cells: Iterable[str]) -> int:
    """How many of the cells are the name of a column."""
    return sum(len(cell) < 50 and joined(cell) in _KNOWN for cell in cells)
