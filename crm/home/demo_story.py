"""The story of the demo data: invented people, lists and customers. The same every time."""

from dataclasses import dataclass, field
from datetime import timedelta

from crm.accounts.models import Role

PRODUCTS = {
    "Kopi Senja": "Selamat siang Kak {name}, saya {staff} dari {product}. "
    "Minggu ini ada promo untuk pelanggan lama. Boleh saya kirim daftarnya?",
    "Batik Raya": "Halo Kak {name}, perkenalkan saya {staff} dari {product}. "
    "Koleksi baru kami sudah datang. Apakah Kakak berkenan melihat katalognya?",
    "Laut Biru": "Selamat siang Kak {name}, dengan {staff} dari {product}. "
    "Kami ingin menanyakan kabar pesanan Kakak (kode {id}). Terima kasih.",
}
# Where reservations last shorter: some end soon, some have ended.
GRACE = {"Batik Raya": {"grace_days": 6, "warning_days": 2}, "Laut Biru": {"grace_days": 9, "warning_days": 3}}
PEOPLE = [
    ("owner", "Ratna Owner", Role.OWNER),
    ("admin", "Bagus Admin", Role.ADMIN),
    ("admin2", "Melati Admin", Role.ADMIN),
    ("sari", "Sari Wulandari", Role.STAFF),
    ("dewi", "Dewi Anggraini", Role.STAFF),
    ("budi", "Budi Hartono", Role.STAFF),
    ("tono", "Tono Saputra", Role.STAFF),
    ("lina", "Lina Marlina", Role.STAFF),
    ("joko", "Joko Prabowo", Role.STAFF),
    ("maya", "Maya Kusuma", Role.STAFF),
    ("rudi", "Rudi Firmansyah", Role.STAFF),
]

FIRST = ["Adi", "Bayu", "Citra", "Dian", "Eka", "Fajar", "Gita", "Hana", "Indra", "Joni", "Kartika", "Laras", "Mega"]
LAST = ["Nugroho", "Oktavia", "Pratama", "Rahayu", "Santoso", "Utami", "Wijaya", "Yuliana", "Zulkarnain", "Lestari"]
CITIES = ["Jakarta", "Bandung", "Surabaya", "Medan", "Makassar", "Semarang", "Denpasar", "Palembang"]
BANKS = ["BCA", "BRI", "Mandiri", "BNI"]


@dataclass
class Handover:
    """A batch of the story: who gets how many, and how many of those are recalled or passed on to somebody else."""

    staff: str
    count: int
    recalled: int = 0
    passed_on: int = 0
    passed_to: str = ""
    name: str = ""
    """What its owner calls it; they pin it then."""


@dataclass
class List:
    """A database of the story."""

    module: str
    product: str
    name: str
    rows: int
    handovers: list[Handover] = field(default_factory=list)
    archived: bool = False


STORY = [
    List(
        "records",
        "Kopi Senja",
        "Pelanggan Maret",
        240,
        [Handover("sari", 40, name="Prioritas Kopi"), Handover("budi", 30, recalled=6)],
    ),
    List("records", "Batik Raya", "Newsletter 2026", 180, [Handover("dewi", 25, passed_on=10, passed_to="maya")]),
    List("records", "Laut Biru", "Pameran Juni", 90),
    List("bonanza", "Kopi Senja", "Bonanza April", 150, [Handover("tono", 50), Handover("lina", 20, recalled=20)]),
    List("bonanza", "Laut Biru", "Bonanza Mei", 120, [Handover("joko", 35, recalled=5), Handover("sari", 15)]),
    List("bonanza", "Batik Raya", "Bonanza lama", 60, [Handover("rudi", 12)], archived=True),
    List("memberwd", "Kopi Senja", "Member WD Senin", 60, [Handover("sari", 50, name="Senin pagi")]),
    List("memberwd", "Batik Raya", "Member WD Rabu", 110, [Handover("maya", 30, passed_on=5, passed_to="rudi")]),
    List("memberwd", "Laut Biru", "Member WD Jumat", 80, [Handover("rudi", 20), Handover("dewi", 20, recalled=3)]),
]


@dataclass
class Step:
    """What a staff member notes on so many of their next records in a module; the follow-up is so many days later."""

    count: int
    reach: str
    response: str = ""
    note: str = ""
    follow_up: timedelta | None = None
    valid: bool | None = None
    """What they say of the records, in modules that validate; None for nothing."""


def _in(days: int) -> timedelta:
    return timedelta(days=days)


# Of each day (so many ago), what everybody notes in each module.
DAYS: dict[int, list[Step]] = {
    7: [
        Step(2, "one_tick"),
        Step(2, "reachable", "no", "Sudah pakai produk lain.", valid=True),
        Step(1, "reachable", "yes", "Mau lihat katalog dulu."),
        Step(1, "reachable", "yes", "Minta dihubungi lagi akhir minggu.", _in(5)),
        Step(1, "reachable", "", "Sedang rapat, telepon lagi minggu depan.", _in(7)),
    ],
    3: [
        Step(1, "unreachable", valid=False),
        Step(2, "reachable", "no"),
        Step(1, "reachable", "yes", "Tertarik, tunggu gajian."),
        Step(1, "reachable", "yes", "Minta contoh dikirim dulu.", _in(9)),
    ],
    1: [
        Step(1, "one_tick"),
        Step(1, "unreachable", valid=False),
        Step(1, "reachable", "yes", "Akan bicara dengan istrinya."),
        Step(1, "reachable", "", "Minta ditelepon sore ini.", _in(1)),
    ],
    0: [
        Step(1, "unreachable", valid=False),
        Step(1, "one_tick"),
        Step(1, "reachable", "no", "Belum butuh.", valid=True),
        Step(1, "reachable", "yes", "Pesan dua, kirim Senin.", _in(4)),
    ],
}
# Of each day, what is handed out besides: of which list, to whom and how many.
LATER: dict[int, list[tuple[str, Handover]]] = {
    1: [("Member WD Jumat", Handover("tono", 15))],
    0: [("Bonanza Mei", Handover("sari", 12)), ("Member WD Rabu", Handover("budi", 10))],
}
AT_REST = ("lina",)
"""Who has not begun yet."""

WRONG = ["Nomor salah.", "Nomor sudah tidak aktif.", "Bukan orang yang dicari.", "Tidak terdaftar di WhatsApp."]
