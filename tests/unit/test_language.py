"""Which language a request is in."""

from __future__ import annotations

import time

import pytest

from nlops.core.language import detect, of_conversation, sentence

ENGLISH = (
    "Get user1",
    "Show safe prod-db",
    "delete grp-07",
    "Add müller to Vertrieb",
    "disable bob",
    "system status",
    "and his groups?",
    "help",
    "user1",
    "yes",
    "Create a user named Müller with department Straßenbau",
    "Show group les-utilisateurs",
    "add 田中 to the group Sales",
    "Get the user Иван",
    "create a group called 'alle Benutzer der Gruppe'",
    "remove josé from Ventas",
    "delete de la Cruz",
    "who is van der Berg?",
    "[[secret:password]]",
    "",
    "12",
    "reset mfa for los-angeles-admin",
    "list users in department Vertrieb und Marketing",
    "show me the audit log of user el-mahdi since Monday",
    "Assign die to das",
    "Zeus group details",
    "the first one",
)

OTHERS = {
    "ko": ("user1 사용자를 보여줘", "모든 그룹을 보여 주세요", "user2 삭제해줘"),
    "de": (
        "Zeige mir alle Benutzer",
        "Lösche die Gruppe Sales",
        "Benutzer bob anlegen",
        "Wer ist in der Gruppe Sales?",
        "Bitte erstelle einen Benutzer namens user1",
        "Hallo",
        "Wie heißt der Benutzer user1",
    ),
    "fr": ("Montre-moi tous les utilisateurs", "Crée un utilisateur nommé bob", "liste tous les groupes", "bonjour"),
    "es": ("Muestra todos los usuarios", "Crea un usuario llamado bob", "¿Quién está en el grupo Sales?", "hola"),
    "ja": ("ユーザー一覧を表示して", "user1の詳細を見せてください", "ユーザーbobを削除"),
    "it": ("Elimina il gruppo Sales", "Mostrami tutti gli utenti"),
    "pt": ("Mostre todos os usuários", "Crie um usuário chamado bob"),
    "nl": ("Toon alle gebruikers", "Verwijder de groep Sales"),
    "pl": ("Pokaż wszystkich użytkowników", "Usuń grupę Sales"),
    "zh": ("显示所有用户", "删除用户 bob"),
    "ru": ("Покажи всех пользователей", "Удали группу Sales"),
    "uk": ("Покажи всіх користувачів",),
    "sv": ("Visa alla användare",),
    "tr": ("Tüm kullanıcıları listele",),
    "cs": ("Zobraz všechny uživatele",),
}


@pytest.mark.parametrize("text", ENGLISH)
def test_short_requests_with_foreign_names_are_english(text: str) -> None:
    assert detect(text) == "en"


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in OTHERS.items() for text in texts])
def test_requests_in_other_languages_are_told(code: str, text: str) -> None:
    assert detect(text) == code


@pytest.mark.parametrize("code", ["ko", "de", "fr", "es", "ja", "it", "pt", "nl", "pl", "zh", "ru"])
def test_the_sentence_is_in_the_language_and_in_english(code: str) -> None:
    said = sentence(code)
    assert "please write your request in English" in said
    assert detect(said.split(" (")[0]) == code


def test_an_unknown_language_gets_the_english_sentence() -> None:
    assert sentence("xx") == sentence("yy")
    assert "English" in sentence("xx")


@pytest.mark.parametrize("text", ["x" * 100_000, "a_b-" * 25_000, "der die " * 12_500, "가" * 100_000, "'a " * 33_000])
def test_long_texts_are_read_quickly(text: str) -> None:
    begin = time.thread_time()
    detect(text)
    assert time.thread_time() - begin < 2  # milliseconds on an idle machine


def test_a_request_of_names_alone_is_answered_in_the_language_of_the_words_before():
    assert of_conversation("user1", ["bernd를 조회해줘"]) == "ko"
    assert of_conversation("bernd", ["thanks", "Zeige mir alle Benutzer"]) == "de"
    assert of_conversation("delete user1", ["bernd를 조회해줘"]) == "en"
    assert of_conversation("bernd 삭제해줘", ["list the users"]) == "ko"
    assert of_conversation("user1", []) == "en"
