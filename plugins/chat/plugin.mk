chat_SHARED = message
