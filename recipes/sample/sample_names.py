"""The invented names of the sample corpus: how they are built, and which split may use which.

Single names (``LEAVES``) are made from syllables with the morphology of six invented regions. Longer names
(``NAME_RULES``) are composed from them in the notation of ``sample_templates``.
A surname may also be a firm or a ship and a town also a team, so that a surface form alone does not give its type.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple


class Region(NamedTuple):
    """The sounds of an invented region's names; every field is a list parted by spaces."""

    onsets: str
    vowels: str
    codas: str
    surname_endings: str
    town_endings: str
    first_names: str


REGIONS = (
    Region(  # norland
        "b br c cr d f g gr h k l m n p r s st t th tr w wh",
        "a e i o u ea oo",
        "ll rr nd l n rn ss lt lm mp v",
        "ow ell er ing man ley ard ick",
        "ford ham wick mouth stead by ton bury",
        "Ilse Hugo Edwin Tamsin Della Rupert Wilf Moira Jory Petra Alden Sorrel Gwen Barnaby Hester Lowell",
    ),
    Region(  # karvia
        "b d dr g k kr m n p r s sl t v vl z zh",
        "a e i o u",
        "l n r rk sh st v z m",
        "enko ovic sky ak in eva ova",
        "grad ov sk ice nik ovka",
        "Danil Mirka Yarik Olenka Vesna Stoyan Bozena Radomir Zlata Kiril Milen Tesha Ludka Borko",
    ),
    Region(  # sarrea
        "b c d f g l m n p r s t v ch",
        "a e i o u",
        "l r nd rr s m nt",
        "ez ado illo ero ana oso",
        "ara ena illa alba eros ona",
        "Anselmo Ruia Tomaso Belita Ciro Marisela Efren Nerea Ovidio Lucera Paz Jacinto Elvara Dario",
    ),
    Region(  # ostmark
        "b br d f fr g h j k l m n r s t v w",
        "a e i o u ie",
        "l n r ld rst tt ch nk",
        "sen berg mann quist holm er dahl",
        "burg dal heim havn stad feld",
        "Jorun Anders Liselot Detlev Sigga Halvar Britta Torvald Greta Ulrik Signe Matthis Elke Rolf",
    ),
    Region(  # tehwan
        "b ch h j k l m n q sh t w x y z",
        "a e i o u ao ei",
        "n ng",
        "en u ai",
        "chuan jin shan yang kou",
        "Lin-wei Hanjo Meiro Tao-shi Suna Keng Yulai Daozi Renko Aiwen Jinhae Sorin Minato Chiyeo",
    ),
    Region(  # kambuto
        "b d k l m mb n nd ng r s t w y z",
        "a e i o u",
        "b k l m n nd s t z",
        "ele anu oro imba utu aye",
        "ali ongo ara uba ende isha",
        "Amara Kofele Zuwena Tendo Barika Olamo Sefu Nyala Jabari Imani Chidu Thabeka Wanzi Rudo",
    ),
)

# Words of every day that are names as well; they stand in the pools beside the invented ones.
WORD_FIRSTS = "Mark May Rose Will Grace Dawn Hope Frank Grant Pat"
WORD_SURNAMES = "Rose Marsh Banks Price Stone Best Day Cash Winter Field Bond Reed Rich Law Wood Bank March Strong"
WORD_TOWNS = "Hope March Rest Summit Market Point Flood Wells Stone Marsh Sands Battle"

COUNTRY_STEMS = """
Arvel Belmor Calder Doran Esker Falmar Garven Halver Isker Jorval Kelmar Lorven Marnov Nordav Orlen Pelgar Quellan
Rovan Selkar Tormal Ulvar Varnek Westal Yarvel Zembal Ambol Bruskan Corvan Dravan Elgar Fenmar Gorsk Hestan Ilmar Jundor
Karv Lumar Mistral Nemor Oskar Pravan Rusken Samber Tavol Umber Velsk Wendar Yostar Zelmar Ardan Bolven Camber Delvan
Emmer Frisk Galdor Hirven Ostran Teskar Vorlan
"""
COUNTRY_ENDINGS = (
    ("land", "landic", "landers"),
    ("ia", "ian", "ians"),
    ("istan", "i", "is"),
    ("ara", "aran", "arans"),
)

SHARED_SHARE = {"train": 0.6, "dev": 0.65, "test": 0.65}  # chance that a name is drawn from the names of all splits
POOL_SEED = "sample names 1"


def _pick(rng: random.Random, items: list[str]) -> str:
    return items[int(rng.random() * len(items))]


