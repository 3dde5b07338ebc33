"""How values are said in English, German and Korean: particles and endings after a name, numbers in words, states,
choices, and the words that name no thing. nlops.core.provenance decides with it what was said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _list(words: str) -> list[str]:
    return words.split()


# --- Korean: what stands directly after a name -----------------------------------------------------------------

_HANGUL: Final = "\uac00-\ud7a3"
#: Particles after any noun, those that only follow a final consonant, and those that only follow a vowel. Left out are
#: those that as often end a word of their own (나, 고, 며, 라, 야).
_ANY: Final = (
    "(?:에서|에게서|에게|한테서|한테|께서|께|에|까지|부터|마다|하고|만)(?:는|은|도|만|의|를|을)?|의|도|처럼|보다|밖에"
)
_CLOSED: Final = "을|은|이|과|으로(?:서|써|부터|는|도)?|이랑|이라는|이라고|이란|입니다|이에요|이며|이고"
_OPEN: Final = "를|는|가|와|로(?:서|써|부터|는|도)?|랑|라는|라고|란|입니다|예요"
_TITLE: Final = "(?:님|씨)?"
#: Kinds of things that are written onto a Latin name: Sales그룹, user1계정.
_KINDS: Final = "그룹|팀|부서|사용자|유저|회원|계정|금고|역할|권한|프로젝트|서버|폴더|파일|시크릿|비밀|토큰|세션|요청|티켓|회사|고객"
_ACTS: Final = "생성|추가|삭제|제거|조회|검색|변경|수정|비활성화|활성화|잠금|승인|거부|등록|초대"
_END: Final = r"(?!\w)"
_AFTER_CLOSED: Final = (
    rf"(?:(?!\w)|{_TITLE}(?:{_ANY}|{_CLOSED}){_END}|(?:님|씨){_END}|(?:님|씨)(?:{_OPEN}|{_ANY}|이){_END})"
)
_AFTER_L: Final = _AFTER_CLOSED.replace(f"{_ANY}|", f"{_ANY}|로(?:서|써|부터|는|도)?|", 1)
_AFTER_OPEN: Final = rf"(?:(?!\w)|{_TITLE}(?:{_ANY}|{_OPEN}){_END}|(?:님|씨){_END}|(?:님|씨)(?:{_CLOSED}|{_ANY}){_END})"
_AFTER_OTHER: Final = rf"(?:(?!\w)|(?:{_KINDS})?(?:들)?{_TITLE}(?:{_ANY}|{_CLOSED}|{_OPEN}|인|이고|고|번)?{_END}|(?:{_ACTS})[{_HANGUL}]*{_END})"


def after(value: str) -> str:
    """Regex of what may follow the value where it is a word of its own: no word character, or a Korean particle.

    A particle has to fit the value's last sound: 김철수를 but not 김철수을, so that 박지은 is not 박지 with 은.
    """
    last = value[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return _AFTER_OPEN if final == 0 else _AFTER_L if final == 8 else _AFTER_CLOSED
    # Between Latin letters or digits and Korean, the change of script ends the word.
    return _AFTER_OTHER if last.isalnum() else r"(?!\w)"


def before(value: str) -> str:
    """Regex of what may stand before the value: no word character, or a Korean kind of thing written onto it."""
    first = value[:1]
    if first.isascii() and first.isalnum():
        return rf"(?:(?<![\w@])|{'|'.join(f'(?<={kind})' for kind in _KINDS.split('|'))})"
    return r"(?<![\w@])"


#: A German genitive: "Bernds Konto". Only before a noun, which German writes with a capital.
GENITIVE: Final = r"s(?=\s+[A-ZÄÖÜ]\w)"

# --- words that name no thing ----------------------------------------------------------------------------------

#: A value made of them alone was taken from the request's grammar.
FILLERS: Final = _set(
    "a an the new some any all every each this that it its his her their my your our me you him them us i"
    " we and or of for in on at to from by with without as is are be was were has have please can could"
    " would should do does did create add make get show list find give fetch see view tell delete remove"
    " drop update change set edit rename details detail info information name named called id number value"
    " item items entry entries one ones thing user users group groups account accounts safe safes secret"
    " secrets password request requests"
    # German
    " der die das den dem des ein eine einen einem einer eines neu neue neuer neuen neues alle allen jede jeden"
    " bitte mir mich und oder von vom für mit ohne im zum zur benutzer benutzers nutzer gruppe gruppen konto konten"
    " passwort kennwort name namens geheimnis tresor eintrag einträge anlegen erstellen erstelle lösche löschen zeige"
    " ändere ändern setze"
    # Korean
    " 새 새로운 신규 모든 모두 전체 이 그 저 사용자 유저 회원 계정 그룹 팀 부서 이름 비밀번호 암호 금고 시크릿 비밀 역할"
    " 권한 설명 정보 상세 목록 로그 항목 요청 값 번호 생성 추가 삭제 제거 조회 검색 변경 수정 설정 등록 활성화 비활성화"
)
#: What stands before a word that is a name although it is one of FILLERS.
NAMING: Final = re.compile(
    r"(?:\b(?:named|called|titled|is|as|be|namens|heißt|genannt|mit dem namen|이름은|이름이)\s+|[:=]\s*)$", re.I
)
#: What stands after it.
NAMED: Final = re.compile(r"(?:이라는|라는|이라고|라고|(?:으)?로\s+(?:이름|명명))")

# --- numbers ---------------------------------------------------------------------------------------------------

_EN_ONES: Final = _list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_EN_TENS: Final = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_DE_ONES: Final = _list(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn"
    " achtzehn neunzehn"
)
_DE_TENS: Final = _list("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig")
_KO_NATIVE: Final = _list("하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉")
#: Before a counter: 한 명, 두 개.
_KO_COUNTING: Final = _list("한 두 세 네 다섯 여섯 일곱 여덟 아홉")
_KO_TENS: Final = _list("열 스물 서른 마흔 쉰")
_KO_DIGITS: Final = "일이삼사오육칠팔구"


def _numbers() -> dict[str, int]:
    """Words that are a number wherever they stand."""
    found = {word: value for ones in (_EN_ONES, _DE_ONES) for value, word in enumerate(ones)}
    found |= {"zwo": 2, "hundred": 100, "thousand": 1000, "hundert": 100, "einhundert": 100, "tausend": 1000}
    found |= {"eintausend": 1000, "zweihundert": 200, "fünfhundert": 500}
    for ten, (english, german) in enumerate(zip(_EN_TENS, _DE_TENS, strict=True), 2):
        found[english] = found[german] = 10 * ten
        for one in range(1, 10):
            found[("ein" if one == 1 else _DE_ONES[one]) + "und" + german] = 10 * ten + one
    found |= {word: value for value, word in enumerate(_KO_NATIVE, 1)}
    for ten, word in enumerate(_KO_TENS, 1):
        found[word] = 10 * ten
        found |= {word + one: 10 * ten + value for value, one in enumerate(_KO_NATIVE, 1)}
    # 네 is also "yes", and 둘 or 셋 alone are rare enough to be numbers.
    return found


NUMBERS: Final = _numbers()
#: "twenty-five"
ENGLISH_TENS: Final = {word: 10 * value for value, word in enumerate(_EN_TENS, 2)}
ENGLISH_ONES: Final = {word: value for value, word in enumerate(_EN_ONES[:10]) if value}

#: What Korean counts with.
_COUNTERS: Final = "번째|번|호|개월|개|명|건|분|초|시간|시|일|주일|주|달|월|년|원|회|차|페이지|줄|자|퍼센트|권|장|위|등|단계|배|가지|사람"
#: After digits: no word, or a Korean counter or particle. 만 and 천 make another number of it.
AFTER_DIGITS: Final = rf"(?:(?!\w)|(?:{_COUNTERS})[{_HANGUL}]{{0,4}}(?!\w)|(?:{_ANY}|{_CLOSED}|{_OPEN})(?<!만)(?!\w))"
_DIGITS: Final = re.compile(rf"(?<![\w.,])(?<!\w-)-?\d+(?:,\d{{3}})*(?:\.\d+)?{AFTER_DIGITS}(?![.,]\d)")
_GERMAN_DIGITS: Final = re.compile(r"(?<![\w.,])(?<!\w-)-?(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+,\d+)(?!\w)(?![.,]\d)")
_KO_SCALED: Final = re.compile(
    rf"(?<![\w.,])(\d+(?:,\d{{3}})*)(만|천|백만|억)(?=(?:\s*(?:{_COUNTERS}))|[{_HANGUL}]{{0,2}}(?!\w))"
)
_KO_SCALES: Final = {"천": 1_000, "만": 10_000, "백만": 1_000_000, "억": 100_000_000}
_KO_COUNTED: Final = re.compile(
    rf"(?<!\w)(?P<word>(?:열|스물|서른|마흔|쉰)?(?:{'|'.join(_KO_COUNTING)})|스무|[{_KO_DIGITS}십백천]+)\s?(?:{_COUNTERS})"
    rf"(?![{_HANGUL}]{{5}})"
)


def numerals(text: str) -> Iterator[tuple[float, tuple[int, int]]]:
    """Every number that stands in digits in the text, or as a counted Korean word, with its place."""
    for match in _DIGITS.finditer(text):
        digits = re.match(r"-?\d+(?:,\d{3})*(?:\.\d+)?", match.group())
        if digits:
            yield float(digits.group().replace(",", "")), (match.start(), match.start() + digits.end())
    for match in _GERMAN_DIGITS.finditer(text):
        yield float(match.group().replace(".", "").replace(",", ".")), match.span()
    for match in _KO_SCALED.finditer(text):
        yield float(int(match[1].replace(",", "")) * _KO_SCALES[match[2]]), (match.start(), match.end(2))
    for match in _KO_COUNTED.finditer(text):
        value = _korean_number(match["word"])
        if value:
            yield float(value), match.span("word")


def _korean_number(word: str) -> int:
    """스물다섯 as 25, 삼십 as 30; 0 when it is none."""
    if word == "스무":
        return 20
    for ten, prefix in enumerate(_KO_TENS, 1):
        if word.startswith(prefix):
            rest = word.removeprefix(prefix)
            return 10 * ten + (_KO_COUNTING.index(rest) + 1 if rest in _KO_COUNTING else 0)
    if word in _KO_COUNTING:
        return _KO_COUNTING.index(word) + 1
    total, digit = 0, 0
    for sign in word:
        if sign in _KO_DIGITS:
            digit = _KO_DIGITS.index(sign) + 1
        else:
            total, digit = total + (digit or 1) * {"십": 10, "백": 100, "천": 1000}[sign], 0
    return total + digit


# --- states ----------------------------------------------------------------------------------------------------

_NOT: Final = r"(?:\s*(?:하지\s*)?(?:않|말고|아닌|못))"
#: Stems of an argument's name (as nlops.core.provenance makes them), and what says yes and no of it elsewhere.
STATES: Final[tuple[tuple[frozenset[str], re.Pattern[str], re.Pattern[str]], ...]] = (
    (
        _set("enabl activ activat disabl inactiv deactivat"),
        re.compile(
            rf"(?<!비)활성(?!\w*{_NOT})\w*|켜\w*|켠\w*|\b(?:re)?aktiv(?:ier|e?[rnsm]?\b)\w*|\beingeschaltet\w*", re.I
        ),
        re.compile(rf"비활성\w*|끄\w*|꺼\w*|활성\w*{_NOT}\w*|\b(?:de|in)aktiv\w*|\bausgeschaltet\w*", re.I),
    ),
    (
        _set("lock block suspend unlock unblock"),
        re.compile(
            r"잠그\w*|잠가\w*|잠근\w*|잠긴\w*|잠겨\w*|잠금(?!\s*\w*\s*해제)\w*|차단(?!\s*해제)\w*|\b(?:ge)?sperr\w*",
            re.I,
        ),
        re.compile(
            r"잠금\w*\s*(?:을\s*)?(?:해제|풀)\w*|차단\s*해제\w*|잠기지\s*않\w*|\bentsperr\w*|\bfrei(?:ge)?schalt\w*",
            re.I,
        ),
    ),
    (
        _set("public privat"),
        re.compile(r"(?<!비)공개\w*|\böffentlich\w*", re.I),
        re.compile(r"비공개\w*|\bprivat\w*", re.I),
    ),
)
#: Stems in the name of an argument whose true is the state's no.
OPPOSITES: Final = _set("disabl inactiv deactivat unlock unblock privat")
#: What an abbreviation in an argument's name is called elsewhere.
SPELLED_OUT: Final = (
    r"(?:2|이|두)\s?단계\s?인증|이중\s?인증|다중\s?인증|다요소\s?인증|\bzwei-?faktor\w*|\bzweite[rn]?\s+faktor\w*"
)
#: After or before it: no, rather than yes.
WITHOUT: Final = re.compile(
    r"없이|없는|끄|꺼|해제|비활성|않|말고|\bohne\b|\bkein\w*|\bnicht\b|\bdeaktiv\w*|\bausschalt\w*|\bschalt\w*\b.*\baus\b",
    re.I,
)
YES: Final = _set("ja 예 네 응 맞아요 맞습니다")
NO: Final = _set("nein 아니요 아니오 아뇨 아니")

# --- choices ---------------------------------------------------------------------------------------------------

#: A usual choice of an enum, and what says it elsewhere. Others have to be said as they are.
CHOICES: Final[dict[str, re.Pattern[str]]] = {
    word: re.compile(pattern, re.I)
    for word, pattern in {
        "read": r"읽기|열람|조회\s*권한|\blese\w*|\blesen\b",
        "write": r"쓰기|편집\s*권한|\bschreib\w*",
        "manage": r"관리(?!자)|\bverwalt\w*",
        "admin": r"관리자|\badministrator\w*",
        "viewer": r"뷰어|조회자|열람자|\bbetrachter\w*",
        "owner": r"소유자|소유주|\b(?:eigentümer|besitzer)\w*",
        "editor": r"편집자|\bbearbeiter\w*",
        "pending": r"대기\s*중|대기|보류\s*중|미처리|\boffen\w*|\bausstehend\w*",
        "approved": r"승인(?:된|됨|한)|\bgenehmigt\w*",
        "denied": r"거부(?:된|됨|한)|거절(?:된|됨|한)|\babgelehnt\w*",
        "rejected": r"거부(?:된|됨|한)|거절(?:된|됨|한)|\babgelehnt\w*",
        "active": r"(?<!비)활성(?:화된|화|\s*상태|인)?|(?<!in)\baktiv\w*",
        "inactive": r"비활성\w*|\binaktiv\w*",
        "enabled": r"(?<!비)활성\w*|\baktiviert\w*",
        "disabled": r"비활성\w*|\bdeaktiviert\w*",
        "locked": r"잠긴|잠겨\s*있는|\bgesperrt\w*",
        "daily": r"매일|일별|일간|\btäglich\w*",
        "weekly": r"매주|주별|주간|\bwöchentlich\w*",
        "monthly": r"매월|매달|월별|월간|\bmonatlich\w*",
        "yearly": r"매년|연간|연별|\bjährlich\w*",
        "high": r"높은|높음|\bhohe?\w?\b",
        "low": r"낮은|낮음|\bniedrig\w*",
        "medium": r"중간|보통|\bmittel\w*",
        "urgent": r"긴급|\bdringend\w*",
        "open": r"열린|미해결|\boffen\w*",
        "closed": r"닫힌|종료된|해결된|\bgeschlossen\w*",
        "asc": r"오름차순|\baufsteigend\w*",
        "desc": r"내림차순|\babsteigend\w*",
    }.items()
}
