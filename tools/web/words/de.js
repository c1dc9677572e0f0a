// SPDX-License-Identifier: MIT
// German. What is missing here is shown in English.
export default {
    'title': 'Chat', 'back': 'Zurück', 'close': 'Schließen', 'cancel': 'Abbrechen', 'save': 'Speichern', 'saved': 'Gespeichert', 'join': 'Beitreten', 'decline': 'Ablehnen',
    'block': 'Blockieren', 'unblock': 'Blockierung aufheben', 'blocked': 'blockiert', 'online': 'online', 'offline': 'offline', 'you': 'Du',
    'account': 'Konto {id}', 'details': 'Details', 'contacts': 'Kontakte', 'members': 'Mitglieder', 'devices': 'Geräte', 'logout': 'Abmelden',
    'typing': 'schreibt…', 'typing.name': '{name} schreibt…',

    'login.title': 'Willkommen', 'login.text': 'Melde dich an, oder wähle einen Namen und lege ein Konto an.', 'login.name': 'Name', 'login.password': 'Passwort',
    'login.invite': 'Einladung', 'login.remember': 'Angemeldet bleiben', 'login.in': 'Anmelden', 'login.register': 'Konto anlegen',
    'elsewhere.title': 'Anderswo offen', 'elsewhere.text': 'Der Chat ist in einem anderen Tab dieses Browsers oder in einer Kopie seines Profils offen.', 'elsewhere.here': 'Hier verwenden',
    'logout.ask': 'Entwürfe und Nachrichten auf diesem Gerät werden von ihm gelöscht.',

    'banner.offline': 'Keine Verbindung.', 'banner.wait': 'Nächster Versuch in {n} s', 'banner.connecting': 'Verbinde…', 'banner.retry': 'Jetzt versuchen',

    'list.title': 'Unterhaltungen', 'list.search': 'Chat finden oder beginnen', 'list.begin': 'Chat beginnen mit', 'list.empty': 'Noch keine Unterhaltungen.',
    'list.invited': 'Einladung', 'list.draft': 'Entwurf:', 'list.you': 'Du:', 'list.unread': { one: '{n} ungelesene Nachricht', other: '{n} ungelesene Nachrichten' },

    'conversation': 'Unterhaltung', 'conversation.none': 'Wähle eine Unterhaltung', 'conversation.keys': 'Strg+K findet eine',
    'log.title': 'Nachrichten', 'log.new': 'Neu', 'log.newest': 'Neueste Nachricht', 'log.begin': 'Hier beginnt die Unterhaltung.', 'log.empty': 'Noch keine Nachrichten. Sag hallo!',
    'log.loading': 'Lädt…', 'log.gone': 'Diese Nachricht gibt es nicht mehr.',
    'message.menu': 'Aktionen', 'message.reply': 'Antworten', 'message.copy': 'Text kopieren', 'message.copied': 'Kopiert', 'message.edit': 'Bearbeiten',
    'message.recall': 'Für alle löschen', 'message.recallAsk': 'Die Nachricht verschwindet für alle in dieser Unterhaltung.', 'message.recalled': 'Gelöschte Nachricht', 'message.empty': 'Leere Nachricht',
    'message.edited': 'bearbeitet', 'message.retry': 'Erneut senden', 'message.discard': 'Verwerfen',
    'state.sending': 'Wird gesendet', 'state.stored': 'Gesendet', 'state.read': 'Gelesen', 'state.failed': 'Nicht gesendet',
    'composer.text': 'Nachricht', 'composer.send': 'Senden', 'composer.reply': 'Antwort an', 'composer.edit': 'Nachricht bearbeiten',
    'foot.invited': 'Du bist in diese Gruppe eingeladen.', 'foot.remove': 'Aus der Liste entfernen', 'foot.gone': 'Du bist nicht mehr in dieser Gruppe.', 'foot.blocked': 'Du hast diese Person blockiert.',
    'foot.muted': 'Du kannst hier bis {until} nicht schreiben.', 'foot.mutedAlways': 'Hier schreiben nur Admins.',

    'new.title': 'Neuer Chat', 'new.name': 'Name einer Person', 'new.nameHint': 'Schreibe den Namen genau.', 'new.open': 'Öffnen', 'new.group': 'Neue Gruppe', 'new.groupDo': 'Gruppe anlegen',
    'new.join': 'Einer Gruppe beitreten', 'new.number': 'Nummer der Gruppe', 'new.numberHint': 'Sie steht in den Details der Gruppe.',
    'contacts.none': 'Noch niemand. In den Details eines Chats fügst du Personen hinzu.', 'contacts.lists': 'hat dich hinzugefügt', 'contacts.menu': 'Aktionen für {name}',
    'contacts.add': 'Zu Kontakten hinzufügen', 'contacts.remove': 'Aus Kontakten entfernen',
    'details.quiet': 'Stumm', 'details.quietHint': 'Keine Benachrichtigungen auf diesem Gerät', 'details.friend': 'Kontakt', 'details.friendHint': 'Zeigt, wann diese Person online ist',
    'details.block': 'Blockieren', 'details.blockHint': 'Diese Person kann dir nicht schreiben',

    'group.number': 'Nummer {id}', 'group.name': 'Name der Gruppe', 'group.desc': 'Beschreibung', 'group.edit': 'Gruppe bearbeiten',
    'group.joinOpen': 'Alle dürfen beitreten', 'group.joinInvite': 'Nur Eingeladene dürfen beitreten', 'group.historyJoined': 'Neue Mitglieder sehen nur Neues', 'group.historyAll': 'Neue Mitglieder sehen alles',
    'group.muteAll': 'Nur Admins schreiben', 'group.invite': 'Einladen', 'group.inviteDo': 'Einladen', 'group.invited': '{name} ist eingeladen.',
    'group.leave': 'Gruppe verlassen', 'group.leaveAsk': 'Du bekommst keine Nachrichten mehr aus {name}.', 'group.leaveCreator': 'Übergib die Gruppe zuerst: Wähle ein Mitglied in der Liste.',
    'members.count': { one: '{n} Mitglied', other: '{n} Mitglieder' }, 'members.more': 'Mehr zeigen', 'members.write': 'Nachricht schreiben', 'members.admin': 'Zum Admin machen',
    'members.normal': 'Zum einfachen Mitglied machen', 'members.creator': 'Gruppe übergeben', 'members.creatorAsk': 'Die Gruppe gehört dann {name}, und du wirst Admin.',
    'members.mute': 'Eine Stunde stummschalten', 'members.unmute': 'Wieder schreiben lassen', 'members.remove': 'Entfernen', 'members.removeAsk': '{name} verlässt die Gruppe und kann wieder beitreten.',
    'members.ban': 'Entfernen und sperren', 'members.banAsk': '{name} verlässt die Gruppe und braucht eine Einladung, um zurückzukommen.', 'members.since': '{name}: Mitglied seit {date}',
    'role.creator': 'Besitzer', 'role.admin': 'Admin',

    'settings.title': 'Einstellungen', 'settings.language': 'Sprache', 'settings.theme': 'Aussehen', 'theme.auto': 'Wie das System', 'theme.light': 'Hell', 'theme.dark': 'Dunkel',
    'settings.notify': 'Benachrichtigungen', 'settings.notifyHint': 'Wenn der Chat nicht vorn ist', 'settings.notifyRefused': 'Der Browser erlaubt dieser Seite keine Benachrichtigungen.',
    'settings.showRead': 'Zeigen, was ich gelesen habe', 'settings.showReadHint': 'Andere sehen es an ihren Nachrichten',
    'devices.this': 'Dieses Gerät', 'devices.other': 'Gerät {id}', 'devices.plain': 'Einfacher Client', 'devices.seen': 'zuletzt gesehen: {date}', 'devices.end': 'Abmelden',
    'password.title': 'Passwort ändern', 'password.old': 'Bisheriges Passwort', 'password.new': 'Neues Passwort', 'password.hint': 'Alle anderen Geräte werden abgemeldet.',
    'password.do': 'Ändern', 'password.done': 'Das Passwort ist geändert.',

    'notice.server': 'Hinweis des Servers: {text}',
    'notice.added': '{name} hat dich als Kontakt hinzugefügt.', 'notice.invited': '{name} lädt dich in {group} ein.', 'notice.removed': '{name} hat dich aus {group} entfernt.',
    'notice.banned': '{name} hat dich aus {group} entfernt; zurück kommst du nur mit einer Einladung.',
    'notice.removedByOperator': 'Der Betreiber hat dich aus {group} entfernt.', 'notice.ended': 'Der Betreiber hat {group} beendet.',

    'event.created': '{who} hat die Gruppe {name} angelegt', 'event.joined': '{who} ist beigetreten', 'event.left': '{who} ist gegangen', 'event.removed': '{who} hat {whom} entfernt',
    'event.banned': '{who} hat {whom} entfernt und gesperrt', 'event.admin': '{who} hat {whom} zum Admin gemacht', 'event.normal': '{who} hat {whom} zum einfachen Mitglied gemacht',
    'event.creator': '{who} hat {whom} die Gruppe übergeben', 'event.muted': '{who} hat {whom} stummgeschaltet', 'event.unmuted': '{who} lässt {whom} wieder schreiben',
    'event.mutedAll': '{who} lässt nur Admins schreiben', 'event.unmutedAll': '{who} lässt alle schreiben', 'event.renamed': '{who} hat die Gruppe {name} genannt',
    'event.described': '{who} hat die Beschreibung geändert: {desc}', 'event.settings': '{who} hat die Einstellungen der Gruppe geändert', 'event.ended': '{who} hat die Gruppe beendet',
    'event.operator': 'Der Betreiber',

    'error.login': 'Name oder Passwort ist falsch.', 'error.locked': 'Dieses Konto ist gesperrt.', 'error.taken': 'Dieser Name ist vergeben oder nicht erlaubt.', 'error.password': 'Das bisherige Passwort ist falsch.',
    'error.empty': 'Bitte fülle dieses Feld aus.', 'error.number': 'Bitte gib eine Nummer ein.', 'error.notLoggedIn': 'Bitte melde dich neu an.', 'error.badFrame': 'Der Server hat das nicht verstanden.',
    'error.noUser': 'Niemand heißt so.', 'error.noGroup': 'Diese Gruppe gibt es nicht.', 'error.notAllowed': 'Das ist nicht erlaubt.', 'error.muted': 'Du kannst hier bis {until} nicht schreiben.',
    'error.exists': 'Das gibt es schon.', 'error.busy': 'Das war zu viel auf einmal. Versuche es gleich noch einmal.', 'error.unavailable': 'Der Server kann das gerade nicht. Versuche es gleich noch einmal.',
    'error.tooLong': 'Das ist zu lang.', 'error.offline': 'Es gibt keine Verbindung.', 'error.noMessage': 'Diese Nachricht gibt es nicht mehr.',
    'error.tooLate': 'Die Zeit dafür ist vorbei.', 'error.full': 'Mehr passen nicht.', 'error.devices': 'Zu viele Geräte sind angemeldet. Melde eines davon ab.',
    'error.closed': 'Hier können keine neuen Konten angelegt werden.', 'error.invite': 'Für ein Konto brauchst du eine Einladung.', 'error.inviteBad': 'Diese Einladung ist falsch, verbraucht oder abgelaufen.', 'error.timeout': 'Der Server hat nicht geantwortet.', 'error.ended': 'Du wurdest abgemeldet. Bitte melde dich neu an.',
    'error.refused': 'Der Server hat das abgelehnt: {text}'
};