def _invent(rng: random.Random, region: Region, endings: str) -> str:
    onsets, vowels, codas = region.onsets.split(), region.vowels.split(), region.codas.split()
    stem = _pick(rng, onsets) + _pick(rng, vowels) + _pick(rng, codas)
    if rng.random() < 0.12:
        stem += _pick(rng, vowels) + _pick(rng, codas)
    return (stem + _pick(rng, endings.split())).capitalize()


def _surname(rng: random.Random, region: Region) -> str:
    return _invent(rng, region, region.surname_endings)


def _settlement(rng: random.Random, region: Region) -> str:
    """Name a village or town; every fifth has the look of a surname."""
    return _invent(rng, region, region.town_endings if rng.random() < 0.8 else region.surname_endings)


def _collect(
    rng: random.Random, make: Callable[[random.Random, Region], str], count: int, taken: set[str], words: str
) -> list[str]:
    """Return ``words`` and new names, ``count`` together; ``taken`` keeps the invented ones apart across calls."""
    names = words.split()
    while len(names) < count:
        name = make(rng, REGIONS[int(rng.random() * len(REGIONS))])
        if name not in taken and len(name) > 2:
            taken.add(name)
            names.append(name)
    return names


def _countries(rng: random.Random) -> list[tuple[str, str, str]]:
    """Return the countries: the land, its adjective, its people."""
    countries = []
    for stem in COUNTRY_STEMS.split():
        land, adjective, people = COUNTRY_ENDINGS[int(rng.random() * len(COUNTRY_ENDINGS))]
        countries.append((stem + land, stem + adjective, stem + people))
    return countries


