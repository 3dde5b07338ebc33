"""Which language is a request in? Biased to English: another one only on strong evidence, because requests are short
and full of names. By script first, then by words that only one language has.

Why no library: on requests such as "delete grp-07", "disable bob" and "Add müller to Vertrieb" py3langid named
Hungarian, Sotho and German, and it takes 100 MB; lingua's wheel has 96 MB. Words decide better here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from nlops.core import wording
from nlops.core.wording import word_set


def detect(text: str) -> str:
    """ISO 639-1 code of the request's language; "en" where nothing speaks strongly for another."""
    plain = _without_names(text[: wording.MAX_CHARACTERS])
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", plain.lower())
    english = sum(word in ENGLISH for word in words)
    script = _script(plain, english)
    return script or _by_words(words)


def of_conversation(request: str, earlier: Sequence[str]) -> str:
    """The language to speak in: the request's; of one that is nothing but names that of the words before it.

    `earlier` is what the person said before, newest first.
    """
    code = detect(request)
    words = re.findall(r"[^\W\d_]+", _without_names(request[: wording.MAX_CHARACTERS]).lower())
    if code == "en" and not any(word in ENGLISH for word in words):
        return next((other for text in earlier[:3] if (other := detect(text)) != "en"), "en")
    return code


def sentence(language: str) -> str:
    """One plain sentence in the language, and in English, that the model reads English only for now."""
    own = _SENTENCES.get(language)
    return f"{own} ({_SENTENCE})" if own else _SENTENCE


def _without_names(text: str) -> str:
    """The text without quoted phrases, placeholders, addresses and tokens with digits."""
    quoted = r"\[\[secret:[^\]]*\]\]|\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|(?<!\w)'[^'\n]*'(?!\w)"
    text = re.sub(quoted, " ", text)
    return " ".join(_without_name(word) for word in text.split())


def _without_name(word: str) -> str:
    """The word, "" when it is an address or an identifier; "user1의" keeps what is Korean."""
    if re.search(r"[@/\\_]", word):
        return ""
    return re.sub(r"[A-Za-z0-9-]+", "", word) if re.search(r"\d", word) else word


# --- by script ------------------------------------------------------------------------------------------------

