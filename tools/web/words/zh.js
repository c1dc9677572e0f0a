// SPDX-License-Identifier: MIT
// Chinese. What is missing here is shown in English.
export default {
    'title': '聊天', 'back': '返回', 'close': '关闭', 'cancel': '取消', 'save': '保存', 'saved': '已保存', 'join': '加入', 'decline': '拒绝',
    'block': '屏蔽', 'unblock': '取消屏蔽', 'blocked': '已屏蔽', 'online': '在线', 'offline': '离线', 'you': '我',
    'account': '账号 {id}', 'details': '详情', 'contacts': '联系人', 'members': '成员', 'devices': '设备', 'logout': '退出登录',
    'typing': '正在输入…', 'typing.name': '{name} 正在输入…',

    'login.title': '欢迎', 'login.text': '请登录，或取一个名字注册新账号。', 'login.name': '名字', 'login.password': '密码',
    'login.invite': '邀请码', 'login.remember': '保持登录', 'login.in': '登录', 'login.register': '注册',
    'elsewhere.title': '已在别处打开', 'elsewhere.text': '聊天已在此浏览器的另一个标签页或其配置文件的副本中打开。', 'elsewhere.here': '在这里使用',
    'logout.ask': '保存在此设备上的草稿和消息将被删除。',

    'banner.offline': '没有连接。', 'banner.wait': '{n} 秒后重试', 'banner.connecting': '正在连接…', 'banner.retry': '立即重试',

    'list.title': '会话', 'list.search': '查找或开始聊天', 'list.begin': '开始聊天', 'list.empty': '还没有会话。',
    'list.invited': '邀请', 'list.draft': '草稿：', 'list.you': '我：', 'list.unread': { other: '{n} 条未读消息' },

    'conversation': '会话', 'conversation.none': '请选择一个会话', 'conversation.keys': '按 Ctrl+K 查找',
    'log.title': '消息', 'log.new': '新消息', 'log.newest': '最新消息', 'log.begin': '会话从这里开始。', 'log.empty': '还没有消息，打个招呼吧！',
    'log.loading': '加载中…', 'log.gone': '这条消息已不存在。',
    'message.menu': '操作', 'message.reply': '回复', 'message.copy': '复制文字', 'message.copied': '已复制', 'message.edit': '编辑',
    'message.recall': '撤回', 'message.recallAsk': '这条消息将对会话中的所有人消失。', 'message.recalled': '消息已撤回', 'message.empty': '空消息',
    'message.edited': '已编辑', 'message.retry': '重发', 'message.discard': '放弃',
    'state.sending': '发送中', 'state.stored': '已发送', 'state.read': '已读', 'state.failed': '未发送',
    'composer.text': '消息', 'composer.send': '发送', 'composer.reply': '回复', 'composer.edit': '编辑消息',
    'foot.invited': '你被邀请加入此群。', 'foot.remove': '从列表中移除', 'foot.gone': '你已不在此群中。', 'foot.blocked': '你已屏蔽此人。',
    'foot.muted': '在 {until} 之前你不能在此发言。', 'foot.mutedAlways': '只有管理员可以发言。',

    'new.title': '新聊天', 'new.name': '对方的名字', 'new.nameHint': '请输入完整的名字。', 'new.open': '打开', 'new.group': '新建群', 'new.groupDo': '创建群',
    'new.join': '加入群', 'new.number': '群号', 'new.numberHint': '群号在群的详情里。',
    'contacts.none': '还没有联系人。可在聊天的详情中添加。', 'contacts.lists': '加了你', 'contacts.menu': '对 {name} 的操作',
    'contacts.add': '添加到联系人', 'contacts.remove': '从联系人中删除',
    'details.quiet': '免打扰', 'details.quietHint': '此设备上不显示通知', 'details.friend': '联系人', 'details.friendHint': '显示对方何时在线',
    'details.block': '屏蔽', 'details.blockHint': '对方不能给你发消息',

    'group.number': '群号 {id}', 'group.name': '群名', 'group.desc': '简介', 'group.edit': '编辑群',
    'group.joinOpen': '允许所有人加入', 'group.joinInvite': '仅允许受邀者加入', 'group.historyJoined': '新成员只看加入后的消息', 'group.historyAll': '新成员可看全部消息',
    'group.muteAll': '仅管理员发言', 'group.invite': '邀请', 'group.inviteDo': '邀请', 'group.invited': '已邀请 {name}。',
    'group.leave': '退出群', 'group.leaveAsk': '你将不再收到 {name} 的消息。', 'group.leaveCreator': '请先转让群主：在列表中选择一位成员。',
    'members.count': { other: '{n} 位成员' }, 'members.more': '显示更多', 'members.write': '发消息', 'members.admin': '设为管理员',
    'members.normal': '设为普通成员', 'members.creator': '转让群主', 'members.creatorAsk': '{name} 将成为群主，你将成为管理员。',
    'members.mute': '禁言一小时', 'members.unmute': '解除禁言', 'members.remove': '移出群', 'members.removeAsk': '{name} 将离开此群，可以再次加入。',
    'members.ban': '移出并禁止加入', 'members.banAsk': '{name} 将离开此群，受邀后才能回来。', 'members.since': '{name}：{date} 起为成员',
    'role.creator': '群主', 'role.admin': '管理员',

    'settings.title': '设置', 'settings.language': '语言', 'settings.theme': '外观', 'theme.auto': '跟随系统', 'theme.light': '浅色', 'theme.dark': '深色',
    'settings.notify': '通知', 'settings.notifyHint': '聊天不在前台时', 'settings.notifyRefused': '浏览器不允许此页面发送通知。',
    'settings.showRead': '显示已读状态', 'settings.showReadHint': '对方能看到你已读',
    'devices.this': '此设备', 'devices.other': '设备 {id}', 'devices.plain': '简单客户端', 'devices.seen': '上次在线：{date}', 'devices.end': '退出登录',
    'password.title': '修改密码', 'password.old': '当前密码', 'password.new': '新密码', 'password.hint': '所有其他设备都会退出登录。',
    'password.do': '修改', 'password.done': '密码已修改。',

    'notice.server': '服务器通知：{text}',
    'notice.added': '{name} 添加了你为联系人。', 'notice.invited': '{name} 邀请你加入 {group}。', 'notice.removed': '{name} 将你移出了 {group}。',
    'notice.banned': '{name} 将你移出了 {group},受邀后才能回来。',
    'notice.removedByOperator': '服务器运营者将你移出了 {group}。', 'notice.ended': '服务器运营者解散了 {group}。',

    'event.created': '{who} 创建了群 {name}', 'event.joined': '{who} 加入了群', 'event.left': '{who} 退出了群', 'event.removed': '{who} 移出了 {whom}',
    'event.banned': '{who} 移出并禁止了 {whom}', 'event.admin': '{who} 将 {whom} 设为管理员', 'event.normal': '{who} 将 {whom} 设为普通成员',
    'event.creator': '{who} 将群主转让给 {whom}', 'event.muted': '{who} 将 {whom} 禁言', 'event.unmuted': '{who} 解除了 {whom} 的禁言',
    'event.mutedAll': '{who} 设置为仅管理员发言', 'event.unmutedAll': '{who} 允许所有人发言', 'event.renamed': '{who} 将群名改为 {name}',
    'event.described': '{who} 修改了简介：{desc}', 'event.settings': '{who} 修改了群设置', 'event.ended': '{who} 解散了群',
    'event.operator': '服务器运营者',

    'error.login': '名字或密码错误。', 'error.locked': '此账号已被锁定。', 'error.taken': '这个名字已被使用或不允许使用。', 'error.password': '当前密码错误。',
    'error.empty': '请填写此项。', 'error.number': '请输入数字。', 'error.notLoggedIn': '请重新登录。', 'error.badFrame': '服务器无法理解此请求。',
    'error.noUser': '没有人叫这个名字。', 'error.noGroup': '没有这个群。', 'error.notAllowed': '不允许此操作。', 'error.muted': '在 {until} 之前你不能在此发言。',
    'error.exists': '已经存在。', 'error.busy': '操作太频繁，请稍后再试。', 'error.unavailable': '服务器暂时无法处理，请稍后再试。',
    'error.tooLong': '太长了。', 'error.offline': '没有连接。', 'error.noMessage': '这条消息已不存在。',
    'error.tooLate': '已超过时限。', 'error.full': '已达上限。', 'error.devices': '登录的设备太多，请退出其中一个。',
    'error.closed': '这里不接受新账号注册。', 'error.invite': '注册需要邀请。', 'error.inviteBad': '此邀请码无效、已用完或已过期。', 'error.timeout': '服务器没有响应。', 'error.ended': '你已被退出登录，请重新登录。',
    'error.refused': '服务器拒绝了：{text}'
};
