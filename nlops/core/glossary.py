"""English words for what a Korean or German request is about. Descriptions of products are mostly English, and the
ranking of operations compares words: without these, a request in another language finds nothing.

Usual words of requests only; what a product calls its own things, people mostly write as the product does.
"""

from __future__ import annotations

import re
from typing import Final


def search_words(text: str) -> str:
    """English words for the things and acts in the text, in its order, "" when none is known."""
    found = {
        match.start(): english for pattern, english in (*_THINGS, *_ACTS) for match in [pattern.search(text)] if match
    }
    return " ".join(found[place] for place in sorted(found))


def names_a_thing(text: str) -> bool:
    """Whether the text names a kind of thing that is known here."""
    return any(pattern.search(text) for pattern, _ in _THINGS)


def _patterns(pairs: dict[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.I), english) for english, pattern in pairs.items())


#: Longer words before those that they hold. Korean writes endings onto its words, German puts words together.
_THINGS: Final = _patterns(
    {
        "user": r"사용자|유저|회원|\b(?:be)?nutzer|\banwender",
        "group": r"그룹|\bgruppe",
        "member": r"구성원|멤버|속한|속해|누가 있|\bmitglied",
        "account": r"계정|\bkont(?:o|en)\b",
        "password": r"비밀번호|암호|패스워드|\b(?:passw|kennw)ort",
        "secret": r"비밀(?!번호)|시크릿|\bgeheimnis",
        "safe": r"금고|\btresor|\bsafes?\b",
        "access request": r"접근 ?요청|접근 ?신청|\bzugriffsanfrage|\bzugriffsantr",
        "request": r"요청|신청|\banfrage|\bantr[aä]g",
        "access permission": r"권한|접근|\b(?:lese|schreib|zugriffs)?recht|\bberechtigung|\bzugriff",
        "role": r"역할|\brolle",
        "audit log entries": r"로그|감사|기록|\bprotokoll",
        "settings": r"설정(?!해)|\beinstellung|2단계 ?인증|세션|\bsitzung|\bzwei-?faktor",
        "system": r"시스템|\bsystem",
        "health status": r"정상|상태|\bzustand|\bstatus",
        "statistics": r"통계|\bstatistik",
        "report": r"보고서|\bbericht",
        "details": r"상세|정보|\bdetail|\bangaben",
        "department": r"부서|\babteilung",
        "email": r"이메일|메일 ?주소|\be-?mail",
        "session": r"세션|\bsitzung",
        "token": r"토큰|\btoken",
        "customer": r"고객|\bkund",
        "order": r"주문|\bbestellung|\bauftr[aä]g",
        "product": r"상품|\bartikel",
        "invoice": r"청구서|송장|\brechnung",
        "payment": r"결제|지불|\bzahlung",
        "project": r"프로젝트|\bprojekt",
        "task": r"작업|할 ?일|\baufgabe",
        "ticket issue": r"티켓|이슈|\bticket",
        "file document": r"파일|문서|\bdatei|\bdokument",
        "message": r"메시지|쪽지|\bnachricht",
        "event": r"이벤트|일정|\bereignis|\btermin",
        "server": r"서버|\bserver",
        "metric usage": r"사용량|지표|\bverbrauch|\bnutzung",
        "comment": r"댓글|의견|\bkommentar",
    }
)
_ACTS: Final = _patterns(
    {
        "list": r"목록|모든|모두|전부|어떤|\balle\b|\blist|\bwelche",
        "get show": r"보여|조회|가져|알려|확인|찾아|\bzeig|\bhole?\b|\bgib mir|\bfinde",
        "create": r"생성|만들|만든|\berstell|\banleg|\blege?\b|\berzeug",
        "add": r"추가|등록|넣어|\bhinzu|\bfüg",
        "delete": r"삭제|없애|지워|지우|\blösch",
        "remove": r"제거|빼\w|\bentfern",
        "update change": r"변경|수정|바꿔|바꾸|업데이트|\bänder|\bsetze?\b|\baktualisier",
        "disable": r"비활성|끄|꺼|\bdeaktiv|\bsperr",
        "enable": r"(?<!비)활성|켜|\baktivier|\bentsperr",
        "grant": r"부여|권한을 주|\bgewähr|\bvergib|\bgib\b|\berteil",
        "revoke": r"회수|박탈|취소|\bentzieh|\bwiderruf",
        "approve": r"승인|허가|\bgenehmig",
        "deny reject": r"거부|거절|반려|\babl?ehn|\blehn",
        "reset": r"초기화|재설정|\bzurücksetz",
        "rotate": r"교체|갱신|\brotier|\berneuer",
        "reveal value": r"공개|값|\bwert",
    }
)