def _deal(rng: random.Random, names: list[str]) -> dict[str, tuple[str, ...]]:
    """Shuffle, then give a fifth to all splits ("shared"), two to train alone, one to dev and one to test alone."""
    names = list(names)
    for last in range(len(names) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        names[last], names[other] = names[other], names[last]
    fifth = len(names) // 5
    return {
        "shared": tuple(names[:fifth]),
        "train": tuple(names[fifth : 3 * fifth]),
        "dev": tuple(names[3 * fifth : 4 * fifth]),
        "test": tuple(names[4 * fifth :]),
    }


def build_leaves() -> dict[str, dict[str, tuple[str, ...]]]:
    """Make the pools of single names: symbol -> "shared" or a split -> names, the most frequent first."""
    rng = random.Random(POOL_SEED)
    taken: set[str] = set()
    firsts = " ".join(region.first_names for region in REGIONS)
    leaves = {
        "first": _deal(rng, f"{firsts} {WORD_FIRSTS}".split()),
        "surname": _deal(rng, _collect(rng, _surname, 700, taken, WORD_SURNAMES)),
        "settlement": _deal(rng, _collect(rng, _settlement, 600, taken, WORD_TOWNS)),
    }
    countries = _countries(rng)
    for form, symbol in enumerate(("land", "nationality", "citizens")):
        leaves[symbol] = _deal(rng, [country[form] for country in countries])
    return leaves


# symbol[:TYPE] = alternatives, the more frequent first; TYPE is that of the mention that the symbol makes.
NAME_RULES = """
town = {settlement} | {settlement} | {settlement} | {settlement} | Port {surname} | New {settlement} | San {first}
    | Fort {surname} | Upper {settlement} | East {settlement}
person:PER = {first} {family} | {family} | {first} {initial} {family} | {first} {family}
    | {first} {surname} {family} | {initial} {family}
family:PER = {surname} | {surname} | {surname} | {settlement}
given:PER = {first}
athlete:PER = {first} {family} | {first} {family} | {initial} {family}
initial = A. | J. | M. | T. | K. | E. | R. | L. | S.
city:LOC = {town}
country:LOC = {land} | {land} | {land} | {land} | {land} | South {land} | New {land}
adjective:MISC = {nationality} | {nationality} | {nationality} | North {nationality}
people:MISC = {citizens}
based:MISC = {land} ~-based/JJ | {town} ~-based/JJ | {nationality} ~-born/JJ | {nationality} ~-backed/JJ
    | {nationality} ~-led/JJ | anti-{nationality}/JJ
spot:LOC = {surname} Bridge | {town} Park | Mount {surname} | {surname} Bay | Lake {first}
    | {town} Airport | Cape {surname} | {surname} Street | {town} Valley | {surname} Island
coast:LOC = Cape {surname} | {surname} Bay | {surname} Island | {town} Harbour | {town} | {land}
river:LOC = {surname} River | {settlement} River
venue:LOC = {surname} Park | {town} Stadium | {surname} Road | {surname} Arena | {first} {surname} Hall
company:ORG = {surname} | {surname} Holdings | {town} Steel | {surname} plc/NN | {surname} & Sons | {town}
    | {nationality} Airways | {brand} Foods | {surname} and {surname} | {brand} | Bank of {land}
    | {surname} Brothers | {town} Gas & Light | {first} {surname} Ltd | {settlement} and {settlement} Railway
long_company:ORG = {town} Gas & Light | {nationality} Steel Holdings | Bank of {land} and {land}
    | {surname} Brothers Foods
brand = Compass | Summit | Signal | Lantern | Beacon | Harvest | Anchor | Orbit | Target | Mercer | Cobalt
team:ORG = {town} | {town} United | {town} Rovers | {settlement} | {surname} Athletic | Dynamo {town} | {town} Hawks
    | Real {settlement} | {surname}
nation:ORG = {land} | {land} | {land} | {land} B
government:ORG = {town} | {land} | {land} | {town}
party:ORG = {nationality} Labour Party | {adj_org} Party | {virtue} Party | Union of the {plural} for Peace
    | Movement for {virtue} and {virtue} | Party of {virtue} | {virtue} Front
long_party:ORG = Union of the {plural} for Peace | Movement for {virtue} and {virtue}
    | {nationality} People 's/POS Party | {land} Farmers and Workers League
adj_org = National | Free | People 's/POS | Green | Liberal | Farmers
plural = Lakes | Valleys | Workers | Islands | Fishermen | Nurses | Coasts
virtue = Justice | Unity | Progress | Freedom | Reform | Renewal | Work
agency:ORG = Ministry of {office} | {town} Police Department | {land} Central Bank | {nationality} Army
    | Court of {town} | Council of {plural} | {office} Department | Office for {office} and {office}
    | {land} Supreme Court | {surname} Commission
office = Fisheries | Health | Trade | Mines | Transport | Culture | Labour | Forests
college:ORG = {town} University | {town} College | {town} General Hospital | Saint {first} Hospital
institute:ORG = University of {town} | {surname} Institute | {surname} Institute for the Study of {office}
    | College of {virtue} and {office}
long_college:ORG = University of {town} | {surname} Institute for the Study of {office}
    | Academy of {virtue} and {office}
group:ORG = Friends of the {plural} | {town} Chamber of Commerce | Teachers of {land} Union
    | Save the {plural} | Voice of {nationality} {plural} | {surname} Foundation
paper:ORG = {town} Courier | {town} Gazette | {town} Herald | Daily {brand} | Evening {town}
    | {nationality} Press Agency
broadcaster:ORG = Radio {town} | {land} Television | Channel <2-9>
cup:MISC = {town} Open | {land} Cup | {surname} Trophy | Tour of {land} | {town} Marathon | {brand} League
    | {adj_org} Games | {land} Grand Prix
storm:MISC = Hurricane {first} | Typhoon {first} | {first} | {first} | Storm {surname}
ship:MISC = {first} {surname} | {virtue} of {town} | {first} | {town} | Star of {land} | {brand} | {surname} Queen
product:MISC = {surname} <2-90>0/CD | {brand} <1-9>/CD | {surname} | {brand} | {town} Blue | {first}
    | {surname} Cruiser
work:MISC = The {title_adj} {title_noun} | {title_noun} of {title_noun} | {title_noun} in {town}
    | A {title_adj} {title_noun} for {first} | {first} and {first} | {title_noun} | {town}
    | The {title_noun} and the {title_noun} | Goodbye {town}
title_adj = Long | Silent | Last | Broken | Borrowed | Winter | Second
title_noun = House | Winter | Salt | River | Garden | Summer | Stone | Letter | Orchard | Mirror | Harvest
effect:MISC = {surname} Effect | {surname} Comet | {surname} Syndrome | {family} 's/POS Law
band:ORG = The {plural} | {first} and the {plural} | {title_adj} {title_noun} | The {surname} Brothers
law:MISC = {surname} Act | Treaty of {town} | {town} Accord | {surname} Plan | Clean {plural} Act | {town} Declaration
prize:MISC = {surname} Prize | Order of the {title_adj} {title_noun} | {first} {surname} Medal | Golden {title_noun}
holiday:MISC = {virtue} Day | Saint {first} Day | {land} Day | Lantern Night | {land} Week | {surname} Week
"""
