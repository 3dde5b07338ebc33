"""German."""

from __future__ import annotations

from typing import Final

THOUSANDS: Final = "."
AND: Final = "und"

PHRASES: Final[dict[str, str]] = {
    # the run
    "choosing": "Eine Operation wird ausgewählt",
    "looking": "Das Ergebnis wird angesehen",
    "thinking": "Ihre Antwort wird ausgewertet",
    "calling": "Aufruf von {method} {target}",
    "model_again": "{message} Neuer Versuch in {seconds} s",
    "model_other": "{message} Weiter mit einem anderen Modell",
    "unreachable_again": "Das Produkt ist nicht erreichbar; noch ein Versuch",
    "unclear_again": "Keine klare Antwort vom Produkt; neuer Versuch",
    "wait": "Das Produkt bittet, {seconds} Sekunden zu warten",
    "asked_to_wait": "Es bittet, {duration} zu warten.",
    "seconds": "{count} Sekunden",
    "minutes": "{count} Minuten",
    "not_known": "Es ist nicht bekannt, ob das Produkt es ausgeführt hat.",
    "gone_now": "Beim ersten Mal brach die Verbindung ab; laut Produkt ist es jetzt weg.",
    # limits
    "stopped_at": "Hier habe ich aufgehört: {limit}. Was bisher getan wurde, steht unten.",
    "limit_steps": "eine Anfrage darf {count} Schritte dauern",
    "limit_model_calls": "eine Anfrage darf das Modell {count}-mal fragen",
    "limit_calls": "eine Anfrage darf {count} Aufrufe machen",
    "limit_tokens": "eine Anfrage darf {count} Tokens verbrauchen",
    "limit_seconds": "an einer Anfrage darf {count} Sekunden gearbeitet werden",
    "limit_bytes": "eine Anfrage darf {count} MB vom Produkt lesen",
    "limit_cost": "eine Anfrage darf {cost} für das Modell kosten",
    "limit_batch": (
        "Das wären {count} Aufrufe von {title}; höchstens {limit} werden auf einmal gemacht, daher wurde keiner"
        " gemacht. Bitte verlangen Sie weniger."
    ),
    # stopping
    "stopped": "Angehalten, wie Sie wünschten.",
    "stopped_by_switch": (
        "Angehalten: nlops wurde vorerst von einem Operator gestoppt. Es wurde nichts weiter getan; bitte fragen Sie"
        " später noch einmal."
    ),
    "read_only": "nlops darf zurzeit nur lesen, deshalb wird nichts geändert. Bitte fragen Sie später noch einmal.",
    "stopping": "Wird angehalten; {title} ist schon unterwegs",
    "stopped_done": "{title} war schon unterwegs, und das Produkt hat es ausgeführt.",
    "stopped_not_done": "{title} wurde nicht ausgeführt.",
    "stopped_no_result": "{title} brachte kein Ergebnis.",
    "stopped_in_doubt": (
        "{title} war schon unterwegs, und es ist nicht bekannt, ob das Produkt es ausgeführt hat: bitte prüfen Sie es."
    ),
    "in_doubt_stopped": (
        "Es war unterwegs, als Sie anhielten; es ist nicht bekannt, ob das Produkt es ausgeführt hat."
    ),
    "not_reached": "Es hat das Produkt nicht erreicht.",
    "not_made_before": "Nicht gemacht: der Aufruf davor wurde auch nicht gemacht.",
    "batch_done": "{count}-mal erledigt: {title}.",
    "batch_not_done": "{count}-mal nicht erledigt: {what}. {reason}",
    "not_made_batch": "Nicht gemacht: ein früherer Aufruf derselben Reihe schlug fehl.",
    # questions
    "what_exactly": "Was genau meinen Sie?",
    "your_answer": "Ihre Antwort",
    "need": "Für „{purpose}“ brauche ich noch: {labels}.",
    "refused_need": "Das Produkt hat es abgelehnt: {error} {question}",
    "choose_one": "Wählen Sie eines davon: {choices}.",
    "number_needed": "Hier wird eine Zahl gebraucht.",
    "yes_or_no": "Hier wird ja oder nein gebraucht.",
    "json_needed": "Schreiben Sie es hier als JSON, etwa {example}.",
    "json_wrong": "Das ist kein gültiges JSON: {error}.",
    "list_needed": "Hier wird eine Liste gebraucht.",
    "object_needed": "Hier wird ein Objekt gebraucht: {example}.",
    "at_least": "Es braucht mindestens {count} Zeichen.",
    "at_most": "Es passen höchstens {count} Zeichen.",
    # control points
    "not_allowed_so": "Mit diesen Werten darf diese Operation nicht verwendet werden.",
    "connect_first": (
        "{product} verlangt ein eigenes Konto von Ihnen. Verbinden Sie es zuerst, und fragen Sie dann noch einmal."
    ),
    "not_allowed": "Diese Operation darf hier nicht benutzt werden.",
    "left_out": "{label}: diesen Wert hat niemand genannt, daher entfällt er.",
    "nothing": "nichts",
    "repaired": "Das Produkt hat {label} {was} abgelehnt ({error}), daher habe ich es in „{value}“ geändert.",
    "missing": "Es fehlt: {names}.",
    "arguments": "Argumente",
    "does_not_fit": "Der Aufruf passt nicht zur Beschreibung des Produkts.",
    "policy_confirm": "Die Regel verlangt die Bestätigung dessen, der fragt.",
    "policy_approve": "Die Regel verlangt die Freigabe durch eine andere Person.",
    "tainted": "Diese Werte kommen vom Produkt: {names}.",
    # where a value comes from
    "origin_said": "das haben Sie gesagt",
    "origin_said_words": "Sie sagten „{words}“",
    "origin_computed": "berechnet aus „{words}“",
    "origin_returned": "aus der Antwort von {operation}: {path}",
    "origin_default": "die Vorgabe des Produkts",
    "origin_edited": "geändert von {who} bei der Freigabe",
    "origin_secret": "von Ihnen eingegeben, bleibt verborgen",
    "origin_invented": "vom Modell gewählt",
    "yes": "ja",
    "no": "nein",
    # answers
    "done_with": "Erledigt: {what}",
    "did_to": "{noun} {name} wurde {verb}.",
    "not_done": "Das wurde nicht getan: {what}. {reason}",
    "check_doubt": (
        "Es ist nicht bekannt, ob das getan wurde: {what}. Bitte prüfen Sie es, bevor Sie es noch einmal versuchen."
    ),
    "rejected_by": "{who} hat das abgelehnt, es wurde also nichts geändert: {what}.{reason}",
    "you_said_no": "Sie haben nein gesagt, es wurde also nichts geändert: {what}.{reason}",
    "not_done_reason": "Das wurde nicht getan: {what}.{reason}",
    "reason": " Grund: {error}",
    "list_shows": "Die Liste zeigt, welche es gibt.",
    "not_found": "Das Produkt hat nicht gefunden: {what} ({status}). {said} Prüfen Sie den Namen.",
    "such_thing": "{what}",
    "no_sign_in": (
        "Das Produkt hat die Anmeldung der Verbindung nicht angenommen ({status}). {said}"
        " Ein Operator kann die Zugangsdaten der Verbindung prüfen."
    ),
    "forbidden": (
        "Das Produkt erlaubt das nicht ({status}): {what}. {said}"
        " Der Verbindung fehlt das Recht dazu; ein Operator kann das ändern."
    ),
    "refused_with_hint": "Das Produkt hat es abgelehnt ({status}): {said} {hint}",
    "try_another_name": "Versuchen Sie einen anderen Namen.",
    "look_at_state": "Sehen Sie sich erst den jetzigen Zustand an.",
    "too_busy": "Das Produkt ist gerade überlastet ({status}). {said} Versuchen Sie es gleich noch einmal.",
    "own_fault": "Das Produkt hatte selbst einen Fehler ({status}): {what}. {said} Bitte versuchen Sie es später.",
    "did_not_work": "Das hat nicht funktioniert: {what}. {said}",
    "refused_by_product": "Das Produkt hat es abgelehnt ({status}): {said}",
    "failed_no_reason": "Das Produkt meldet einen Fehlschlag, aber keinen Grund.",
    "status_no_reason": "Das Produkt antwortete mit {status} ohne einen Grund.",
    "empty_thing": "Das Produkt antwortete mit einem leeren Objekt ({noun}).",
    "nothing_back": "Erledigt: {what}. Das Produkt hat nichts zurückgesendet.",
    "product_answered": "Das Produkt antwortete: {text}",
    "here_is": "Das ist das Ergebnis ({noun}).",
    "here_is_named": "Das ist {noun} {name}.",
    "none_found": "Keine {nouns} gefunden.",
    "found": "{count} gefunden.",
    "counted": "{count} {noun}",
    "first_of": "Das sind die ersten {shown} von {total} {nouns}.",
    "first_and_more": "Das sind die ersten {shown} {nouns}; es gibt noch mehr.",
    "caption_first": "die ersten {shown}",
    "caption_first_of": "die ersten {shown} von {total}",
    "and_more": "und {count} weitere",
    "value": "Wert",
    # what can be done here
    "nothing_allowed": (
        "Hallo! Hier ist noch keine Operation erlaubt: ein Operator kann welche auf die Positivliste setzen."
    ),
    "hello": "Hallo! Ich kann {products} für Sie bedienen: {services}. Sagen Sie in Ihren Worten, was Sie möchten.",
    "the_product": "das Produkt",
    "service": "Dienst",
    "what_i_can_do": "Was ich tun kann",
    "what_i_can_do_here": "Was ich hier tun kann",
    "other_service": "anderes",
    "cannot_help": "Damit kann ich hier nicht helfen: {reason}.",
    "nothing_does_it": "nichts, was ich benutzen darf, tut das",
    "can_help_with": "Helfen kann ich mit {products}: {services}.",
    # what comes, or does not come, over the wire
    "wire_unreachable": (
        "{host} war innerhalb von {seconds} Sekunden nicht zu erreichen. Prüfen Sie, ob das Produkt läuft und ob"
        " die Basis-URL der Verbindung stimmt."
    ),
    "wire_down": (
        "{host} ist nicht zu erreichen: Die Verbindung wurde abgelehnt. Prüfen Sie, ob das Produkt läuft und ob"
        " die Basis-URL der Verbindung stimmt."
    ),
    "wire_private": (
        "{host} führt zu einer privaten Adresse; Aufrufe dorthin sind nicht erlaubt. Läuft das Produkt wirklich dort,"
        " kann es der Betreiber von nlops eintragen: NLOPS_PRIVATE_HOSTS={entry}"
    ),
    "wire_metadata": (
        "{host} führt zu einer Adresse, an der eine Cloud die Geheimnisse ihrer Rechner bereithält. Sie wird nie"
        " aufgerufen; prüfen Sie die Basis-URL der Verbindung."
    ),
    "wire_unknown_host": "Der Rechnername von {host} ist nicht bekannt. Prüfen Sie die Basis-URL der Verbindung.",
    "wire_untrusted": (
        "Dem TLS-Zertifikat von {host} wird nicht vertraut ({why}). Bitten Sie den Betreiber des Produkts um ein"
        " gültiges Zertifikat, oder nehmen Sie den Rechnernamen, den das Zertifikat nennt."
    ),
    "wire_no_tls": "{host} spricht kein TLS, wie erwartet. Prüfen Sie, ob die Basis-URL mit http:// beginnen sollte.",
    "wire_late": "{host} sendete nach {seconds} Sekunden noch immer; nlops hat aufgehört zu lesen.",
    "wire_silent": "{host} hat innerhalb von {seconds} Sekunden nicht geantwortet.",
    "wire_no_http": "{host} hat mit etwas geantwortet, das kein richtiges HTTP ist; die Antwort ist nicht lesbar.",
    "wire_closed": "{host} hat die Verbindung vor der Antwort oder mitten in ihr geschlossen.",
    "wire_page": (
        "Das Produkt hat mit einer Webseite{title} geantwortet, wo Daten erwartet wurden, wie es geschieht, wenn"
        " die Basis-URL nicht die der API ist oder wenn eine Anmeldung fehlt. Ein Operator kann die Verbindung"
        " prüfen."
    ),
    "wire_titled": " mit dem Titel „{title}“",
    "wire_broken": "Die Antwort des Produkts gibt sich als JSON aus, ist aber kaputt und nicht lesbar.",
    "wire_not_unpacked": "Die Antwort des Produkts ist komprimiert, aber kaputt: Sie lässt sich nicht auspacken.",
    "wire_too_large": (
        "Das Produkt hat mehr als {size} gesendet; so viel liest nlops nicht. Fragen Sie nach weniger auf einmal:"
        " einem kürzeren Zeitraum, einem engeren Filter oder weniger Einträgen."
    ),
    "wire_elsewhere": (
        "Das Produkt hat die Anfrage weitergeschickt{place} (HTTP {status}). nlops folgt dem nicht: Die"
        " Zugangsdaten sind nur für die Adresse der Verbindung. Ist das Produkt umgezogen, kann ein Operator die"
        " Basis-URL der Verbindung berichtigen."
    ),
    "wire_to": " nach {place}",
    "wire_not_modified": (
        "Das Produkt hat geantwortet, dass sich nichts geändert habe (HTTP 304), obwohl niemand nur nach"
        " Änderungen gefragt hat."
    ),
    "took_on": "Das Produkt hat es angenommen und arbeitet vielleicht noch daran.",
}

