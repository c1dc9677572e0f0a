// SPDX-License-Identifier: MIT
// English, and the list of all texts: the other languages translate these keys.
export default {
    'title': 'Chat', 'back': 'Back', 'close': 'Close', 'cancel': 'Cancel', 'save': 'Save', 'saved': 'Saved', 'join': 'Join', 'decline': 'Decline',
    'block': 'Block', 'unblock': 'Unblock', 'blocked': 'blocked', 'online': 'online', 'offline': 'offline', 'you': 'You',
    'account': 'Account {id}', 'details': 'Details', 'contacts': 'Contacts', 'members': 'Members', 'devices': 'Devices', 'logout': 'Log out',
    'typing': 'typing…', 'typing.name': '{name} is typing…',

    'login.title': 'Welcome', 'login.text': 'Log in, or choose a name and create an account.', 'login.name': 'Name', 'login.password': 'Password',
    'login.invite': 'Invitation', 'login.remember': 'Stay logged in', 'login.in': 'Log in', 'login.register': 'Create account',
    'elsewhere.title': 'Open elsewhere', 'elsewhere.text': 'The chat is open in another tab of this browser, or in a copy of its profile.', 'elsewhere.here': 'Use it here',
    'logout.ask': 'Drafts and messages kept on this device are removed from it.',

    'banner.offline': 'No connection.', 'banner.wait': 'Next attempt in {n} s', 'banner.connecting': 'Connecting…', 'banner.retry': 'Retry now',

    'list.title': 'Conversations', 'list.search': 'Find or start a chat', 'list.begin': 'Start a chat with', 'list.empty': 'No conversations yet.',
    'list.invited': 'Invitation', 'list.draft': 'Draft:', 'list.you': 'You:', 'list.unread': { one: '{n} unread message', other: '{n} unread messages' },

    'conversation': 'Conversation', 'conversation.none': 'Choose a conversation', 'conversation.keys': 'Ctrl+K finds one',
    'log.title': 'Messages', 'log.new': 'New', 'log.newest': 'Newest message', 'log.begin': 'This is where the conversation begins.', 'log.empty': 'No messages yet. Say hello!',
    'log.loading': 'Loading…', 'log.gone': 'This message is no longer there.',
    'message.menu': 'Actions', 'message.reply': 'Reply', 'message.copy': 'Copy text', 'message.copied': 'Copied', 'message.edit': 'Edit',
    'message.recall': 'Delete for everyone', 'message.recallAsk': 'The message disappears for everyone in this conversation.', 'message.recalled': 'Deleted message', 'message.empty': 'Empty message',
    'message.edited': 'edited', 'message.retry': 'Retry', 'message.discard': 'Discard',
    'state.sending': 'Sending', 'state.stored': 'Sent', 'state.read': 'Read', 'state.failed': 'Not sent',
    'composer.text': 'Message', 'composer.send': 'Send', 'composer.reply': 'Reply to', 'composer.edit': 'Edit message',
    'foot.invited': 'You are invited to this group.', 'foot.remove': 'Remove from list', 'foot.gone': 'You are no longer in this group.', 'foot.blocked': 'You blocked this person.',
    'foot.muted': 'You cannot write here until {until}.', 'foot.mutedAlways': 'Only admins can write here.',

    'new.title': 'New chat', 'new.name': 'Name of a person', 'new.nameHint': 'Write the name exactly.', 'new.open': 'Open', 'new.group': 'New group', 'new.groupDo': 'Create group',
    'new.join': 'Join a group', 'new.number': 'Number of the group', 'new.numberHint': 'It stands in the details of the group.',
    'contacts.none': 'Nobody yet. Add people in the details of a chat.', 'contacts.lists': 'added you', 'contacts.menu': 'Actions for {name}',
    'contacts.add': 'Add to contacts', 'contacts.remove': 'Remove from contacts',
    'details.quiet': 'Silence', 'details.quietHint': 'No notifications on this device', 'details.friend': 'Contact', 'details.friendHint': 'Shows when this person is online',
    'details.block': 'Block', 'details.blockHint': 'This person cannot write to you',

    'group.number': 'Number {id}', 'group.name': 'Name of the group', 'group.desc': 'Description', 'group.edit': 'Edit group',
    'group.joinOpen': 'Let everyone join', 'group.joinInvite': 'Let only invited people join', 'group.historyJoined': 'Show new members only new messages', 'group.historyAll': 'Show new members all messages',
    'group.muteAll': 'Only admins write', 'group.invite': 'Invite', 'group.inviteDo': 'Invite', 'group.invited': '{name} is invited.',
    'group.leave': 'Leave group', 'group.leaveAsk': 'You get no more messages from {name}.', 'group.leaveCreator': 'First make someone else the owner: choose a member of the list.',
    'members.count': { one: '{n} member', other: '{n} members' }, 'members.more': 'Show more', 'members.write': 'Write a message', 'members.admin': 'Make admin',
    'members.normal': 'Make ordinary member', 'members.creator': 'Make owner', 'members.creatorAsk': '{name} becomes the owner, and you become an admin.',
    'members.mute': 'Mute for an hour', 'members.unmute': 'Unmute', 'members.remove': 'Remove', 'members.removeAsk': '{name} leaves the group and can join again.',
    'members.ban': 'Remove and ban', 'members.banAsk': '{name} leaves the group and needs an invitation to come back.', 'members.since': '{name}: member since {date}',
    'role.creator': 'owner', 'role.admin': 'admin',

    'settings.title': 'Settings', 'settings.language': 'Language', 'settings.theme': 'Look', 'theme.auto': 'As the system', 'theme.light': 'Light', 'theme.dark': 'Dark',
    'settings.notify': 'Notifications', 'settings.notifyHint': 'When the chat is not in front', 'settings.notifyRefused': 'The browser does not allow notifications for this page.',
    'settings.showRead': 'Show what I have read', 'settings.showReadHint': 'Others see it at their messages',
    'devices.this': 'This device', 'devices.other': 'Device {id}', 'devices.plain': 'Simple client', 'devices.seen': 'last seen {date}', 'devices.end': 'Log out',
    'password.title': 'Change password', 'password.old': 'Present password', 'password.new': 'New password', 'password.hint': 'All other devices are logged out.',
    'password.do': 'Change', 'password.done': 'The password is changed.',

    'notice.server': 'Notice of the server: {text}',
    'notice.added': '{name} added you to their contacts.', 'notice.invited': '{name} invited you to {group}.', 'notice.removed': '{name} removed you from {group}.',
    'notice.banned': '{name} removed you from {group}; an invitation is needed to return.',
    'notice.removedByOperator': 'The operator removed you from {group}.', 'notice.ended': 'The operator ended {group}.',

    'event.created': '{who} created the group {name}', 'event.joined': '{who} joined', 'event.left': '{who} left', 'event.removed': '{who} removed {whom}',
    'event.banned': '{who} removed and banned {whom}', 'event.admin': '{who} made {whom} an admin', 'event.normal': '{who} made {whom} an ordinary member',
    'event.creator': '{who} made {whom} the owner', 'event.muted': '{who} muted {whom}', 'event.unmuted': '{who} unmuted {whom}',
    'event.mutedAll': '{who} lets only admins write', 'event.unmutedAll': '{who} lets everyone write', 'event.renamed': '{who} named the group {name}',
    'event.described': '{who} changed the description: {desc}', 'event.settings': '{who} changed the settings of the group', 'event.ended': '{who} ended the group',
    'event.operator': 'The operator',

    'error.login': 'Wrong name or password.', 'error.locked': 'This account is locked.', 'error.taken': 'This name is taken or not allowed.', 'error.password': 'The present password is wrong.',
    'error.empty': 'Please fill in this field.', 'error.number': 'Please enter a number.', 'error.notLoggedIn': 'Please log in again.', 'error.badFrame': 'The server did not understand this.',
    'error.noUser': 'Nobody has this name.', 'error.noGroup': 'There is no such group.', 'error.notAllowed': 'This is not allowed.', 'error.muted': 'You cannot write here until {until}.',
    'error.exists': 'It exists already.', 'error.busy': 'Too much at once. Try again in a moment.', 'error.unavailable': 'The server cannot do this now. Try again in a moment.',
    'error.tooLong': 'This is too long.', 'error.offline': 'There is no connection.', 'error.noMessage': 'This message is no longer there.',
    'error.tooLate': 'The time for this is over.', 'error.full': 'No more of them fit.', 'error.devices': 'Too many devices are logged in. End one of them.',
    'error.closed': 'No new accounts can be made here.', 'error.invite': 'An invitation is needed to make an account.', 'error.inviteBad': 'This invitation is wrong, used up or over.', 'error.timeout': 'The server did not answer.', 'error.ended': 'You were logged out. Please log in again.',
    'error.refused': 'The server refused this: {text}'
};