_SCRIPTS: Final = (
    ("ko", re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
)
#: Letters of other languages in the script of the first one.
_WITHIN: Final = {"ru": (("uk", "іїєґ"), ("bg", "ъѝ")), "ar": (("fa", "پچژگ"),)}


def _script(text: str, english: int) -> str:
    """The language of a script other than Latin that most of the text is in; "" for none."""
    counts = {language: len(pattern.findall(text)) for language, pattern in _SCRIPTS}
    # A sign of Chinese, Japanese or Korean says as much as some letters.
    weighted = sum(count * (3 if language in ("ko", "ja", "zh") else 1) for language, count in counts.items())
    latin = len(re.findall(r"[A-Za-zÀ-ɏ]", text))
    if not weighted or (weighted <= latin and english) or english >= 3:
        return ""
    if counts["ja"]:
        return "ja"
    language = max(counts, key=lambda name: counts[name])
    for other, letters in _WITHIN.get(language, ()):
        if any(letter in text.lower() for letter in letters):
            if other == "bg" and re.search("[ыэё]", text.lower()):
                continue
            return other
    return language


# --- by words -------------------------------------------------------------------------------------------------


#: Small words of English, and those that begin a request.
ENGLISH: Final = (
    wording.STOP_WORDS
    | frozenset().union(*wording.VERB_GROUPS.values())
    | word_set(
        "user users group groups safe safes audit log logs entry entries request requests access secret"
        " secrets all from yesterday today system status settings members member list account accounts name"
        " email password owner role roles first last since until before after week month day hour and enabled"
        " disabled pending approved hello help"
    )
)

#: Words that only this language has among those listed, as far as requests go: small words and verbs of requests.
WORDS: Final[dict[str, frozenset[str]]] = {
    "de": word_set(
        "der das den dem des ein eine einen einem einer und oder nicht mit für von vom zu zum zur auf aus bei"
        " nach über ist sind war wird werden wurde hat haben bitte zeige zeig anzeigen liste auflisten"
        " erstelle erstellen anlegen lösche löschen entferne entfernen füge hinzu hinzufügen ändere ändern"
        " setze sperre sperren gib hole suche finde alle allen mir mich ich du wir wer wie welche welcher"
        " welches wo wann warum gruppe gruppen benutzer nutzer passwort kennwort konto nur lese ihre sie"
        " schreiben englisch gestern heute letzten letzte woche neuen neue neuer namens heißt kannst könntest"
        " möchte brauche deaktiviere aktiviere freigeben genehmige dieser diese dieses kein keine im gehört"
        " hallo danke hilfe guten tag an in am was lege leg erzeuge trage ein vergib gewähre erteile benenne"
        " entsperre entsperren abteilung protokoll einträge protokolleinträge zugriff anfrage anfragen rolle rollen"
        " vorgestern seit heißen dann danach ihn ihm ihr sein seine seiner details um angelegt gelöscht gefunden wohnt"
    ),
    "fr": word_set(
        "le les une des du et ou est sont avec pour dans sur aux au de la moi je tu nous vous qui quel quelle"
        " quels quelles où quand pourquoi comment montre montrez montrer affiche afficher liste lister crée"
        " créer créez supprime supprimer ajoute ajouter modifie modifier donne donner cherche trouver"
        " désactive désactiver active activer tous toutes tout utilisateur utilisateurs groupe groupes compte"
        " mot passe hier aujourd'hui dernier dernière semaine nouveau nouvelle nommé appelé s'il plaît peux"
        " pouvez veux voudrais besoin cet cette ces ses son sa bonjour merci salut aide puis ce l'utilisateur"
        " d'audit journal ne que lis veuillez écrire votre anglais"
    ),
    "es": word_set(
        "el los las una unos unas del y con para por en que quién quien qué cuál cuáles cómo dónde cuándo"
        " muestra muéstrame mostrar lista listar crea crear borra borrar elimina eliminar añade añadir agrega"
        " agregar cambia cambiar dame busca buscar desactiva desactivar activa todos todas usuario usuarios"
        " grupo grupos cuenta contraseña ayer hoy último última semana nuevo nueva llamado favor puedes quiero"
        " necesito este esta estos sus de la al está están hola gracias ayuda enséñame"
    ),
    "it": word_set(
        "il lo gli una uno della dello delle degli dei del e con per nel nella che chi quale quali come dove"
        " quando mostra mostrami mostrare elenca elencare crea creare cancella elimina eliminare aggiungi"
        " aggiungere modifica modificare dammi cerca disattiva attiva tutti tutte utente utenti gruppo gruppi"
        " conto ieri oggi ultimo ultima settimana nuovo nuova chiamato favore puoi voglio vorrei questo questa"
        " di la al ciao grazie aiuto per ora solo sua leggo richiesta alla dal dalla sono"
    ),
    "pt": word_set(
        "o os as um uma uns umas da do das dos e com para por em no na que quem qual quais como onde quando"
        " mostre mostra mostrar liste listar crie criar apague apagar exclua excluir remova remover adicione"
        " adicionar mude mudar dê me procure desative ative todos todas usuário usuários utilizador"
        " utilizadores grupo grupos conta senha ontem hoje último última semana novo nova chamado favor pode"
        " quero preciso este esta de ao olá obrigado obrigada ajuda"
    ),
    "nl": word_set(
        "de het een en of met voor van naar op uit bij in is zijn was wordt alstublieft toon laat zien lijst"
        " maak aanmaken verwijder verwijderen voeg toe toevoegen wijzig wijzigen geef zoek vind alle mij me ik"
        " jij wij wie wat welke waar wanneer groep groepen gebruiker gebruikers wachtwoord account gisteren"
        " vandaag laatste week nieuwe nieuw genaamd kun kunt wil nodig deze dit dat niet geen hallo bedankt"
        " hulp schakel"
    ),
    "pl": word_set(
        "pokaż wyświetl utwórz stwórz usuń dodaj zmień wszystkich wszystkie użytkownika użytkowników"
        " użytkownik grupę grupy grupa z do na w i oraz kto jest są jakie jaki gdzie kiedy wczoraj dzisiaj"
        " dziś ostatni nowego nowy proszę mi hasło konto dla nie się cześć dzień dobry dziękuję pomoc o nazwie"
        " tylko swoją po na razie"
    ),
    "sv": word_set(
        "visa skapa ta bort radera lägg till ändra alla användare användaren grupp gruppen grupper och med"
        " för från på i är vem vilka vilken var när igår idag senaste ny nytt mig jag kan du en ett lösenord"
        " hej tack hjälp som heter"
    ),
    "da": word_set(
        "vis opret slet fjern tilføj ændr alle bruger brugere brugeren gruppe gruppen grupper og med for fra"
        " på er hvem hvilke hvilken hvor hvornår går dag seneste ny mig jeg kan du en et adgangskode hej tak"
        " hjælp ikke som hedder"
    ),
    "nb": word_set(
        "vis opprett slett fjern legg til endre alle bruker brukere brukeren gruppe gruppen grupper og med"
        " for fra på er hvem hvilke hvilken hvor når går dag siste ny meg jeg kan du en et passord hei takk"
        " hjelp ikke som heter"
    ),
    "fi": word_set(
        "näytä luo poista lisää muuta kaikki käyttäjä käyttäjät käyttäjän ryhmä ryhmät ryhmään ja kuka mitkä"
        " mikä missä milloin eilen tänään uusi minulle salasana hei kiitos apua on ovat nimeltä"
    ),
    "cs": word_set(
        "zobraz ukaž vytvoř smaž odstraň přidej změň všechny uživatele uživatel uživatelé skupinu skupiny"
        " skupina a s do na kdo je jsou které jaké kde kdy včera dnes nový nového prosím mi heslo ahoj děkuji"
        " pomoc se jménem"
    ),
    "tr": word_set(
        "göster listele oluştur sil kaldır ekle değiştir tüm bütün kullanıcı kullanıcıları kullanıcılar"
        " kullanıcıyı grup grubu gruplar grupları ve ile için kim hangi nerede zaman dün bugün yeni lütfen"
        " bana bir şifre merhaba teşekkürler yardım adlı"
    ),
    "hu": word_set(
        "mutasd listázd hozz létre töröld add hozzá módosítsd összes minden felhasználó felhasználót"
        " felhasználók csoport csoportot csoportok és a az egy ki melyik hol mikor tegnap ma új kérem nekem"
        " jelszó szia köszönöm segítség nevű"
    ),
    "ro": word_set(
        "arată listează creează șterge adaugă modifică toți toate utilizatorul utilizatori utilizatorii"
        " grupul grupuri și cu pentru din în cine care unde când ieri azi nou nouă te rog îmi parola salut"
        " mulțumesc ajutor numit"
    ),
    "id": word_set(
        "tampilkan buat hapus tambahkan ubah semua pengguna grup dan dengan untuk dari di ke siapa apa mana"
        " kapan kemarin hari ini baru tolong saya kata sandi halo terima kasih bantuan bernama yang daftar"
    ),
    "vi": word_set(
        "hiển thị liệt kê tạo xóa thêm sửa tất cả người dùng nhóm và với cho từ ai nào đâu khi hôm qua nay"
        " mới vui lòng tôi mật khẩu xin chào cảm ơn giúp tên các danh sách những của"
    ),
}
#: How many of these languages have the word: what several have tells less.
_SHARED: Final = Counter(word for words in WORDS.values() for word in words)
#: One of these alone, without any word of English, is enough.
_ALONE: Final = frozenset(
    word for word, count in _SHARED.items() if count == 1 and len(word) >= 5 and word not in ENGLISH
) | word_set("zeig gib wer hola ciao salut hej hei hallo lösche benutzer pokaż usuń sil göster crée")
_GREETINGS_OF: Final = {"hallo": "de", "hola": "es", "ciao": "it", "bonjour": "fr", "hej": "sv", "hei": "nb"}


def _by_words(words: list[str]) -> str:
    if not words:
        return "en"
    if len(words) == 1 and words[0] in _GREETINGS_OF:
        return _GREETINGS_OF[words[0]]
    scores: dict[str, float] = {}
    hits: dict[str, int] = {}
    alone: dict[str, bool] = {}
    for language, own in WORDS.items():
        known = [word for word in words if word in own]
        unique = {word for word in known if word not in ENGLISH}
        scores[language] = sum(
            (1.0 if word in unique else 0.3) * (1.0 if _SHARED[word] == 1 else 0.7) for word in known
        )
        hits[language] = len(unique)
        alone[language] = any(word in _ALONE for word in unique)
    best = max(scores, key=lambda language: scores[language])
    enough = hits[best] >= 2 or (hits[best] == 1 and alone[best] and len(words) <= 4)
    english = sum(word in ENGLISH and word not in WORDS[best] for word in words)
    return best if enough and hits[best] > 2 * english and hits[best] >= 0.25 * len(words) else "en"


# --- sentences ------------------------------------------------------------------------------------------------

_SENTENCE: Final = "I can only read English for now, so please write your request in English."
_SENTENCES: Final = {
    "ar": "لا أقرأ حاليًا إلا الإنجليزية، فاكتب طلبك بالإنجليزية من فضلك.",
    "bg": "Засега чета само английски, затова моля, напишете заявката си на английски.",
    "cs": "Zatím čtu pouze anglicky, napište prosím svůj požadavek anglicky.",
    "da": "Jeg læser indtil videre kun engelsk, så skriv venligst din anmodning på engelsk.",
    "de": "Ich lese zurzeit nur Englisch, bitte schreiben Sie Ihre Anfrage auf Englisch.",
    "el": "Προς το παρόν διαβάζω μόνο αγγλικά, γράψτε παρακαλώ το αίτημά σας στα αγγλικά.",
    "es": "Por ahora solo leo inglés; escriba su petición en inglés, por favor.",
    "fa": "فعلاً فقط انگلیسی می‌خوانم؛ لطفاً درخواست خود را به انگلیسی بنویسید.",
    "fi": "Luen toistaiseksi vain englantia, joten kirjoita pyyntösi englanniksi.",
    "fr": "Pour le moment, je ne lis que l'anglais ; veuillez écrire votre demande en anglais.",
    "he": "כרגע אני קורא אנגלית בלבד, אנא כתבו את הבקשה באנגלית.",
    "hi": "फ़िलहाल मैं केवल अंग्रेज़ी पढ़ता हूँ, कृपया अपना अनुरोध अंग्रेज़ी में लिखें।",
    "hu": "Egyelőre csak angolul olvasok, kérem, írja a kérését angolul.",
    "id": "Untuk saat ini saya hanya membaca bahasa Inggris, jadi tulislah permintaan Anda dalam bahasa Inggris.",
    "it": "Per ora leggo solo l'inglese: scriva la sua richiesta in inglese, per favore.",
    "ja": "今のところ英語しか読めませんので、ご要望は英語でお書きください。",
    "ko": "지금은 영어만 읽을 수 있으니 요청을 영어로 적어 주세요.",
    "nb": "Jeg leser foreløpig bare engelsk, så skriv forespørselen på engelsk.",
    "nl": "Ik lees voorlopig alleen Engels, schrijf uw verzoek alstublieft in het Engels.",
    "pl": "Na razie czytam tylko po angielsku, proszę napisać swoją prośbę po angielsku.",
    "pt": "Por enquanto só leio inglês; escreva o seu pedido em inglês, por favor.",
    "ro": "Deocamdată citesc doar engleza, vă rog să scrieți cererea în engleză.",
    "ru": "Пока я читаю только по-английски, напишите, пожалуйста, ваш запрос на английском.",
    "sv": "Jag läser för närvarande bara engelska, så skriv din begäran på engelska.",
    "th": "ขณะนี้ฉันอ่านได้เฉพาะภาษาอังกฤษ กรุณาเขียนคำขอเป็นภาษาอังกฤษ",
    "tr": "Şimdilik yalnızca İngilizce okuyabiliyorum, lütfen isteğinizi İngilizce yazın.",
    "uk": "Поки що я читаю лише англійською, напишіть, будь ласка, ваш запит англійською.",
    "vi": "Hiện tôi chỉ đọc được tiếng Anh, vui lòng viết yêu cầu của bạn bằng tiếng Anh.",
    "zh": "我目前只能阅读英文，请用英文写下您的请求。",
}