#: English singular to German singular and plural.
NOUNS: Final[dict[str, tuple[str, str]]] = {
    "user": ("Benutzer", "Benutzer"),
    "group": ("Gruppe", "Gruppen"),
    "member": ("Mitglied", "Mitglieder"),
    "role": ("Rolle", "Rollen"),
    "permission": ("Berechtigung", "Berechtigungen"),
    "safe": ("Safe", "Safes"),
    "secret": ("Geheimnis", "Geheimnisse"),
    "account": ("Konto", "Konten"),
    "session": ("Sitzung", "Sitzungen"),
    "token": ("Token", "Tokens"),
    "setting": ("Einstellung", "Einstellungen"),
    "report": ("Bericht", "Berichte"),
    "access request": ("Zugriffsanfrage", "Zugriffsanfragen"),
    "request": ("Anfrage", "Anfragen"),
    "audit log entry": ("Protokolleintrag", "Protokolleinträge"),
    "audit entry": ("Protokolleintrag", "Protokolleinträge"),
    "log entry": ("Protokolleintrag", "Protokolleinträge"),
    "log": ("Protokoll", "Protokolle"),
    "event": ("Ereignis", "Ereignisse"),
    "entry": ("Eintrag", "Einträge"),
    "item": ("Eintrag", "Einträge"),
    "customer": ("Kunde", "Kunden"),
    "order": ("Bestellung", "Bestellungen"),
    "product": ("Produkt", "Produkte"),
    "project": ("Projekt", "Projekte"),
    "task": ("Aufgabe", "Aufgaben"),
    "file": ("Datei", "Dateien"),
    "message": ("Nachricht", "Nachrichten"),
    "invoice": ("Rechnung", "Rechnungen"),
    "ticket": ("Ticket", "Tickets"),
}
#: English verb to what was done: "Benutzer user1 wurde angelegt".
DONE: Final[dict[str, str]] = {
    "create": "angelegt", "register": "angelegt", "update": "geändert", "change": "geändert", "edit": "geändert",
    "modify": "geändert", "patch": "geändert", "set": "gesetzt", "reset": "zurückgesetzt", "delete": "gelöscht",
    "remove": "entfernt", "disable": "deaktiviert", "deactivate": "deaktiviert", "enable": "aktiviert",
    "activate": "aktiviert", "lock": "gesperrt", "unlock": "entsperrt", "block": "gesperrt", "unblock": "entsperrt",
    "approve": "genehmigt", "deny": "abgelehnt", "reject": "abgelehnt", "rename": "umbenannt", "archive": "archiviert",
    "restore": "wiederhergestellt", "rotate": "erneuert", "renew": "erneuert", "invite": "eingeladen",
    "move": "verschoben", "copy": "kopiert", "cancel": "abgebrochen", "close": "geschlossen", "revoke": "widerrufen",
}  # fmt: skip
